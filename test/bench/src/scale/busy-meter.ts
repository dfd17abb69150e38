// SPDX-License-Identifier: Apache-2.0
import { cpus } from 'node:os';

/** Work of all processors so far. */
function totals(): { readonly busyMs: number; readonly allMs: number } {
  let busyMs = 0;
  let allMs = 0;
  for (const { times } of cpus()) {
    const work = times.user + times.nice + times.sys + times.irq;
    busyMs += work;
    allMs += work + times.idle;
  }
  return { busyMs, allMs };
}

/**
 * Begins to measure; the result says how many processors were busy on average since then, with this benchmark or with
 * anything else: near all of them, and the figures tell of the machine rather than of what was measured.
 */
export function startBusyMeter(): () => number {
  const before = totals();
  const count = cpus().length;
  return () => {
    const after = totals();
    const share = (after.busyMs - before.busyMs) / Math.max(1, after.allMs - before.allMs);
    return Math.round(share * count * 100) / 100;
  };
}
