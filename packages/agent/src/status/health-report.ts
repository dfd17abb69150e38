// SPDX-License-Identifier: Apache-2.0
import { placeOfTarget } from '../balance/health/checked-model.ts';
import type { Verdict } from '../balance/health/verdict.ts';
import { redacted } from './redact.ts';

/** An endpoint that this node probes. */
export interface EndpointReport {
  /** `namespace/name`. */
  readonly service: string;
  /** `tcp/8080/10.1.0.9`. */
  readonly endpoint: string;
  readonly state: 'unknown' | 'up' | 'down';
  /** RFC 3339: since when. */
  readonly since: string;
  /** What came of the newest probe; empty: none yet. */
  readonly detail: string;
}

/** What the health checks found, the dead first. Pure. @param timeOf RFC 3339 of a moment on the monotonic clock */
export function endpointReports(
  verdicts: ReadonlyMap<string, Verdict>,
  timeOf: (atMs: number) => string,
): readonly EndpointReport[] {
  const reports = [...verdicts].map(([id, { state, sinceMs, detail }]) => ({
    ...placeOfTarget(id),
    state,
    since: timeOf(sinceMs),
    detail: redacted(detail),
  }));
  return reports.sort((a, b) => Number(b.state === 'down') - Number(a.state === 'down'));
}
