// SPDX-License-Identifier: Apache-2.0
import type { Pod, ReplicaSet } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS, REPLICA_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, type Plan, replaceAction } from '../model/actions.ts';
import { sameJson } from '../model/conditions.ts';
import { claim, controllerOf, ownerReferenceTo } from '../model/owners.ts';
import {
  compareExpendable,
  isActive,
  isPodAvailable,
  isPodReady,
  isTerminating,
  readyForMs,
} from '../model/pods.ts';
import { isEmptySelector, matchesMap } from '../model/selectors.ts';

/** Pods created in one step; the next step follows at once when the first has succeeded. */
const BURST = 500;

/** What {@link planReplicaSet} looks at. */
export interface ReplicaSetInput {
  readonly replicaSet: ReplicaSet;
  /** All pods of the namespace. */
  readonly pods: Iterable<Pod>;
  readonly nowMs: number;
}

/**
 * Keeps `spec.replicas` pods: adopts pods that match and have no manager, lets go of those that no longer match,
 * creates what is missing, deletes the most expendable of what is too many, and reports status.
 */
export function planReplicaSet({ replicaSet, pods, nowMs }: ReplicaSetInput): Plan {
  const spec = replicaSet.spec;
  if (spec === undefined || isEmptySelector(spec.selector)) return { actions: [] };
  const claims = claim(replicaSet, spec.selector, pods);
  const adopted = claims.adopt.filter(isActive);
  const mine = [...claims.owned, ...adopted];
  const active = mine.filter(isActive);
  const actions: Action[] = [
    ...adopted.map((pod) => adoptPod(replicaSet, pod)),
    ...claims.release.filter((pod) => !isTerminating(pod)).map((pod) => releasePod(replicaSet, pod)),
  ];
  if (!isTerminating(replicaSet)) actions.push(...scale(replicaSet, active));
  const minReadySeconds = spec.minReadySeconds ?? 0;
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) =>
      matchesMap(spec.template?.metadata?.labels ?? {}, pod.metadata?.labels),
    ).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    observedGeneration: replicaSet.metadata?.generation ?? 0,
  };
  const previous = replicaSet.status;
  if (!sameJson({ ...ZERO_STATUS, ...previous }, { ...ZERO_STATUS, ...previous, ...status })) {
    actions.push(
      replaceAction(REPLICA_SETS, { ...replicaSet, status: { ...previous, ...status } }, 'status'),
    );
  }
  const againAfterMs = untilNextAvailable(active, minReadySeconds, nowMs);
  return againAfterMs === undefined ? { actions } : { actions, againAfterMs };
}

/** A count that the API server leaves out because it is zero counts as zero. */
const ZERO_STATUS = {
  replicas: 0,
  fullyLabeledReplicas: 0,
  readyReplicas: 0,
  availableReplicas: 0,
  observedGeneration: 0,
};

/** Time until the first ready pod becomes available; undefined when none is waiting for that. */
export function untilNextAvailable(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  const waits = pods
    .map((pod) => readyForMs(pod, nowMs))
    .filter((ready) => ready !== undefined)
    .map((ready) => minReadySeconds * 1_000 - ready)
    .filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

function scale(replicaSet: ReplicaSet, active: readonly Pod[]): Action[] {
  const wanted = replicaSet.spec?.replicas ?? 1;
  const missing = Math.min(BURST, wanted - active.length);
  if (missing > 0) {
    return Array.from({ length: missing }, () => ({
      verb: 'create' as const,
      resource: PODS,
      object: podFromTemplate(replicaSet),
    }));
  }
  const perNode = new Map<string | undefined, number>();
  for (const pod of active) perNode.set(pod.spec?.nodeName, (perNode.get(pod.spec?.nodeName) ?? 0) + 1);
  return active
    .toSorted((left, right) => compareExpendable(left, right, (node) => perNode.get(node) ?? 0))
    .slice(0, Math.max(0, active.length - wanted))
    .map((pod) => ({ verb: 'delete' as const, resource: PODS, target: pod }));
}

function podFromTemplate(replicaSet: ReplicaSet): Pod {
  const template = replicaSet.spec?.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${replicaSet.metadata?.name ?? ''}-`,
      ...(replicaSet.metadata?.namespace === undefined ? {} : { namespace: replicaSet.metadata.namespace }),
      ...(template?.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
      ...(template?.metadata?.annotations === undefined
        ? {}
        : { annotations: template.metadata.annotations }),
      ...(template?.metadata?.finalizers === undefined ? {} : { finalizers: template.metadata.finalizers }),
      ownerReferences: [ownerReferenceTo(replicaSet, 'apps/v1', 'ReplicaSet')],
    },
    ...(template?.spec === undefined ? {} : { spec: template.spec }),
  };
}

function adoptPod(replicaSet: ReplicaSet, pod: Pod): Action {
  return {
    verb: 'merge',
    resource: PODS,
    target: pod,
    body: {
      metadata: {
        uid: pod.metadata?.uid,
        ownerReferences: [
          ...(pod.metadata?.ownerReferences ?? []),
          ownerReferenceTo(replicaSet, 'apps/v1', 'ReplicaSet'),
        ],
      },
    },
  };
}

function releasePod(replicaSet: ReplicaSet, pod: Pod): Action {
  const others = (pod.metadata?.ownerReferences ?? []).filter(
    (reference) => reference.uid !== replicaSet.metadata?.uid,
  );
  return {
    verb: 'merge',
    resource: PODS,
    target: pod,
    body: { metadata: { uid: pod.metadata?.uid, ownerReferences: others.length === 0 ? null : others } },
  };
}

/** Keys (`namespace/name`) of the ReplicaSets that care about a pod: its manager, or all matching when it has none. */
export function replicaSetsOf(pod: Pod, replicaSets: Iterable<ReplicaSet>): string[] {
  const namespace = pod.metadata?.namespace ?? '';
  const manager = controllerOf(pod);
  if (manager !== undefined) return manager.kind === 'ReplicaSet' ? [`${namespace}/${manager.name}`] : [];
  const keys: string[] = [];
  for (const replicaSet of replicaSets) {
    if (replicaSet.metadata?.namespace !== namespace || isEmptySelector(replicaSet.spec?.selector)) continue;
    if (claim(replicaSet, replicaSet.spec?.selector, [pod]).adopt.length > 0) {
      keys.push(`${namespace}/${replicaSet.metadata.name ?? ''}`);
    }
  }
  return keys;
}
