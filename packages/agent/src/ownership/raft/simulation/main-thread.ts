// SPDX-License-Identifier: Apache-2.0
import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';

/** The main thread gives a sign of life this often. */
const ALIVE_MS = 500;

/** What the worker hears from the main thread. */
export interface MainListener {
  /** Its counter has moved. */
  alive(): void;
  /** It has done all that this version of what was granted asks for, and has these addresses on the node. */
  done(addresses: ReadonlySet<string>, version: number): void;
}

/** What a {@link MainThread} runs on. */
export interface MainOptions {
  readonly agenda: Agenda;
  readonly random: Random;
  /** Share of passes that take much longer than usual. */
  readonly slowShare: number;
  readonly listener: MainListener;
  /** The process has not been killed. */
  readonly isAlive: () => boolean;
}

/**
 * An agent's main thread as far as its worker depends on it: it puts addresses on the node and takes them off, some time
 * after the worker has said what is granted, one pass at a time and always for the newest word. It can stall by itself.
 */
export class MainThread {
  readonly #options: MainOptions;
  #wanted: { readonly addresses: ReadonlySet<string>; readonly version: number } | undefined;
  #isBusy = false;
  #stalls = 0;
  #inKernel: ReadonlySet<string> = new Set();
  /** True time since which it is silent. */
  stalledSinceMs: number | undefined;
  /** Most versions that the worker was ahead. */
  worstLag = 0;

  constructor(options: MainOptions) {
    this.#options = options;
    this.#beat();
  }

  /** Addresses that are on this host, or are just being put on or taken off. */
  get inKernel(): ReadonlySet<string> {
    return this.#inKernel;
  }

  /** The worker says what is granted now. */
  grant(addresses: ReadonlySet<string>, version: number): void {
    this.#wanted = { addresses, version };
    this.#begin();
  }

  stall(): void {
    this.#stalls++;
    this.stalledSinceMs ??= this.#options.agenda.nowMs;
  }

  resume(): void {
    if (this.#stalls === 0) return;
    this.#stalls--;
    if (this.#stalls > 0) return;
    this.stalledSinceMs = undefined;
    this.#options.listener.alive();
    this.#begin();
  }

  get #runs(): boolean {
    return this.#stalls === 0 && this.#options.isAlive();
  }

  #begin(): void {
    if (this.#isBusy || this.#wanted === undefined) return;
    this.#isBusy = true;
    const { agenda, random, slowShare } = this.#options;
    const slow = random.chance(slowShare);
    agenda.after(random.between(0.05, slow ? 20 : 1), () => {
      if (!this.#runs) return this.#end();
      const wanted = this.#wanted;
      if (wanted === undefined) return this.#end();
      this.#wanted = undefined;
      this.#inKernel = new Set([...this.#inKernel, ...wanted.addresses]);
      agenda.after(random.between(0.05, slow ? 60 : 2), () => {
        if (!this.#options.isAlive()) return;
        this.#inKernel = wanted.addresses;
        // It may have stalled in the middle of it: what it has to say waits.
        this.#report(wanted.addresses, wanted.version);
      });
    });
  }

  #report(addresses: ReadonlySet<string>, version: number): void {
    if (!this.#runs) {
      if (this.#options.isAlive()) this.#options.agenda.after(5, () => this.#report(addresses, version));
      return;
    }
    this.worstLag = Math.max(this.worstLag, (this.#wanted?.version ?? version) - version);
    this.#options.listener.done(addresses, version);
    this.#end();
  }

  #end(): void {
    this.#isBusy = false;
    if (this.#runs) this.#begin();
  }

  #beat(): void {
    this.#options.agenda.after(ALIVE_MS, () => {
      if (!this.#options.isAlive()) return;
      if (this.#stalls === 0) this.#options.listener.alive();
      this.#beat();
    });
  }
}
