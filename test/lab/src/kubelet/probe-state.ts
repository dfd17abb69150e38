// SPDX-License-Identifier: Apache-2.0

/** Timing and thresholds of a probe, defaults filled in. */
export interface ProbeSettings {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** Settings from the spec of a probe (Kubernetes' defaults). */
export function probeSettings(probe: {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}): ProbeSettings {
  const milliseconds = (seconds: number | undefined, fallback: number, least: number) =>
    Math.max(least, seconds ?? fallback) * 1_000;
  return {
    initialDelayMs: milliseconds(probe.initialDelaySeconds, 0, 0),
    periodMs: milliseconds(probe.periodSeconds, 10, 1),
    timeoutMs: milliseconds(probe.timeoutSeconds, 1, 1),
    successThreshold: Math.max(1, probe.successThreshold ?? 1),
    failureThreshold: Math.max(1, probe.failureThreshold ?? 3),
  };
}

/** Results in a row, and the verdict they led to. */
export interface ProbeState {
  readonly verdict: 'unknown' | 'success' | 'failure';
  readonly successes: number;
  readonly failures: number;
}

/** Before the first result. */
export const FRESH_PROBE: ProbeState = { verdict: 'unknown', successes: 0, failures: 0 };

/** Takes in one result: the verdict changes when a threshold is reached, and then stays until the other one is. */
export function nextProbeState(state: ProbeState, success: boolean, settings: ProbeSettings): ProbeState {
  const successes = success ? state.successes + 1 : 0;
  const failures = success ? 0 : state.failures + 1;
  if (successes >= settings.successThreshold) return { verdict: 'success', successes, failures };
  if (failures >= settings.failureThreshold) return { verdict: 'failure', successes, failures };
  return { verdict: state.verdict, successes, failures };
}

/** Pause between looks at a container that has not answered yet: a fresh pod should be ready in well under a second. */
export const EAGER_PAUSE_MS = 100;
/** For how long after the start the eager looks go on. */
export const EAGER_TIME_MS = 10_000;
