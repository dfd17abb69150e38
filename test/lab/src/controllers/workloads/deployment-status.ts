// SPDX-License-Identifier: Apache-2.0
import type { Deployment, ReplicaSet } from '@fairlead/shared/kubernetes/objects.ts';
import { apiTime, sameJson, withCondition } from '../model/conditions.ts';
import { rolloutLimits } from './rollout.ts';

/** Status type of a Deployment. */
type DeploymentStatus = NonNullable<Deployment['status']>;
type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number];

/** What {@link deploymentStatus} looks at. */
export interface DeploymentStatusInput {
  readonly deployment: Deployment;
  readonly fresh: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly nowMs: number;
}

/** Status of a Deployment from those of its ReplicaSets, and when the progress deadline should be looked at. */
export function deploymentStatus(input: DeploymentStatusInput): {
  readonly status: DeploymentStatus;
  readonly againAfterMs?: number;
} {
  const { deployment, fresh, old, nowMs } = input;
  const all = fresh === undefined ? old : [...old, fresh];
  const sum = (count: (set: ReplicaSet) => number | undefined) =>
    all.reduce((total, set) => total + (count(set) ?? 0), 0);
  const replicas = deployment.spec?.replicas ?? 1;
  const available = sum((set) => set.status?.availableReplicas);
  const previous = deployment.status ?? {};
  const counts = {
    replicas: sum((set) => set.status?.replicas),
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum((set) => set.spec?.replicas) - available),
  };
  const limits = rolloutLimits(replicas, deployment.spec?.strategy?.rollingUpdate);
  const maxUnavailable = deployment.spec?.strategy?.type === 'Recreate' ? 0 : limits.maxUnavailable;
  const enough = available >= replicas - maxUnavailable;
  const conditions = withCondition(
    previous.conditions,
    {
      ...previous.conditions?.find((condition) => condition.type === 'Available'),
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough
        ? 'Deployment has minimum availability.'
        : 'Deployment does not have minimum availability.',
    },
    nowMs,
  );
  const complete =
    counts.updatedReplicas === replicas && counts.replicas === replicas && available === replicas;
  const progress = progressing(input, counts, complete);
  const status: DeploymentStatus = {
    // The API leaves out zeros; so do we, lest each comparison finds a difference.
    ...Object.fromEntries(Object.entries(previous).filter(([key]) => !(key in counts))),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    observedGeneration: deployment.metadata?.generation ?? 0,
    conditions: stampUpdates(
      previous.conditions,
      withCondition(conditions, progress.condition, nowMs),
      progress.moved,
      nowMs,
    ),
  };
  return progress.deadlineInMs === undefined ? { status } : { status, againAfterMs: progress.deadlineInMs };
}

type Counts = Record<
  'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas' | 'unavailableReplicas',
  number
>;

interface Progress {
  readonly condition: DeploymentCondition;
  /** Something came nearer to the goal since the last status. */
  readonly moved: boolean;
  readonly deadlineInMs?: number;
}

function progressing(input: DeploymentStatusInput, counts: Counts, complete: boolean): Progress {
  const { deployment, fresh, nowMs } = input;
  const before = deployment.status?.conditions?.find((condition) => condition.type === 'Progressing');
  const name = fresh?.metadata?.name ?? '';
  const condition = (status: string, reason: string, message: string) => ({
    ...before,
    type: 'Progressing',
    status,
    reason,
    message,
  });
  const finished = before?.reason === 'NewReplicaSetAvailable';
  if (complete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return { condition: condition('True', 'NewReplicaSetAvailable', message), moved: !finished };
  }
  // A finished rollout that loses a pod later is not a new rollout.
  if (before !== undefined && finished && counts.updatedReplicas === (deployment.spec?.replicas ?? 1)) {
    return { condition: before, moved: false };
  }
  const moved = hasMoved(deployment.status, counts);
  const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1_000;
  const since = Date.parse(before?.lastUpdateTime ?? '');
  const leftMs = moved || finished || Number.isNaN(since) ? deadlineMs : since + deadlineMs - nowMs;
  if (leftMs <= 0) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return { condition: condition('False', 'ProgressDeadlineExceeded', message), moved: false };
  }
  if (before === undefined) {
    const message = `Created new replica set "${name}"`;
    return {
      condition: condition('True', 'NewReplicaSetCreated', message),
      moved: true,
      deadlineInMs: leftMs,
    };
  }
  const message = `ReplicaSet "${name}" is progressing.`;
  return { condition: condition('True', 'ReplicaSetUpdated', message), moved, deadlineInMs: leftMs };
}

/** Something came nearer to the goal since the last status. */
function hasMoved(previous: DeploymentStatus | undefined, counts: Counts): boolean {
  return (
    counts.updatedReplicas > (previous?.updatedReplicas ?? 0) ||
    counts.availableReplicas > (previous?.availableReplicas ?? 0) ||
    counts.readyReplicas > (previous?.readyReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (previous?.replicas ?? 0) - (previous?.updatedReplicas ?? 0)
  );
}

/** `lastUpdateTime` moves when a condition changes, and for Progressing whenever there was progress. */
function stampUpdates<T extends { type: string; lastUpdateTime?: string }>(
  before: readonly T[] | undefined,
  after: readonly T[],
  moved: boolean,
  nowMs: number,
): T[] {
  return after.map((condition) => {
    const previous = before?.find((candidate) => candidate.type === condition.type);
    const changed = previous === undefined || !sameJson(previous, condition);
    const stamp = changed || (moved && condition.type === 'Progressing');
    return stamp ? { ...condition, lastUpdateTime: apiTime(nowMs) } : condition;
  });
}
