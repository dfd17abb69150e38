// SPDX-License-Identifier: Apache-2.0
import type { Deployment, ReplicaSet } from '@fairlead/shared/kubernetes/objects.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, createAction, type Plan, replaceAction } from '../model/actions.ts';
import { sameJson } from '../model/conditions.ts';
import { hashName } from '../model/hash.ts';
import { claim, ownerReferenceTo } from '../model/owners.ts';
import { compareText, isTerminating } from '../model/pods.ts';
import { isEmptySelector } from '../model/selectors.ts';
import { deploymentStatus } from './deployment-status.ts';
import { nextRollingStep, type RolloutLimits, rolloutLimits } from './rollout.ts';

/** Label that keeps the pods of one template apart from those of another. */
export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
/** Annotation with the number of the rollout, on Deployment and ReplicaSet. */
export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
const DESIRED_REPLICAS_ANNOTATION = 'deployment.kubernetes.io/desired-replicas';
const MAX_REPLICAS_ANNOTATION = 'deployment.kubernetes.io/max-replicas';

/** What {@link planDeployment} looks at. */
export interface DeploymentInput {
  readonly deployment: Deployment;
  /** All ReplicaSets of the namespace. */
  readonly replicaSets: Iterable<ReplicaSet>;
  readonly nowMs: number;
}

/**
 * Brings the pods of a Deployment to its template: one ReplicaSet per template, the new one grown and the old ones
 * shrunk step by step (or all at once for `Recreate`), old empty ones removed beyond the history limit, status written.
 */
export function planDeployment({ deployment, replicaSets, nowMs }: DeploymentInput): Plan {
  const spec = deployment.spec;
  if (spec === undefined || isEmptySelector(spec.selector)) return { actions: [] };
  const claims = claim(deployment, spec.selector, replicaSets);
  const actions: Action[] = claims.adopt.map((set) => adopt(deployment, set));
  const mine = [...claims.owned, ...claims.adopt].filter((set) => !isTerminating(set)).toSorted(oldestFirst);
  const fresh = mine.find((set) => hasTemplateOf(set, deployment));
  const old = mine.filter((set) => set !== fresh);
  if (!isTerminating(deployment)) actions.push(...rollOut(deployment, fresh, old));
  const status = deploymentStatus({ deployment, fresh, old, nowMs });
  if (!sameJson(deployment.status ?? {}, status.status)) {
    actions.push(replaceAction(DEPLOYMENTS, { ...deployment, status: status.status }, 'status'));
  }
  return status.againAfterMs === undefined ? { actions } : { actions, againAfterMs: status.againAfterMs };
}

function rollOut(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Action[] {
  const replicas = deployment.spec?.replicas ?? 1;
  const recreate = deployment.spec?.strategy?.type === 'Recreate';
  const limits = recreate
    ? { replicas, maxSurge: 0, maxUnavailable: replicas }
    : rolloutLimits(replicas, deployment.spec?.strategy?.rollingUpdate);
  const counts = (set: ReplicaSet | undefined) => ({
    wanted: set?.spec?.replicas ?? 0,
    available: set?.status?.availableReplicas ?? 0,
  });
  if (deployment.spec?.paused === true) {
    return fresh === undefined ? [] : resize(deployment, fresh, replicas, limits);
  }
  const step = recreate
    ? recreateStep(replicas, counts(fresh).wanted, old)
    : nextRollingStep(limits, counts(fresh), old.map(counts));
  const revision = nextRevision(fresh, old);
  const actions: Action[] =
    fresh === undefined
      ? introduce(deployment, freshReplicaSet(deployment, step.fresh, revision, limits))
      : resize(deployment, fresh, step.fresh, limits, revision);
  for (const [index, set] of old.entries()) {
    actions.push(...resize(deployment, set, step.old[index] ?? 0, limits));
  }
  if (deployment.metadata?.annotations?.[REVISION_ANNOTATION] !== String(revision)) {
    actions.push({
      verb: 'merge',
      resource: DEPLOYMENTS,
      target: deployment,
      body: { metadata: { annotations: { [REVISION_ANNOTATION]: String(revision) } } },
    });
  }
  return [...actions, ...pruneHistory(deployment, old)];
}

/** `Recreate`: the new set gets pods only after the last pod of the old ones is gone. */
function recreateStep(replicas: number, freshWanted: number, old: readonly ReplicaSet[]) {
  const left = old.some((set) => (set.spec?.replicas ?? 0) > 0 || (set.status?.replicas ?? 0) > 0);
  return { fresh: left ? freshWanted : replicas, old: old.map(() => 0) };
}

function nextRevision(fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): number {
  const highestOld = Math.max(0, ...old.map(revisionOf));
  return fresh !== undefined && revisionOf(fresh) > highestOld ? revisionOf(fresh) : highestOld + 1;
}

/** Number of the rollout that a ReplicaSet belongs to; 0 when it carries none. */
export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata?.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;
}

function freshReplicaSet(
  deployment: Deployment,
  replicas: number,
  revision: number,
  limits: RolloutLimits,
): ReplicaSet {
  const spec = deployment.spec;
  if (spec === undefined) throw new Error('a Deployment without spec has no ReplicaSet');
  const hash = hashName(spec.template);
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata?.name ?? ''}-${hash}`,
      namespace: deployment.metadata?.namespace ?? '',
      labels,
      annotations: { ...rolloutAnnotations(limits), [REVISION_ANNOTATION]: String(revision) },
      ownerReferences: [ownerReferenceTo(deployment, 'apps/v1', 'Deployment')],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

function rolloutAnnotations(limits: RolloutLimits): Record<string, string> {
  return {
    [DESIRED_REPLICAS_ANNOTATION]: String(limits.replicas),
    [MAX_REPLICAS_ANNOTATION]: String(limits.replicas + limits.maxSurge),
  };
}

/** Creates a ReplicaSet, and says so. */
function introduce(deployment: Deployment, set: ReplicaSet): Action[] {
  const size = set.spec?.replicas ?? 0;
  const create = createAction(REPLICA_SETS, set);
  return size === 0
    ? [create]
    : [create, scaled(deployment, `up replica set ${set.metadata?.name ?? ''} to ${size}`)];
}

function scaled(deployment: Deployment, what: string): Action {
  return {
    verb: 'event',
    about: deployment,
    resource: DEPLOYMENTS,
    eventType: 'Normal',
    reason: 'ScalingReplicaSet',
    message: `Scaled ${what}`,
  };
}

/** Changes size and annotations of a ReplicaSet in one write, if anything differs. */
function resize(
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
  limits: RolloutLimits,
  revision?: number,
): Action[] {
  const annotations = {
    ...set.metadata?.annotations,
    ...rolloutAnnotations(limits),
    ...(revision === undefined ? {} : { [REVISION_ANNOTATION]: String(revision) }),
  };
  const sameSize = set.spec?.replicas === replicas;
  if ((sameSize && sameJson(annotations, set.metadata?.annotations)) || set.spec === undefined) return [];
  const minReadySeconds = deployment.spec?.minReadySeconds;
  const write = replaceAction(REPLICA_SETS, {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...set.spec, replicas, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) },
  });
  if (sameSize) return [write];
  const direction = replicas > (set.spec.replicas ?? 1) ? 'up' : 'down';
  const from = set.spec.replicas ?? 1;
  return [
    write,
    scaled(deployment, `${direction} replica set ${set.metadata?.name ?? ''} from ${from} to ${replicas}`),
  ];
}

function adopt(deployment: Deployment, set: ReplicaSet): Action {
  return {
    verb: 'merge',
    resource: REPLICA_SETS,
    target: set,
    body: {
      metadata: {
        uid: set.metadata?.uid,
        ownerReferences: [
          ...(set.metadata?.ownerReferences ?? []),
          ownerReferenceTo(deployment, 'apps/v1', 'Deployment'),
        ],
      },
    },
  };
}

/** Old ReplicaSets that are empty, oldest first, beyond `revisionHistoryLimit`. */
function pruneHistory(deployment: Deployment, old: readonly ReplicaSet[]): Action[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const empty = old.filter((set) => (set.spec?.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0);
  return empty
    .toSorted((left, right) => revisionOf(left) - revisionOf(right))
    .slice(0, Math.max(0, old.length - limit))
    .map((target) => ({ verb: 'delete' as const, resource: REPLICA_SETS, target }));
}

function hasTemplateOf(set: ReplicaSet, deployment: Deployment): boolean {
  const template = set.spec?.template;
  const { [TEMPLATE_HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const wanted = deployment.spec?.template;
  return sameJson(
    { ...template, metadata: { ...template?.metadata, labels } },
    { ...wanted, metadata: { ...wanted?.metadata, labels: wanted?.metadata?.labels ?? {} } },
  );
}

function oldestFirst(left: ReplicaSet, right: ReplicaSet): number {
  return (
    compareText(left.metadata?.creationTimestamp, right.metadata?.creationTimestamp) ||
    compareText(left.metadata?.name, right.metadata?.name)
  );
}
