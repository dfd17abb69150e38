// SPDX-License-Identifier: Apache-2.0
import type { Agenda } from '../agenda.ts';
import type { Random } from '../random.ts';

/** Times of the Leases, shorter than anybody would have them: in simulation all that counts is their order. */
export const LEASE_TIMES = { durationMs: 500, deadlineMs: 330, retryMs: 70 } as const;

interface Lock {
  holder: string;
  version: number;
}

/** Locks with holders, as an API server has them: writes are compare-and-swap. */
export class LeaseLocks {
  readonly #locks = new Map<string, Lock>();

  read(name: string): Lock {
    return { ...(this.#locks.get(name) ?? { holder: '', version: 0 }) };
  }

  /** False when somebody else was faster. */
  write(name: string, holder: string, over: number): boolean {
    if (this.read(name).version !== over) return false;
    this.#locks.set(name, { holder, version: over + 1 });
    return true;
  }
}

/** What a {@link LeaseBox} needs. */
export interface LeaseBoxOptions {
  readonly name: string;
  readonly locks: LeaseLocks;
  readonly addresses: readonly string[];
  readonly agenda: Agenda;
  readonly random: Random;
  readonly clockMs: () => number;
  /** The process lives and is not frozen. */
  readonly runs: () => boolean;
  readonly reachesApi: () => boolean;
  /** It has begun to hold an address. */
  readonly onHold: (address: string) => void;
}

/**
 * The `lease` engine as a black box: it holds an address from when its lock was written until a deadline that counts from
 * when the write was *sent*, on its own clock. A lock is taken when it is free, or was not renewed for a lease duration.
 */
export class LeaseBox {
  readonly #options: LeaseBoxOptions;
  /** Address -> until when it is held, on our clock. */
  readonly #held = new Map<string, number>();
  readonly #seen = new Map<string, { readonly version: number; readonly sinceMs: number }>();
  #isEnding = false;
  #busy = 0;

  constructor(options: LeaseBoxOptions) {
    this.#options = options;
    this.#loop();
  }

  holds(address: string): boolean {
    return this.#options.clockMs() < (this.#held.get(address) ?? Number.NEGATIVE_INFINITY);
  }

  /** Nothing is held, and nothing is under way. */
  get isStopped(): boolean {
    return this.#isEnding && this.#held.size === 0 && this.#busy === 0;
  }

  /** Addresses off first, then the locks; takes no new ones. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const { agenda, random } = this.#options;
    const held = [...this.#held.keys()];
    this.#held.clear();
    this.#busy += held.length;
    agenda.after(random.between(0.5, 8), () => {
      for (const address of held) this.#release(address);
    });
  }

  #release(address: string): void {
    const { agenda, random, locks, name, runs, reachesApi } = this.#options;
    agenda.after(random.between(1, 15), () => {
      if (!runs() || !reachesApi()) {
        agenda.after(30, () => this.#release(address));
        return;
      }
      const { holder, version } = locks.read(address);
      if (holder === name) locks.write(address, '', version);
      this.#busy--;
    });
  }

  #loop(): void {
    const { agenda, random } = this.#options;
    if (this.#isEnding) return;
    if (this.#options.runs() && this.#options.reachesApi()) this.#look();
    for (const [address, untilMs] of this.#held) {
      if (this.#options.clockMs() >= untilMs) this.#held.delete(address);
    }
    agenda.after(LEASE_TIMES.retryMs * random.between(0.7, 1), () => this.#loop());
  }

  #look(): void {
    const { addresses, locks, name, clockMs } = this.#options;
    const nowMs = clockMs();
    for (const address of addresses) {
      const { holder, version } = locks.read(address);
      const seen = this.#seen.get(address);
      if (seen?.version !== version) this.#seen.set(address, { version, sinceMs: nowMs });
      const isStale = seen?.version === version && nowMs - seen.sinceMs > LEASE_TIMES.durationMs;
      if (holder === name ? this.holds(address) || isStale : holder === '' || isStale)
        this.#take(address, version);
    }
  }

  #take(address: string, version: number): void {
    const { agenda, random, locks, name, clockMs, runs, reachesApi, onHold } = this.#options;
    const sentMs = clockMs();
    this.#busy++;
    agenda.after(random.between(0.5, 10), () => {
      const isTaken = reachesApi() && locks.write(address, name, version);
      agenda.after(random.between(0.5, 10), () => {
        this.#busy--;
        if (!isTaken || !runs()) return;
        if (this.#isEnding) {
          this.#busy++;
          this.#release(address);
          return;
        }
        const wasHeld = this.holds(address);
        this.#held.set(address, sentMs + LEASE_TIMES.deadlineMs);
        if (!wasHeld && this.holds(address)) onHold(address);
      });
    });
  }
}
