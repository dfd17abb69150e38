// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import { Pacer } from '../../announce/pacer.ts';

/** How much is probed at a time. */
export interface ProbeLimits {
  /** Probes under way. */
  readonly concurrent: number;
  /** Probes begun in a second. */
  readonly perSecond: number;
}

/** What waits to begin; begins it when called. */
type Start = () => void;

/**
 * Lets probes begin one after the other, within limits: with more targets than can be probed as often as asked, all are probed
 * less often, and nothing else of the process suffers. Those that may be about to fail go first, so that a dead back end is
 * found out as fast as ever once it has been looked at.
 */
export class ProbeGate {
  readonly #limits: ProbeLimits;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  /** In order of arrival; a set, so that what is not wanted any more leaves at no cost. */
  readonly #urgent = new Set<Start>();
  readonly #ordinary = new Set<Start>();
  #underWay = 0;
  #timer: Timer | undefined;

  constructor(limits: ProbeLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    // A tenth of a second's worth at once: what has just been added is spread by who adds it.
    this.#pacer = new Pacer(limits.perSecond, Math.max(1, limits.perSecond / 10));
  }

  /** Begins now, or when it is its turn; whoever has begun says {@link leave} at the end. */
  enter(start: Start, isUrgent: boolean): void {
    (isUrgent ? this.#urgent : this.#ordinary).add(start);
    this.#admit();
  }

  /** What waits does not begin any more. Nothing happens when it has. */
  withdraw(start: Start): void {
    this.#urgent.delete(start);
    this.#ordinary.delete(start);
  }

  /** One that had begun has ended. */
  leave(): void {
    this.#underWay -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#timer === undefined && this.#underWay < this.#limits.concurrent) {
      const start = this.#first();
      if (start === undefined) return;
      const waitMs = this.#pacer.waitMs(1, this.#clock.monotonicMs());
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimer(() => this.#goOn(), waitMs);
        return;
      }
      this.#pacer.take(1, this.#clock.monotonicMs());
      this.withdraw(start);
      this.#underWay += 1;
      start();
    }
  }

  #goOn(): void {
    this.#timer = undefined;
    this.#admit();
  }

  #first(): Start | undefined {
    const { value } = (this.#urgent.size > 0 ? this.#urgent : this.#ordinary).values().next();
    return value;
  }
}
