// SPDX-License-Identifier: Apache-2.0
/**
 * Loaded before a program (`node --import`), so that signals do to it what no signal can do by itself:
 *
 * - SIGUSR2 blocks the main thread for LAB_STALL_MS while the other threads run on (SIGSTOP stops all of them);
 * - SIGWINCH fills the heap until the runtime gives up, with all the collecting of garbage that comes before that.
 */
import { isMainThread } from 'node:worker_threads';

const stallMs = Number(process.env.LAB_STALL_MS);
if (!(stallMs > 0)) {
  throw new Error(`LAB_STALL_MS is "${process.env.LAB_STALL_MS}", expected a number of milliseconds above 0`);
}

function exhaustHeap(): never {
  const hoard: object[] = [];
  for (;;) hoard.push({ another: new Array(1_000).fill(hoard.length) });
}

if (isMainThread) {
  const nothing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  process.on('SIGUSR2', () => Atomics.wait(nothing, 0, 0, stallMs));
  process.on('SIGWINCH', exhaustHeap);
}
