// SPDX-License-Identifier: Apache-2.0
import { keyOf, type Node, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES, NODES, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, NO_PLAN } from '../model/actions.ts';
import { podCondition } from '../model/pods.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';
import { planEviction } from './eviction.ts';
import { judgeNode, type NodeMemory } from './health.ts';
import { needsPlacement, placePod } from './placement.ts';

/** Namespace of the nodes' heartbeat Leases. */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';
/** A pod that fits nowhere is tried again when a node changes, and after this time in any case. */
const UNSCHEDULABLE_RETRY_MS = 5_000;

/** Binds pods to nodes, one at a time: each decision counts on those before it. */
export function schedulerController(cluster: Cluster): Controller {
  const pods = cluster.view(PODS);
  const nodes = cluster.view(NODES);
  return {
    name: 'scheduler',
    concurrency: 1,
    attach(enqueue) {
      pods.subscribe(({ object, type }) => {
        if (type !== 'deleted') {
          if (needsPlacement(object)) enqueue(keyOf(object));
          return;
        }
        for (const pod of pods.values()) if (needsPlacement(pod)) enqueue(keyOf(pod));
      });
      nodes.subscribe((change) => {
        if (change.type === 'deleted') return;
        if (change.type === 'updated' && sameForPlacement(change.previous, change.object)) return;
        for (const pod of pods.values()) if (needsPlacement(pod)) enqueue(keyOf(pod));
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined || !needsPlacement(pod)) return NO_PLAN;
      const placement = placePod({ pod, nodes: nodes.values(), pods: pods.values() });
      if (placement.nodeName !== undefined) {
        const { nodeName } = placement;
        return {
          actions: [
            { verb: 'bind', pod, nodeName },
            {
              verb: 'event',
              about: pod,
              resource: PODS,
              eventType: 'Normal',
              reason: 'Scheduled',
              message: `Successfully assigned ${key} to ${nodeName}`,
            },
          ],
        };
      }
      const before = podCondition(pod, 'PodScheduled');
      if (before?.message === placement.message) return { actions: [], againAfterMs: UNSCHEDULABLE_RETRY_MS };
      const condition = {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: placement.message,
        lastTransitionTime: before?.lastTransitionTime ?? new Date(cluster.clock.wallMs()).toISOString(),
      };
      const others = (pod.status?.conditions ?? []).filter((entry) => entry.type !== 'PodScheduled');
      const actions: Action[] = [
        {
          verb: 'merge',
          resource: PODS,
          target: pod,
          body: { metadata: { uid: pod.metadata?.uid }, status: { conditions: [...others, condition] } },
          subresource: 'status',
        },
        {
          verb: 'event',
          about: pod,
          resource: PODS,
          eventType: 'Warning',
          reason: 'FailedScheduling',
          message: placement.message,
        },
      ];
      return { actions, againAfterMs: UNSCHEDULABLE_RETRY_MS };
    },
  };
}

/** Heartbeats leave labels, taints and readiness as they were: no reason to try pods again. */
function sameForPlacement(before: Node, after: Node): boolean {
  const essence = (node: Node) =>
    JSON.stringify([
      node.metadata?.labels,
      node.spec,
      node.status?.conditions?.map(({ type, status }) => [type, status]),
    ]);
  return essence(before) === essence(after);
}

/** Watches over the nodes' signs of life. */
export function nodeLifecycleController(
  cluster: Cluster,
  settings: { readonly gracePeriodMs: number; readonly periodMs: number },
): Controller {
  const nodes = cluster.view(NODES);
  const leases = cluster.view(LEASES);
  const pods = cluster.view(PODS);
  const memories = new Map<string, NodeMemory>();
  return {
    name: 'node-lifecycle',
    concurrency: 4,
    attach(enqueue) {
      nodes.subscribe(({ object }) => enqueue(keyOf(object)));
      leases.subscribe(({ object }) => {
        if (object.metadata?.namespace === NODE_LEASE_NAMESPACE) enqueue(object.metadata.name ?? '');
      });
      // A kubelet that is still talking may turn a pod of a lost node ready again.
      pods.subscribe(({ object }) => {
        if (object.spec?.nodeName) enqueue(object.spec.nodeName);
      });
    },
    reconcile(name) {
      const node = nodes.get('', name);
      if (node === undefined) {
        memories.delete(name);
        return NO_PLAN;
      }
      const verdict = judgeNode({
        node,
        lease: leases.get(NODE_LEASE_NAMESPACE, name),
        pods: [...pods.values()].filter((pod) => pod.spec?.nodeName === name),
        memory: memories.get(name),
        monotonicMs: cluster.clock.monotonicMs(),
        wallMs: cluster.clock.wallMs(),
        gracePeriodMs: settings.gracePeriodMs,
      });
      memories.set(name, verdict.memory);
      const againAfterMs = Math.min(settings.periodMs, verdict.againAfterMs ?? settings.periodMs);
      return { actions: verdict.actions, againAfterMs };
    },
  };
}

/** Deletes pods from nodes with NoExecute taints. */
export function taintEvictionController(cluster: Cluster, defaultStayMs: number): Controller {
  const nodes = cluster.view(NODES);
  const pods = cluster.view(PODS);
  return {
    name: 'taint-eviction',
    concurrency: 4,
    attach(enqueue) {
      nodes.subscribe((change) => {
        const before = change.type === 'updated' ? change.previous.spec?.taints : undefined;
        if (JSON.stringify(before) === JSON.stringify(change.object.spec?.taints)) return;
        for (const pod of pods.values()) {
          if (pod.spec?.nodeName === change.object.metadata?.name) enqueue(keyOf(pod));
        }
      });
      pods.subscribe(({ object, type }) => {
        if (type !== 'deleted' && object.spec?.nodeName) enqueue(keyOf(object));
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const pod = pods.get(namespace, name);
      const node = nodes.get('', pod?.spec?.nodeName ?? '');
      if (pod === undefined || node === undefined) return NO_PLAN;
      return planEviction({ pod, node, wallMs: cluster.clock.wallMs(), defaultStayMs });
    },
  };
}
