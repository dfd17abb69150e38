// SPDX-License-Identifier: Apache-2.0
import { type KubeObject, keyOf, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  NODES,
  PODS,
  REPLICA_SETS,
} from '@fairlead/shared/kubernetes/resources.ts';
import { NO_PLAN } from '../model/actions.ts';
import { controllerOf } from '../model/owners.ts';
import { matchesSelector } from '../model/selectors.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';
import { planDaemonSet } from './daemon-set.ts';
import { planDeployment } from './deployment.ts';
import { JOBS, planJob } from './job.ts';
import { planReplicaSet, replicaSetsOf } from './replica-set.ts';

/** Keeps the ReplicaSets of Deployments. */
export function deploymentController(cluster: Cluster): Controller {
  const deployments = cluster.view(DEPLOYMENTS);
  const replicaSets = cluster.view(REPLICA_SETS);
  return {
    name: 'deployment',
    concurrency: 4,
    attach(enqueue) {
      deployments.subscribe(({ object }) => enqueue(keyOf(object)));
      replicaSets.subscribe(({ object }) => {
        const namespace = object.metadata?.namespace ?? '';
        const manager = controllerOf(object);
        if (manager !== undefined) {
          if (manager.kind === 'Deployment') enqueue(`${namespace}/${manager.name}`);
          return;
        }
        for (const deployment of deployments.inNamespace(namespace)) {
          if (matchesSelector(deployment.spec?.selector, object.metadata?.labels)) enqueue(keyOf(deployment));
        }
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const deployment = deployments.get(namespace, name);
      if (deployment === undefined) return NO_PLAN;
      return planDeployment({
        deployment,
        replicaSets: replicaSets.inNamespace(namespace),
        nowMs: cluster.clock.wallMs(),
      });
    },
  };
}

/** Keeps the pods of ReplicaSets. */
export function replicaSetController(cluster: Cluster): Controller {
  const replicaSets = cluster.view(REPLICA_SETS);
  const pods = cluster.view(PODS);
  return {
    name: 'replicaset',
    concurrency: 4,
    attach(enqueue) {
      replicaSets.subscribe(({ object }) => enqueue(keyOf(object)));
      pods.subscribe((change) => {
        const ofNamespace = replicaSets.inNamespace(change.object.metadata?.namespace ?? '');
        for (const key of replicaSetsOf(change.object, ofNamespace)) enqueue(key);
        if (change.type === 'updated' && change.previous !== undefined) {
          for (const key of formerManager(change.previous, change.object, 'ReplicaSet')) enqueue(key);
        }
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const replicaSet = replicaSets.get(namespace, name);
      if (replicaSet === undefined) return NO_PLAN;
      return planReplicaSet({
        replicaSet,
        pods: pods.inNamespace(namespace),
        nowMs: cluster.clock.wallMs(),
      });
    },
  };
}

/** Keeps the pods of DaemonSets. */
export function daemonSetController(cluster: Cluster): Controller {
  const daemonSets = cluster.view(DAEMON_SETS);
  const nodes = cluster.view(NODES);
  const pods = cluster.view(PODS);
  return {
    name: 'daemonset',
    concurrency: 2,
    attach(enqueue) {
      daemonSets.subscribe(({ object }) => enqueue(keyOf(object)));
      nodes.subscribe((change) => {
        const before = change.type === 'updated' ? change.previous : undefined;
        if (before !== undefined && sameForDaemons(before, change.object)) return;
        for (const daemonSet of daemonSets.values()) enqueue(keyOf(daemonSet));
      });
      pods.subscribe(({ object }) => {
        const manager = controllerOf(object);
        if (manager?.kind === 'DaemonSet') enqueue(`${object.metadata?.namespace ?? ''}/${manager.name}`);
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const daemonSet = daemonSets.get(namespace, name);
      if (daemonSet === undefined) return NO_PLAN;
      return planDaemonSet({
        daemonSet,
        nodes: nodes.values(),
        pods: pods.inNamespace(namespace),
        nowMs: cluster.clock.wallMs(),
      });
    },
  };
}

/** Runs Jobs. */
export function jobController(cluster: Cluster): Controller {
  const jobs = cluster.view(JOBS);
  const pods = cluster.view(PODS);
  return {
    name: 'job',
    concurrency: 2,
    attach(enqueue) {
      jobs.subscribe(({ object }) => enqueue(keyOf(object)));
      pods.subscribe(({ object }) => {
        const manager = controllerOf(object);
        if (manager?.kind === 'Job') enqueue(`${object.metadata?.namespace ?? ''}/${manager.name}`);
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const job = jobs.get(namespace, name);
      if (job === undefined) return NO_PLAN;
      return planJob({ job, pods: pods.inNamespace(namespace), nowMs: cluster.clock.wallMs() });
    },
  };
}

/** The manager an object had before a change, if it has another now. */
function formerManager(before: KubeObject, after: KubeObject, kind: string): string[] {
  const manager = controllerOf(before);
  if (manager === undefined || manager.kind !== kind || manager.uid === controllerOf(after)?.uid) return [];
  return [`${before.metadata?.namespace ?? ''}/${manager.name}`];
}

/** Heartbeats must not wake every DaemonSet: only labels, taints and the like matter to them. */
function sameForDaemons(
  before: KubeObject & { spec?: unknown },
  after: KubeObject & { spec?: unknown },
): boolean {
  return (
    JSON.stringify(before.spec) === JSON.stringify(after.spec) &&
    JSON.stringify(before.metadata?.labels) === JSON.stringify(after.metadata?.labels) &&
    before.metadata?.deletionTimestamp === after.metadata?.deletionTimestamp
  );
}
