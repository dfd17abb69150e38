// SPDX-License-Identifier: Apache-2.0
import { type Family, familyName } from '@fairlead/shared/address/address.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { Place } from './plan.ts';

/** So often within {@link WINDOW_MS} the place is taken back before someone else is believed to want it, too. */
const MOST_MOVES = 5;
const WINDOW_MS = 60_000;
/** How long the other one is let then. */
const TRUCE_MS = 600_000;

/**
 * Two programs that both want to be first would move their rules for ever. After some moves it is enough to stand before kube-proxy, which is
 * all that matters.
 */
export class PlaceKeeper {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #moves = new Map<Family, readonly number[]>();
  readonly #truceUntilMs = new Map<Family, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Where rules have to stand now. */
  place(family: Family): Place {
    return this.#clock.monotonicMs() < (this.#truceUntilMs.get(family) ?? 0) ? 'before-kube-proxy' : 'first';
  }

  /** Rules were repaired. @param isMove only their place was wrong */
  repaired(family: Family, isMove: boolean): void {
    const nowMs = this.#clock.monotonicMs();
    if (!isMove || this.place(family) !== 'first') return;
    const recent = (this.#moves.get(family) ?? []).filter((atMs) => nowMs - atMs < WINDOW_MS);
    this.#moves.set(family, [...recent, nowMs]);
    if (recent.length + 1 < MOST_MOVES) return;
    this.#moves.delete(family);
    this.#truceUntilMs.set(family, nowMs + TRUCE_MS);
    this.#logger.warn(
      { family: familyName(family), moves: MOST_MOVES },
      'another program puts its rules in front of ours again and again; for ten minutes it is enough that ours come before kube-proxy',
    );
  }
}
