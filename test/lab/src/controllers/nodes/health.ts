// SPDX-License-Identifier: Apache-2.0
import type { Lease, Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { NODES, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import type { Action, Plan } from '../model/actions.ts';
import { apiTime, sameJson } from '../model/conditions.ts';
import { podCondition } from '../model/pods.ts';
import { TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE, type Taint } from '../model/scheduling.ts';

/** What is remembered about a node between looks: the last sign of life and when *we* saw it. */
export interface NodeMemory {
  /** Lease renewal and status heartbeat, as text: only whether they changed matters, never the node's clock. */
  readonly signs: string;
  /** Our clock when the signs last changed. */
  readonly seenMs: number;
}

/** What {@link judgeNode} looks at. */
export interface NodeInput {
  readonly node: Node;
  readonly lease: Lease | undefined;
  /** Pods bound to the node. */
  readonly pods: readonly Pod[];
  readonly memory: NodeMemory | undefined;
  /** Monotonic. */
  readonly monotonicMs: number;
  readonly wallMs: number;
  readonly gracePeriodMs: number;
}

/** Verdict on a node: what to remember, what to do, when to look again. */
export interface NodeVerdict extends Plan {
  readonly memory: NodeMemory;
}

const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/**
 * Life cycle of a node as the real controller runs it: no sign of life (status heartbeat or Lease) for the grace
 * period turns its conditions Unknown; Ready other than True taints it and makes its pods not ready at once, so that
 * endpoints go away long before the pods are evicted.
 */
export function judgeNode(input: NodeInput): NodeVerdict {
  const { node, memory, monotonicMs, wallMs } = input;
  const signs = signsOfLife(node, input.lease);
  const alive = memory === undefined || memory.signs !== signs;
  const next = alive ? { signs, seenMs: monotonicMs } : memory;
  const leftMs = next.seenMs + input.gracePeriodMs - monotonicMs;
  const actions: Action[] = [];
  let ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status ?? 'Unknown';
  if (leftMs <= 0 && ready !== 'Unknown') {
    actions.push({ verb: 'replace', resource: NODES, object: silenced(node, wallMs), subresource: 'status' });
    actions.push({
      verb: 'event',
      about: node,
      resource: NODES,
      eventType: 'Normal',
      reason: 'NodeNotReady',
      message: `Node ${node.metadata?.name ?? ''} status is now: NodeNotReady`,
    });
    ready = 'Unknown';
  }
  const silencedNow = actions.length > 0;
  const taints = taintsFor(node, ready, wallMs);
  if (!sameJson(taints, node.spec?.taints ?? [])) {
    // The list as a whole is compared by the API server through the resourceVersion: nobody's taint gets lost.
    actions.push({
      verb: 'merge',
      resource: NODES,
      target: node,
      body: {
        // After the status write above, the version has moved on; the next look carries it.
        ...(actions.length === 0 ? { metadata: { resourceVersion: node.metadata?.resourceVersion } } : {}),
        spec: { taints: taints.length === 0 ? null : taints },
      },
    });
  }
  if (ready !== 'True') {
    const since = silentSince(node, silencedNow, wallMs);
    actions.push(...input.pods.flatMap((pod) => unreadyPod(pod, since, wallMs)));
  }
  return {
    actions,
    memory: next,
    ...(leftMs > 0 ? { againAfterMs: leftMs } : {}),
  };
}

function signsOfLife(node: Node, lease: Lease | undefined): string {
  const heartbeat = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  return `${lease?.spec?.renewTime ?? ''} ${heartbeat?.status === 'Unknown' ? '' : (heartbeat?.lastHeartbeatTime ?? '')}`;
}

function silenced(node: Node, wallMs: number): Node {
  const now = apiTime(wallMs);
  const reported = node.status?.conditions ?? [];
  const missing = KUBELET_CONDITIONS.filter((type) => !reported.some((condition) => condition.type === type));
  return {
    ...node,
    status: {
      ...node.status,
      conditions: [
        ...reported.map((condition) =>
          KUBELET_CONDITIONS.includes(condition.type)
            ? {
                ...condition,
                status: 'Unknown',
                reason: 'NodeStatusUnknown',
                message: 'Kubelet stopped posting node status.',
                lastTransitionTime: now,
              }
            : condition,
        ),
        ...missing.map((type) => ({
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastTransitionTime: now,
        })),
      ],
    },
  };
}

/** The node's taints with those of the life cycle as they should be: present with their first time, or absent. */
function taintsFor(node: Node, ready: string, wallMs: number): Taint[] {
  const current: readonly Taint[] = node.spec?.taints ?? [];
  const wanted: [string, string][] = [];
  if (ready === 'False') wanted.push([TAINT_NOT_READY, 'NoSchedule'], [TAINT_NOT_READY, 'NoExecute']);
  if (ready === 'Unknown') wanted.push([TAINT_UNREACHABLE, 'NoSchedule'], [TAINT_UNREACHABLE, 'NoExecute']);
  if (node.spec?.unschedulable === true) wanted.push([TAINT_UNSCHEDULABLE, 'NoSchedule']);
  const ours = [TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE];
  const isWanted = (taint: Taint) =>
    wanted.some(([key, effect]) => key === taint.key && effect === taint.effect);
  const kept = current.filter((taint) => !ours.includes(taint.key) || isWanted(taint));
  const added = wanted
    .filter(([key, effect]) => !current.some((taint) => taint.key === key && taint.effect === effect))
    .map(([key, effect]) => ({ key, effect, timeAdded: apiTime(wallMs) }));
  return [...kept, ...added];
}

/** When the node stopped being ready, in whole seconds as the API has it. */
function silentSince(node: Node, now: boolean, wallMs: number): number {
  if (now) return wallMs;
  const condition = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const since = Date.parse(condition?.lastTransitionTime ?? '');
  return Number.isNaN(since) ? Number.POSITIVE_INFINITY : since;
}

/**
 * Makes a pod unready that was ready when its node went silent. One that turned ready later was reported by a kubelet
 * that is back before its node is: to contradict it would start a quarrel.
 */
function unreadyPod(pod: Pod, silentSinceMs: number, wallMs: number): Action[] {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True' || Date.parse(ready.lastTransitionTime ?? '') > silentSinceMs) return [];
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === 'Ready'
      ? { ...condition, status: 'False', reason: 'NodeNotReady', lastTransitionTime: apiTime(wallMs) }
      : condition,
  );
  return [
    {
      verb: 'merge',
      resource: PODS,
      target: pod,
      body: {
        metadata: { uid: pod.metadata?.uid, resourceVersion: pod.metadata?.resourceVersion },
        status: { conditions },
      },
      subresource: 'status',
    },
  ];
}
