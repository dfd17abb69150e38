// SPDX-License-Identifier: Apache-2.0
import { type RunOptions, run } from '@fairlead/agent/ownership/raft/simulation/run.ts';

/** Runs for one thread. */
export interface BatchOrder {
  readonly firstSeed: number;
  readonly runs: number;
  readonly options: RunOptions;
  /** Ends with the first run that finds this; undefined: does all. */
  readonly lookFor: string | undefined;
}

/** A run that has found something. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly detail: string;
}

/** What came of the runs. */
export interface BatchResult {
  readonly runs: number;
  readonly steps: number;
  readonly moves: number;
  readonly worstUnheldMs: number;
  readonly worstLag: number;
  /** What has happened, and how often. */
  readonly happened: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

/** Runs that came to nothing yet. */
export const NO_RUNS: BatchResult = {
  runs: 0,
  steps: 0,
  moves: 0,
  worstUnheldMs: 0,
  worstLag: 0,
  happened: new Map(),
  failures: [],
};

/** Does the runs, one after the other. */
export function runBatch({ firstSeed, runs, options, lookFor }: BatchOrder): BatchResult {
  let total = NO_RUNS;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const result = run(seed, options);
    const first = result.violations.find(({ rule }) => lookFor === undefined || rule === lookFor);
    const failures = first === undefined ? [] : [{ seed, rule: first.rule, detail: first.detail }];
    total = addBatches(total, { ...result, runs: 1, failures });
    if (lookFor !== undefined && failures.length > 0) break;
  }
  return total;
}

/** Both together. */
export function addBatches(a: BatchResult, b: BatchResult): BatchResult {
  const happened = new Map(a.happened);
  for (const [what, count] of b.happened) happened.set(what, (happened.get(what) ?? 0) + count);
  return {
    runs: a.runs + b.runs,
    steps: a.steps + b.steps,
    moves: a.moves + b.moves,
    worstUnheldMs: Math.max(a.worstUnheldMs, b.worstUnheldMs),
    worstLag: Math.max(a.worstLag, b.worstLag),
    happened,
    failures: [...a.failures, ...b.failures],
  };
}
