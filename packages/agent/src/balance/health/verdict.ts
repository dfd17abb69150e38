// SPDX-License-Identifier: Apache-2.0
import type { HealthCheck, ProbeOutcome } from './health-check.ts';

/** What is thought of a target. */
export interface Verdict {
  /** `unknown`: nothing has come of any probe yet; counts as alive, since Kubernetes or the operator says so. */
  readonly state: 'unknown' | 'up' | 'down';
  /** Since when (monotonic milliseconds). */
  readonly sinceMs: number;
  /** Outcomes in a row that speak against the state. */
  readonly against: number;
  /** The newest outcome's words; empty: none yet. */
  readonly detail: string;
}

/** Before the first outcome. */
export function unknownVerdict(nowMs: number): Verdict {
  return { state: 'unknown', sinceMs: nowMs, against: 0, detail: '' };
}

/**
 * What is thought after one more outcome. The first one decides alone: nothing speaks against it. Afterwards the mind is changed
 * by `rise` successes or `fall` failures in a row. Pure.
 */
export function judge(
  before: Verdict,
  { ok, detail }: ProbeOutcome,
  { rise, fall }: Pick<HealthCheck, 'rise' | 'fall'>,
  nowMs: number,
): Verdict {
  const heard = ok ? 'up' : 'down';
  if (before.state === heard) return { ...before, against: 0, detail };
  const against = before.against + 1;
  const needed = before.state === 'unknown' ? 1 : ok ? rise : fall;
  if (against < needed) return { ...before, against, detail };
  return { state: heard, sinceMs: nowMs, against: 0, detail };
}
