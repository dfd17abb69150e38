// SPDX-License-Identifier: Apache-2.0
import type { HealthTarget, ProbeOutcome } from './health-check.ts';
import type { Verdict } from './verdict.ts';

/** Probes targets over and over, and says which ones are dead. */
export interface HealthChecker {
  /** All targets there are to probe; those not named any more are forgotten. Cheap for what has not changed. */
  want(targets: Iterable<HealthTarget>): void;
  /** Ids of targets that are `down`; another set after each change, and only then. */
  readonly down: ReadonlySet<string>;
  /** What is thought of each wanted target. */
  verdicts(): ReadonlyMap<string, Verdict>;
  /** A real connection to the target ended so; counts like a probe, and a failure has it probed at once. Ids not wanted are ignored. */
  report(id: string, outcome: ProbeOutcome): void;
  /** Calls after {@link down} has changed. Returns how to end it. */
  onChange(listener: () => void): () => void;
  /** For metrics. */
  stats(): HealthStats;
  /** Probes nothing any more. */
  stop(): void;
}

/** Totals since the start. */
export interface HealthStats {
  readonly succeeded: number;
  readonly failed: number;
  /** Without a result, because this process was too late itself. */
  readonly inconclusive: number;
  /** How late the latest probe was sent: grows when there are more targets than can be probed as often as asked. */
  readonly lagMs: number;
}

/** Where nothing is probed. */
export const NO_HEALTH: HealthChecker = {
  want: () => undefined,
  down: new Set(),
  verdicts: () => new Map(),
  report: () => undefined,
  onChange: () => () => undefined,
  stats: () => ({ succeeded: 0, failed: 0, inconclusive: 0, lagMs: 0 }),
  stop: () => undefined,
};
