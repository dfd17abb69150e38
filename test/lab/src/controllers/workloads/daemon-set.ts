// SPDX-License-Identifier: Apache-2.0
import type { DaemonSet, Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { DAEMON_SETS, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, NO_PLAN, type Plan, replaceAction } from '../model/actions.ts';
import { sameJson } from '../model/conditions.ts';
import { hashName } from '../model/hash.ts';
import { claim, ownerReferenceTo } from '../model/owners.ts';
import { compareText, isFinished, isPodAvailable, isPodReady, isTerminating } from '../model/pods.ts';
import { nodeMatchesPod, type Toleration, untolerated } from '../model/scheduling.ts';
import { isEmptySelector } from '../model/selectors.ts';
import { untilNextAvailable } from './replica-set.ts';
import { resolveCount } from './rollout.ts';

/** Label with the hash of the template a daemon pod was made from. */
export const REVISION_HASH_LABEL = 'controller-revision-hash';

/** What {@link planDaemonSet} looks at. */
export interface DaemonSetInput {
  readonly daemonSet: DaemonSet;
  readonly nodes: Iterable<Node>;
  /** All pods of the namespace. */
  readonly pods: Iterable<Pod>;
  readonly nowMs: number;
}

/** Tolerations every daemon pod gets, so that it outlives trouble of its node. */
const AUTOMATIC_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const NETWORK_TOLERATION: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};
/** Not a toleration of the pods: a new node is judged as if its not-ready taint were gone, as upstream does. */
const SETTLING_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoSchedule' },
];

/**
 * One pod on each node that admits it. Pods are bound through the scheduler, pinned to their node by affinity, as
 * upstream does since 1.12. With `RollingUpdate`, pods of an older template go as far as `maxUnavailable` allows.
 */
export function planDaemonSet(input: DaemonSetInput): Plan {
  const { daemonSet, nowMs } = input;
  const spec = daemonSet.spec;
  if (spec === undefined || isEmptySelector(spec.selector)) return NO_PLAN;
  const pods = claim(daemonSet, spec.selector, input.pods).owned;
  const hash = hashName(spec.template);
  const nodes = [...input.nodes].toSorted((left, right) =>
    compareText(left.metadata?.name, right.metadata?.name),
  );
  const byNode = Map.groupBy(pods, targetNode);
  const plain = podTemplate(daemonSet, hash);
  const actions: Action[] = [];
  const tally: Tally = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  const kept: Pod[] = [];
  for (const node of nodes) {
    const name = node.metadata?.name ?? '';
    const present = byNode.get(name) ?? [];
    byNode.delete(name);
    const { run, stay } = fit(node, plain);
    const onNode = planNode({ plain, node: name, present, run, stay });
    if (!isTerminating(daemonSet)) actions.push(...onNode.actions);
    if (onNode.pod !== undefined) kept.push(onNode.pod);
    count(tally, { run, pod: onNode.pod, present: present.length }, spec.minReadySeconds ?? 0, hash, nowMs);
  }
  if (!isTerminating(daemonSet)) {
    // Nodes that are gone: their pods can only be deleted (the pod collector forces it).
    for (const pod of [...byNode.values()].flat()) {
      if (!isTerminating(pod)) actions.push({ verb: 'delete', resource: PODS, target: pod });
    }
    actions.push(...rollForward(daemonSet, kept, tally.desired, hash, nowMs));
  }
  actions.push(...writeStatus(daemonSet, tally));
  const againAfterMs = untilNextAvailable(pods, spec.minReadySeconds ?? 0, nowMs);
  return againAfterMs === undefined ? { actions } : { actions, againAfterMs };
}

interface Tally {
  desired: number;
  current: number;
  misscheduled: number;
  ready: number;
  available: number;
  updated: number;
}

/** Node a daemon pod is for: where it runs or, before it is bound, the node its affinity names. */
export function targetNode(pod: Pod): string {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchFields?.find((field) => field.key === 'metadata.name')?.values?.[0] ?? '';
}

/** The pod as it will be created, without its node. */
function podTemplate(daemonSet: DaemonSet, hash: string): Pod {
  const template = daemonSet.spec?.template;
  const tolerations = [
    ...(template?.spec?.tolerations ?? []),
    ...AUTOMATIC_TOLERATIONS,
    ...(template?.spec?.hostNetwork === true ? [NETWORK_TOLERATION] : []),
  ].map((toleration) => ({ ...toleration }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${daemonSet.metadata?.name ?? ''}-`,
      namespace: daemonSet.metadata?.namespace ?? '',
      labels: { ...template?.metadata?.labels, [REVISION_HASH_LABEL]: hash },
      ...(template?.metadata?.annotations === undefined
        ? {}
        : { annotations: template.metadata.annotations }),
      ownerReferences: [ownerReferenceTo(daemonSet, 'apps/v1', 'DaemonSet')],
    },
    ...(template?.spec === undefined ? {} : { spec: { ...template.spec, tolerations } }),
  };
}

function fit(node: Node, pod: Pod): { readonly run: boolean; readonly stay: boolean } {
  if (pod.spec === undefined || !nodeMatchesPod(node, pod.spec)) return { run: false, stay: false };
  const tolerations = [...(pod.spec.tolerations ?? []), ...SETTLING_TOLERATIONS];
  const schedulable = untolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined;
  const bearable = untolerated(node.spec?.taints, tolerations, ['NoExecute']) === undefined;
  return { run: schedulable, stay: bearable };
}

function planNode(input: {
  readonly plain: Pod;
  readonly node: string;
  readonly present: readonly Pod[];
  readonly run: boolean;
  readonly stay: boolean;
}): { readonly actions: Action[]; readonly pod: Pod | undefined } {
  const { plain, node, present, run, stay } = input;
  const ended = present.filter((pod) => isFinished(pod) && !isTerminating(pod));
  const actions: Action[] = ended.map((target) => ({ verb: 'delete', resource: PODS, target }));
  const alive = present
    .filter((pod) => !isFinished(pod) && !isTerminating(pod))
    .toSorted(
      (left, right) =>
        Number(isPodReady(right)) - Number(isPodReady(left)) ||
        compareText(left.metadata?.creationTimestamp, right.metadata?.creationTimestamp) ||
        compareText(left.metadata?.name, right.metadata?.name),
    );
  const [keep, ...extra] = stay ? alive : [undefined, ...alive];
  actions.push(
    ...extra
      .filter((pod) => pod !== undefined)
      .map((target) => ({ verb: 'delete' as const, resource: PODS, target })),
  );
  // While the predecessor is still ending (host ports, addresses) its successor waits.
  if (run && keep === undefined && !present.some((pod) => isTerminating(pod))) {
    actions.push({ verb: 'create', resource: PODS, object: pinned(plain, node) });
  }
  return { actions, pod: keep };
}

function pinned(pod: Pod, node: string): Pod {
  const field = { key: 'metadata.name', operator: 'In', values: [node] };
  const nodeAffinity = pod.spec?.affinity?.nodeAffinity;
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  return {
    ...pod,
    spec: {
      ...(pod.spec ?? { containers: [] }),
      affinity: {
        ...pod.spec?.affinity,
        nodeAffinity: {
          ...nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: terms.map((term) => ({ ...term, matchFields: [field] })),
          },
        },
      },
    },
  };
}

function rollForward(
  daemonSet: DaemonSet,
  pods: readonly Pod[],
  desired: number,
  hash: string,
  nowMs: number,
): Action[] {
  const strategy = daemonSet.spec?.updateStrategy;
  if (strategy?.type === 'OnDelete') return [];
  const minReadySeconds = daemonSet.spec?.minReadySeconds ?? 0;
  const limit = Math.max(1, resolveCount(strategy?.rollingUpdate?.maxUnavailable ?? 1, desired, 'up'));
  const outdated = pods.filter((pod) => pod.metadata?.labels?.[REVISION_HASH_LABEL] !== hash);
  const available = (pod: Pod) => isPodAvailable(pod, minReadySeconds, nowMs);
  const unavailable = Math.max(0, desired - pods.filter(available).length);
  const broken = outdated.filter((pod) => !available(pod));
  const healthy = outdated.filter(available).slice(0, Math.max(0, limit - unavailable));
  return [...broken, ...healthy].map((target) => ({ verb: 'delete', resource: PODS, target }));
}

function count(
  tally: Tally,
  node: { readonly run: boolean; readonly pod: Pod | undefined; readonly present: number },
  minReadySeconds: number,
  hash: string,
  nowMs: number,
): void {
  if (!node.run) {
    if (node.present > 0) tally.misscheduled += 1;
    return;
  }
  tally.desired += 1;
  if (node.pod === undefined) return;
  tally.current += 1;
  if (isPodReady(node.pod)) tally.ready += 1;
  if (isPodAvailable(node.pod, minReadySeconds, nowMs)) tally.available += 1;
  if (node.pod.metadata?.labels?.[REVISION_HASH_LABEL] === hash) tally.updated += 1;
}

function writeStatus(daemonSet: DaemonSet, tally: Tally): Action[] {
  const previous = daemonSet.status;
  const status = {
    ...previous,
    currentNumberScheduled: tally.current,
    desiredNumberScheduled: tally.desired,
    numberMisscheduled: tally.misscheduled,
    numberReady: tally.ready,
    updatedNumberScheduled: tally.updated,
    numberAvailable: tally.available,
    numberUnavailable: tally.desired - tally.available,
    observedGeneration: daemonSet.metadata?.generation ?? 0,
  };
  const zero = Object.fromEntries(Object.keys(status).map((key) => [key, 0]));
  if (previous !== undefined && sameJson({ ...zero, ...previous }, { ...zero, ...status })) return [];
  return [replaceAction(DAEMON_SETS, { ...daemonSet, status }, 'status')];
}
