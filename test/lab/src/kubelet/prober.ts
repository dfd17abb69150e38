// SPDX-License-Identifier: Apache-2.0
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { ContainerSpec } from './container-env.ts';
import type { HandlerResult } from './handlers.ts';
import {
  EAGER_PAUSE_MS,
  EAGER_TIME_MS,
  FRESH_PROBE,
  nextProbeState,
  type ProbeSettings,
  type ProbeState,
  probeSettings,
} from './probe-state.ts';

/** A probe as in a pod's spec. */
export type Probe = NonNullable<ContainerSpec['readinessProbe']>;
/** The three probes of a container. */
export type ProbeKind = 'startup' | 'liveness' | 'readiness';

/** What {@link runProbe} needs. */
export interface ProbeRun {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly clock: Clock;
  /** Ends with the container. */
  readonly signal: AbortSignal;
  readonly attempt: (probe: Probe, timeoutMs: number) => Promise<HandlerResult>;
  /** Called when the verdict changes. */
  readonly onVerdict: (verdict: ProbeState['verdict'], message: string) => void;
  /** Called for each failure that counts. */
  readonly onFailure: (kind: ProbeKind, message: string) => void;
}

/**
 * Runs one probe of one container until the signal. Readiness and startup probes look again every 100 ms at first, as
 * long as there was no success; those extra looks can succeed but their failures do not count.
 */
export async function runProbe(run: ProbeRun): Promise<void> {
  const settings = probeSettings(run.probe);
  await delay(run.clock, settings.initialDelayMs, run.signal);
  const startedMs = run.clock.monotonicMs();
  let state = FRESH_PROBE;
  // The looks before the first period has passed find out when the container is there; only later ones find fault.
  let nextCountedMs = run.kind === 'liveness' ? startedMs : startedMs + settings.periodMs;
  while (!run.signal.aborted) {
    const nowMs = run.clock.monotonicMs();
    const counted = nowMs >= nextCountedMs;
    const result = await run.attempt(run.probe, settings.timeoutMs);
    if (run.signal.aborted) return;
    if (counted)
      nextCountedMs +=
        settings.periodMs * Math.max(1, Math.ceil((nowMs - nextCountedMs) / settings.periodMs));
    if (result.success || counted) state = take(run, state, result, settings);
    const eager =
      run.kind !== 'liveness' &&
      state.verdict !== 'success' &&
      run.clock.monotonicMs() - startedMs < EAGER_TIME_MS;
    const waitMs = nextCountedMs - run.clock.monotonicMs();
    await delay(run.clock, Math.max(1, eager ? Math.min(EAGER_PAUSE_MS, waitMs) : waitMs), run.signal);
  }
}

function take(run: ProbeRun, state: ProbeState, result: HandlerResult, settings: ProbeSettings): ProbeState {
  const next = nextProbeState(state, result.success, settings);
  if (!result.success) run.onFailure(run.kind, result.message);
  if (next.verdict !== state.verdict) run.onVerdict(next.verdict, result.message);
  return next;
}
