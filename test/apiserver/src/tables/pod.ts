// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, isJsonObject, type Json, numberOf, stringOf } from '../api/objects.ts';
import { ageOf } from './format.ts';

/** The summary of a pod that its row shows. */
export interface PodSummary {
  readonly ready: number;
  readonly total: number;
  /** `Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`, ... */
  readonly status: string;
  /** Restarts, with the time of the last one. */
  readonly restarts: string;
}

interface Progress {
  readonly reason: string;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string;
}

/** Counts ready containers and restarts, and finds the one word that tells how a pod is. */
export function summarizePod(pod: ApiObject, now: Date): PodSummary {
  const specs = arrayOf(at(pod, 'spec', 'initContainers'));
  const sidecars = new Set(
    specs
      .filter((container) => at(container, 'restartPolicy') === 'Always')
      .map((container) => stringOf(at(container, 'name'))),
  );
  const total = arrayOf(at(pod, 'spec', 'containers')).length + sidecars.size;
  const initial = startReason(pod);
  const init = initProgress(pod, initial, sidecars, specs.length);
  let progress = init.progress;
  if (!init.initializing || hasCondition(pod, 'Initialized'))
    progress = mainProgress(pod, init.sidecars, initial);
  const restarts =
    progress.restarts !== 0 && progress.lastRestart !== ''
      ? `${progress.restarts} (${ageOf(progress.lastRestart, now)} ago)`
      : String(progress.restarts);
  return { ready: progress.ready, total, status: deletedReason(pod, progress.reason), restarts };
}

function startReason(pod: ApiObject): string {
  const gated = conditionsOf(pod).some(
    (condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated',
  );
  if (gated) return 'SchedulingGated';
  return stringOf(at(pod, 'status', 'reason')) || stringOf(at(pod, 'status', 'phase'));
}

function deletedReason(pod: ApiObject, reason: string): string {
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  if (at(pod, 'status', 'reason') === 'NodeLost') return 'Unknown';
  const phase = at(pod, 'status', 'phase');
  return phase === 'Failed' || phase === 'Succeeded' ? reason : 'Terminating';
}

function initProgress(
  pod: ApiObject,
  initial: string,
  sidecars: ReadonlySet<string>,
  count: number,
): { readonly progress: Progress; readonly sidecars: Progress; readonly initializing: boolean } {
  let progress: Progress = { reason: initial, ready: 0, restarts: 0, lastRestart: '' };
  let ofSidecars = progress;
  for (const [index, status] of arrayOf(at(pod, 'status', 'initContainerStatuses')).entries()) {
    const isSidecar = sidecars.has(stringOf(at(status, 'name')));
    progress = addRestarts(progress, status);
    if (isSidecar) ofSidecars = addRestarts(ofSidecars, status);
    const terminated = at(status, 'state', 'terminated');
    if (isJsonObject(terminated) && numberOf(terminated.exitCode) === 0) continue;
    if (isSidecar && at(status, 'started') === true) {
      const ready = at(status, 'ready') === true ? 1 : 0;
      progress = { ...progress, ready: progress.ready + ready };
      ofSidecars = { ...ofSidecars, ready: ofSidecars.ready + ready };
      continue;
    }
    const reason = `Init:${initReason(status, terminated, index, count)}`;
    return { progress: { ...progress, reason }, sidecars: ofSidecars, initializing: true };
  }
  return { progress, sidecars: ofSidecars, initializing: false };
}

function initReason(status: Json, terminated: Json | undefined, index: number, count: number): string {
  if (isJsonObject(terminated)) return endReason(terminated);
  const waiting = stringOf(at(status, 'state', 'waiting', 'reason'));
  return waiting !== '' && waiting !== 'PodInitializing' ? waiting : `${index}/${count}`;
}

function endReason(terminated: Json): string {
  const reason = stringOf(at(terminated, 'reason'));
  if (reason !== '') return reason;
  const signal = numberOf(at(terminated, 'signal'));
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberOf(at(terminated, 'exitCode'))}`;
}

function mainProgress(pod: ApiObject, start: Progress, initial: string): Progress {
  let progress: Progress = { ...start, reason: initial };
  let hasRunning = false;
  let errorReason = '';
  for (const status of [...arrayOf(at(pod, 'status', 'containerStatuses'))].reverse()) {
    progress = addRestarts(progress, status);
    const waiting = stringOf(at(status, 'state', 'waiting', 'reason'));
    const terminated = at(status, 'state', 'terminated');
    if (waiting !== '') progress = { ...progress, reason: waiting };
    else if (isJsonObject(terminated)) {
      progress = { ...progress, reason: endReason(terminated) };
      if (numberOf(terminated.exitCode) !== 0) errorReason = progress.reason;
    } else if (at(status, 'ready') === true && at(status, 'state', 'running') !== undefined) {
      hasRunning = true;
      progress = { ...progress, ready: progress.ready + 1 };
    }
  }
  if (progress.reason !== 'Completed') return progress;
  return { ...progress, reason: completedReason(pod, hasRunning, errorReason) };
}

/** A pod of which one container has ended and another has not is not completed. */
function completedReason(pod: ApiObject, hasRunning: boolean, errorReason: string): string {
  if (hasRunning && hasCondition(pod, 'Ready')) return 'Running';
  if (errorReason !== '') return errorReason;
  return hasRunning ? 'NotReady' : 'Completed';
}

function addRestarts(progress: Progress, status: Json): Progress {
  const finished = stringOf(at(status, 'lastState', 'terminated', 'finishedAt'));
  const isLater = finished > progress.lastRestart;
  return {
    ...progress,
    restarts: progress.restarts + numberOf(at(status, 'restartCount')),
    lastRestart: isLater ? finished : progress.lastRestart,
  };
}

function conditionsOf(pod: ApiObject): { readonly [key: string]: Json | undefined }[] {
  return arrayOf(at(pod, 'status', 'conditions')).filter(isJsonObject);
}

function hasCondition(pod: ApiObject, type: string): boolean {
  return conditionsOf(pod).some((condition) => condition.type === type && condition.status === 'True');
}
