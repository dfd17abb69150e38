// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { type ProxyListener, samePlace } from './listener.ts';
import type { ListenerProblem, ListenerStats } from './plane.ts';
import type { ProxyListening } from './proxy-listening.ts';
import { TcpListening } from './tcp-listening.ts';
import { UdpListening } from './udp-listening.ts';

/** What runs over a listener that was taken away may go on for so long: its address is probably elsewhere by now. */
const DRAIN_MS = 30_000;

interface Running {
  readonly listener: ProxyListener;
  readonly listening: ProxyListening;
}

/** All listeners of the plane, wherever it runs. Calls must not overlap. */
export class ProxySet {
  readonly #clock: Clock;
  /** By id. */
  readonly #running = new Map<string, Running>();
  /** Those that were taken away while something runs over them. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes away the `gone` ones first, as others may take their places. Resolves to those of `put` that cannot be. */
  async change(put: readonly ProxyListener[], gone: readonly string[]): Promise<readonly ListenerProblem[]> {
    for (const id of gone) this.#takeAway(id);
    for (const listener of put) {
      const before = this.#running.get(listener.id)?.listener;
      if (before !== undefined && !samePlace(listener, before)) this.#takeAway(listener.id);
    }
    const problems = await Promise.all(put.map((listener) => this.#bring(listener)));
    return problems.filter((problem) => problem !== undefined);
  }

  /** By id: those that have had anything to do. */
  stats(): ReadonlyMap<string, ListenerStats> {
    const stats = [...this.#running].map(([id, { listening }]) => [id, listening.stats()] as const);
    return new Map(stats.filter(([, each]) => hasWorked(each)));
  }

  /** Accepts nothing any more; resolves when nothing runs any more, at the latest after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    const ends = running.map(({ listening }) => listening.stop(drainMs));
    const limit = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(limit.resolve, drainMs);
    await Promise.all([...ends, Promise.race([Promise.all(this.#leaving), limit.promise])]);
    timer.cancel();
  }

  async #bring(listener: ProxyListener): Promise<ListenerProblem | undefined> {
    const { id } = listener;
    const known = this.#running.get(id);
    if (known !== undefined) {
      this.#running.set(id, { listener, listening: known.listening });
      known.listening.update(listener);
      return undefined;
    }
    const listening = await createListening(listener, this.#clock);
    try {
      await listening.start();
    } catch (error) {
      await listening.stop(0);
      return { id, problem: error instanceof Error ? error.message : String(error) };
    }
    this.#running.set(id, { listener, listening });
    return undefined;
  }

  #takeAway(id: string): void {
    const listening = this.#running.get(id)?.listening;
    if (listening === undefined) return;
    this.#running.delete(id);
    const end = listening.stop(DRAIN_MS).finally(() => this.#leaving.delete(end));
    this.#leaving.add(end);
  }
}

function hasWorked({ refused, open, bytesIn, bytesOut, targets }: ListenerStats): boolean {
  if (refused + open + bytesIn + bytesOut > 0) return true;
  return [...targets.values()].some(({ served, failures }) => served + failures > 0);
}

async function createListening(listener: ProxyListener, clock: Clock): Promise<ProxyListening> {
  switch (listener.mode) {
    case 'tcp':
      return new TcpListening(listener, clock);
    case 'udp':
      return new UdpListening(listener, clock);
    case 'http': {
      // Most planes have no HTTP, and what speaks it takes time and memory to load.
      const { HttpListening } = await import('./http-listening.ts');
      return new HttpListening(listener, clock);
    }
  }
}
