// SPDX-License-Identifier: Apache-2.0
import type { Clock } from './clock.ts';

/** What {@link collectWhenIdle} needs. */
export interface IdleCollectionOptions {
  readonly clock: Clock;
  /** Collects everything and gives memory back; undefined: the program may not (`--expose-gc` is missing), so nothing is done. */
  readonly collect: (() => void) | undefined;
  /** Bytes of JavaScript objects, garbage included. */
  readonly heapBytes: () => number;
  /** Part of the time since the last question in which this thread was busy, 0 to 1. */
  readonly utilization: () => number;
}

const LOOK_MS = 30_000;
/** Busier than this, a program has better things to do. */
const MAX_UTILIZATION = 0.1;
/** Less garbage than this is not worth a collection. */
const MIN_GARBAGE_BYTES = 8_000_000;

/**
 * Gives memory back when there is nothing to do. V8 lets a heap grow to several times of what is in use while there is work,
 * and a program at rest hardly allocates, so that it would keep that for hours. A collection takes some tens of
 * milliseconds and more; only threads that nobody waits for may do it. Returns a function that ends it.
 */
export function collectWhenIdle(options: IdleCollectionOptions): () => void {
  const { clock, collect, heapBytes, utilization } = options;
  if (collect === undefined) return () => undefined;
  /** What was left by the last collection. */
  let leftBytes = 0;
  let timer = clock.setTimer(look, LOOK_MS);
  function look(): void {
    const isIdle = utilization() <= MAX_UTILIZATION;
    if (isIdle && heapBytes() >= leftBytes + MIN_GARBAGE_BYTES) {
      collect?.();
      leftBytes = heapBytes();
    }
    timer = clock.setTimer(look, LOOK_MS);
  }
  return () => timer.cancel();
}
