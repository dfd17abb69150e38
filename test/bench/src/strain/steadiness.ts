// SPDX-License-Identifier: Apache-2.0
import type { NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import { judgeOwnership } from '@fairlead/test-lab/observer/ownership-judge.ts';
import { percentile } from '../scale/statistics.ts';

/** What the client saw of some addresses for a while. */
export interface Steadiness {
  /** Changes of the owner, of all addresses together. */
  readonly moves: number;
  readonly longestTwoOwnersMs: number;
  readonly longestNobodyMs: number;
  /** From a question to its answer. */
  readonly answerMs: { readonly p50: number; readonly p99: number; readonly worst: number };
}

/** Judges what an observer recorded between two moments, all addresses together, the worst of any. Pure. */
export function steadinessOf(
  events: readonly NeighborEvent[],
  addresses: readonly string[],
  fromMs: number,
  toMs: number,
): Steadiness {
  const verdicts = addresses.map((address) =>
    judgeOwnership(events, { address, sinceMs: fromMs, untilMs: toMs }),
  );
  const delays = events.flatMap((event) =>
    event.kind === 'answer' && event.probeMs !== undefined && event.atMs >= fromMs && event.atMs <= toMs
      ? [event.atMs - event.probeMs]
      : [],
  );
  const worst = (values: readonly number[]): number => Math.max(0, ...values);
  const share = (part: number): number => (delays.length === 0 ? Number.NaN : percentile(delays, part));
  return {
    // The first owner seen is no move.
    moves: verdicts.reduce((sum, { changes }) => sum + Math.max(0, changes.length - 1), 0),
    longestTwoOwnersMs: worst(verdicts.map(({ longestTwoOwnersMs }) => longestTwoOwnersMs)),
    longestNobodyMs: worst(verdicts.map(({ longestZeroOwnersMs }) => longestZeroOwnersMs)),
    answerMs: { p50: share(0.5), p99: share(0.99), worst: share(1) },
  };
}
