// SPDX-License-Identifier: Apache-2.0
import type { Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { controllerOf } from '../model/owners.ts';
import { compareText, isFinished } from '../model/pods.ts';
import {
  isNodeReady,
  nodeMatchesPod,
  preferenceOf,
  TAINT_NOT_READY,
  TAINT_UNSCHEDULABLE,
  tolerates,
  untolerated,
} from '../model/scheduling.ts';
import { matchesSelector } from '../model/selectors.ts';

/** Where a pod goes, or why it cannot go anywhere (text as the scheduler's event has it). */
export type Placement =
  | { readonly nodeName: string }
  | { readonly nodeName: undefined; readonly message: string };

/** What {@link placePod} looks at. */
export interface PlacementInput {
  readonly pod: Pod;
  readonly nodes: Iterable<Node>;
  /** All pods of the cluster that have a node. */
  readonly pods: Iterable<Pod>;
}

/** Whether the pod waits for a scheduler, and for this one. */
export function needsPlacement(pod: Pod): boolean {
  const spec = pod.spec;
  return (
    spec !== undefined &&
    !spec.nodeName &&
    (spec.schedulerName === undefined || spec.schedulerName === 'default-scheduler') &&
    (spec.schedulingGates ?? []).length === 0 &&
    pod.metadata?.deletionTimestamp === undefined &&
    !isFinished(pod)
  );
}

/**
 * The node for a pod: among those that admit it, the one with the highest preference weight, then with the fewest pods
 * of the same owner, then with the fewest pods, then the first by name. The same input gives the same node.
 */
export function placePod({ pod, nodes, pods }: PlacementInput): Placement {
  const spec = pod.spec;
  if (spec === undefined) return { nodeName: undefined, message: 'the pod has no spec' };
  const byNode = new Map<string, Pod[]>();
  for (const other of pods) {
    const name = other.spec?.nodeName;
    if (!name || isFinished(other) || other.metadata?.uid === pod.metadata?.uid) continue;
    const list = byNode.get(name);
    if (list === undefined) byNode.set(name, [other]);
    else list.push(other);
  }
  const all = [...nodes];
  const refusals = new Map<string, number>();
  const ranked: { name: string; rank: readonly number[] }[] = [];
  for (const node of all) {
    const name = node.metadata?.name ?? '';
    const present = byNode.get(name) ?? [];
    const refusal = refusalOf(node, pod, spec, present, { all, byNode });
    if (refusal !== undefined) {
      refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
      continue;
    }
    const siblings = present.filter((other) => sameOwner(other, pod)).length;
    ranked.push({ name, rank: [-preferenceOf(node, spec), siblings, present.length] });
  }
  ranked.sort((left, right) => compareRanks(left.rank, right.rank) || compareText(left.name, right.name));
  const best = ranked[0];
  if (best !== undefined) return { nodeName: best.name };
  const reasons = [...refusals].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return { nodeName: undefined, message: `0/${all.length} nodes are available: ${reasons || 'no nodes'}.` };
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function refusalOf(
  node: Node,
  pod: Pod,
  spec: NonNullable<Pod['spec']>,
  present: readonly Pod[],
  cluster: { readonly all: readonly Node[]; readonly byNode: ReadonlyMap<string, readonly Pod[]> },
): string | undefined {
  const tolerations = spec.tolerations;
  if (node.metadata?.deletionTimestamp !== undefined) return 'node(s) were going away';
  const cordon = { key: TAINT_UNSCHEDULABLE, effect: 'NoSchedule' };
  if (node.spec?.unschedulable === true && !(tolerations ?? []).some((entry) => tolerates(entry, cordon))) {
    return 'node(s) were unschedulable';
  }
  const taint = untolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute']);
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  const notReady = { key: TAINT_NOT_READY, effect: 'NoSchedule' };
  if (!isNodeReady(node) && !(tolerations ?? []).some((entry) => tolerates(entry, notReady))) {
    return 'node(s) were not ready';
  }
  if (!nodeMatchesPod(node, spec)) return "node(s) didn't match Pod's node affinity/selector";
  const wanted = hostPorts(pod);
  if (wanted.size > 0 && present.some((other) => [...hostPorts(other)].some((port) => wanted.has(port)))) {
    return "node(s) didn't have free ports for the requested pod ports";
  }
  if (repelled(node, pod, spec, cluster)) return "node(s) didn't match pod anti-affinity rules";
  return undefined;
}

/** Ports a pod takes on its node. Host-network pods take what they declare. */
function hostPorts(pod: Pod): Set<string> {
  const ports = new Set<string>();
  for (const container of pod.spec?.containers ?? []) {
    for (const port of container.ports ?? []) {
      const number = port.hostPort || (pod.spec?.hostNetwork === true ? port.containerPort : 0);
      if (number) ports.add(`${port.protocol ?? 'TCP'}/${number}`);
    }
  }
  return ports;
}

/** Required pod anti-affinity of the incoming pod (not of those present). */
function repelled(
  node: Node,
  pod: Pod,
  spec: NonNullable<Pod['spec']>,
  { all, byNode }: { readonly all: readonly Node[]; readonly byNode: ReadonlyMap<string, readonly Pod[]> },
): boolean {
  const terms = spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some((term) => {
    const domain = node.metadata?.labels?.[term.topologyKey];
    if (domain === undefined) return false;
    const namespaces = term.namespaces ?? [pod.metadata?.namespace ?? ''];
    return all
      .filter((other) => other.metadata?.labels?.[term.topologyKey] === domain)
      .flatMap((other) => byNode.get(other.metadata?.name ?? '') ?? [])
      .some(
        (other) =>
          namespaces.includes(other.metadata?.namespace ?? '') &&
          matchesSelector(term.labelSelector, other.metadata?.labels),
      );
  });
}

/** Same managing owner; pods without one are siblings when namespace and labels are the same. */
function sameOwner(left: Pod, right: Pod): boolean {
  const owner = controllerOf(left)?.uid;
  const other = controllerOf(right)?.uid;
  if (owner !== undefined || other !== undefined) return owner === other;
  return false;
}
