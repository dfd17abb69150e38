// SPDX-License-Identifier: Apache-2.0
/**
 * Load at a fixed rate, whatever the answers do. A generator that waits for answers slows down exactly when the server
 * is slow, and so leaves out the worst samples.
 */
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';

/** When act number `index` (from 0) is due, in milliseconds after the start. */
export function dueMs(index: number, ratePerSecond: number): number {
  return (index * 1000) / ratePerSecond;
}

/** How many of `total` acts are due at `elapsedMs` after the start. */
export function dueCount(elapsedMs: number, ratePerSecond: number, total: number): number {
  if (elapsedMs < 0) return 0;
  // The tiny addition undoes the rounding of index * 1000 / rate, so that an act is due at exactly its own time.
  return Math.min(total, Math.floor((elapsedMs * ratePerSecond) / 1000 + 1e-9) + 1);
}

/** What {@link offer} needs. */
export interface OfferOptions {
  readonly count: number;
  readonly ratePerSecond: number;
  readonly clock: Clock;
  /** Begins act `index`, which was due at `dueAtMs` (monotonic); must return at once. */
  readonly begin: (index: number, dueAtMs: number) => void;
}

/**
 * Begins all acts on time, and several at once when the process was held up. Resolves with the lateness of each act, for
 * the proof that the rate was really offered.
 */
export async function offer({
  count,
  ratePerSecond,
  clock,
  begin,
}: OfferOptions): Promise<readonly number[]> {
  const startMs = clock.monotonicMs();
  const lateMs: number[] = [];
  while (lateMs.length < count) {
    const due = dueCount(clock.monotonicMs() - startMs, ratePerSecond, count);
    while (lateMs.length < due) {
      const dueAtMs = startMs + dueMs(lateMs.length, ratePerSecond);
      lateMs.push(clock.monotonicMs() - dueAtMs);
      begin(lateMs.length - 1, dueAtMs);
    }
    const next = startMs + dueMs(lateMs.length, ratePerSecond);
    if (lateMs.length < count) await delay(clock, next - clock.monotonicMs());
  }
  return lateMs;
}

/** Acts one after the other in each of `width` lanes, as fast as they are done. */
export async function saturate(
  count: number,
  width: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await act(index);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}
