// SPDX-License-Identifier: Apache-2.0
import type { WatchStreams } from '../handlers/watch-stream.ts';
import type { Store } from '../store/store.ts';
import type { Listener, ListenerMode } from './listener.ts';
import { type FaultPlan, type FaultRule, FaultRules, type FaultSubject } from './rules.ts';

/** What the faults are at the moment. */
export interface FaultReport {
  readonly rules: readonly FaultRule[];
  /** Hits of each rule. */
  readonly hits: readonly number[];
  readonly mode: ListenerMode;
  readonly watchesStalled: boolean;
  readonly watches: number;
}

/** Everything that tests can make go wrong. All of it is undone by {@link Faults.clear}. */
export class Faults {
  readonly #rules: FaultRules;
  readonly #store: Store;
  readonly #watches: WatchStreams;
  readonly #listener: Listener;
  #stalled = false;
  #ending: NodeJS.Timeout | undefined;

  constructor(parts: {
    readonly store: Store;
    readonly watches: WatchStreams;
    readonly listener: Listener;
    readonly seed: number;
  }) {
    this.#rules = new FaultRules(parts.seed);
    this.#store = parts.store;
    this.#watches = parts.watches;
    this.#listener = parts.listener;
  }

  /** Replaces all rules; with a seed the dice start again. */
  setRules(rules: readonly FaultRule[], seed?: number): void {
    this.#rules.set(rules, seed);
  }

  /** What is to happen to one request. */
  plan(subject: FaultSubject): FaultPlan {
    return this.#rules.plan(subject);
  }

  /** True while requests on open connections must not be answered. */
  get isSilent(): boolean {
    return this.#listener.mode === 'blackhole';
  }

  /** Closes every open watch. */
  cutWatches(): void {
    this.#watches.cutAll();
  }

  /** Watches stay open and carry nothing, until {@link releaseWatches}. */
  stallWatches(): void {
    this.#stalled = true;
    this.#watches.holdAll();
  }

  /** Ends a stall: what was kept back is sent, or lost together with the connections. */
  releaseWatches(how: 'send' | 'cut' = 'send'): void {
    this.#stalled = false;
    this.#watches.releaseAll(how);
  }

  /** Forgets all history: watches from an old version and old continue tokens answer 410. */
  compact(): void {
    this.#store.compact();
  }

  /** Closes every connection; new ones are served. */
  cutConnections(): void {
    this.#listener.cutAll();
  }

  /** The server is away: `refuse` closes the port, `blackhole` accepts and never answers. Ends by itself after `forMs`. */
  async outage(mode: 'refuse' | 'blackhole', forMs?: number): Promise<void> {
    clearTimeout(this.#ending);
    if (mode === 'blackhole') this.#watches.holdAll();
    await this.#listener.setMode(mode);
    if (forMs === undefined) return;
    this.#ending = setTimeout(() => {
      this.endOutage().catch((error: unknown) => {
        console.error('cannot end the outage:', error instanceof Error ? error.message : error);
      });
    }, forMs);
  }

  /** The server is back. */
  async endOutage(): Promise<void> {
    clearTimeout(this.#ending);
    if (this.#listener.mode === 'blackhole') this.#watches.releaseAll('cut');
    if (this.#stalled) this.#watches.holdAll();
    await this.#listener.setMode('open');
  }

  /** A restart: connections cut, port closed for `downMs`, and no history of before (as a fresh watch cache has none). */
  async restart(downMs = 0): Promise<void> {
    await this.outage('refuse');
    this.#store.compact();
    if (downMs > 0) await new Promise((resolve) => setTimeout(resolve, downMs));
    await this.endOutage();
  }

  /** Back to normal. */
  async clear(): Promise<void> {
    this.#rules.set([]);
    this.releaseWatches('send');
    await this.endOutage();
  }

  report(): FaultReport {
    return {
      rules: this.#rules.rules,
      hits: this.#rules.hits(),
      mode: this.#listener.mode,
      watchesStalled: this.#stalled,
      watches: this.#watches.size,
    };
  }

  /** Stops timers; for the end of the server. */
  dispose(): void {
    clearTimeout(this.#ending);
  }
}
