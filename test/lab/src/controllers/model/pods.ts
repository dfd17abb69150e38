// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';

/** Whether the pod's Ready condition is True. */
export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** A condition of a pod by type. */
export function podCondition(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether the pod has been asked to end. */
export function isTerminating(object: {
  readonly metadata?: { readonly deletionTimestamp?: string };
}): boolean {
  return object.metadata?.deletionTimestamp !== undefined;
}

/** Whether the pod has ended for good. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts for its owner: neither ended nor ending. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isTerminating(pod);
}

/** Milliseconds for which the pod has been ready; undefined while it is not. */
export function readyForMs(pod: Pod, nowMs: number): number | undefined {
  const condition = podCondition(pod, 'Ready');
  if (condition?.status !== 'True') return undefined;
  const since = Date.parse(condition.lastTransitionTime ?? '');
  return Number.isNaN(since) ? 0 : Math.max(0, nowMs - since);
}

/** Whether the pod has been ready for `minReadySeconds`. Times in the API have whole seconds. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = readyForMs(pod, nowMs);
  return ready !== undefined && ready >= minReadySeconds * 1_000;
}

/**
 * Order in which pods are given up, most expendable first (as the ReplicaSet controller): unbound, then pending, then
 * not ready, then pods of crowded nodes, then the most recently ready, the most restarted, the newest.
 */
export function compareExpendable(
  left: Pod,
  right: Pod,
  podsOnNode: (nodeName: string | undefined) => number,
): number {
  const phaseRank = (pod: Pod) =>
    ({ Pending: 0, Unknown: 1, Running: 2 })[pod.status?.phase ?? 'Pending'] ?? 2;
  const bound = (pod: Pod) => (pod.spec?.nodeName ? 1 : 0);
  const restarts = (pod: Pod) =>
    Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
  return (
    bound(left) - bound(right) ||
    phaseRank(left) - phaseRank(right) ||
    Number(isPodReady(left)) - Number(isPodReady(right)) ||
    podsOnNode(right.spec?.nodeName) - podsOnNode(left.spec?.nodeName) ||
    compareText(
      podCondition(right, 'Ready')?.lastTransitionTime,
      podCondition(left, 'Ready')?.lastTransitionTime,
    ) ||
    restarts(right) - restarts(left) ||
    compareText(right.metadata?.creationTimestamp, left.metadata?.creationTimestamp) ||
    compareText(right.metadata?.name, left.metadata?.name)
  );
}

/** Plain code unit order, the same on every machine. */
export function compareText(left: string | undefined, right: string | undefined): number {
  const a = left ?? '';
  const b = right ?? '';
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
