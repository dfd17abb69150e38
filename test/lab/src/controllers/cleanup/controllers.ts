// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import { keyOf, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import {
  CONFIG_MAPS,
  NAMESPACES,
  NODES,
  PODS,
  SERVICE_ACCOUNTS,
} from '@fairlead/shared/kubernetes/resources.ts';
import { createAction, NO_PLAN } from '../model/actions.ts';
import { isTerminating } from '../model/pods.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';
import { planStrayPod } from './stray-pods.ts';

/** A deleted node that registers again within this time keeps its pods (40 s in Kubernetes; labs are less patient). */
const STRAY_QUARANTINE_MS = 5_000;
const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';

/** Makes the ServiceAccount `default` in every namespace. */
export function serviceAccountController(cluster: Cluster): Controller {
  const namespaces = cluster.view(NAMESPACES);
  const accounts = cluster.view(SERVICE_ACCOUNTS);
  return {
    name: 'serviceaccount',
    concurrency: 4,
    attach(enqueue) {
      namespaces.subscribe(({ object }) => enqueue(keyOf(object)));
      accounts.subscribe(({ object, type }) => {
        if (type === 'deleted') enqueue(object.metadata?.namespace ?? '');
      });
    },
    reconcile(namespace) {
      const object = namespaces.get('', namespace);
      if (object === undefined || isTerminating(object)) return NO_PLAN;
      if (accounts.get(namespace, 'default') !== undefined) return NO_PLAN;
      return {
        actions: [
          createAction(SERVICE_ACCOUNTS, {
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            metadata: { name: 'default', namespace },
          }),
        ],
      };
    },
  };
}

/** Publishes the certificate of the cluster's authority in every namespace: pods mount it beside their token. */
export function rootCaController(cluster: Cluster, certificate: string): Controller {
  const namespaces = cluster.view(NAMESPACES);
  const configMaps = cluster.view(CONFIG_MAPS);
  return {
    name: 'root-ca',
    concurrency: 4,
    attach(enqueue) {
      namespaces.subscribe(({ object }) => enqueue(keyOf(object)));
      configMaps.subscribe(({ object }) => {
        if (object.metadata?.name === ROOT_CA_CONFIG_MAP) enqueue(object.metadata.namespace ?? '');
      });
    },
    reconcile(namespace) {
      const object = namespaces.get('', namespace);
      if (object === undefined || isTerminating(object)) return NO_PLAN;
      const current = configMaps.get(namespace, ROOT_CA_CONFIG_MAP);
      const data = { 'ca.crt': certificate };
      if (current === undefined) {
        return {
          actions: [
            createAction(CONFIG_MAPS, {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: ROOT_CA_CONFIG_MAP, namespace },
              data,
            }),
          ],
        };
      }
      if (current.data?.['ca.crt'] === certificate) return NO_PLAN;
      return { actions: [{ verb: 'merge', resource: CONFIG_MAPS, target: current, body: { data } }] };
    },
  };
}

/** Removes pods that no kubelet will remove. */
export function podGarbageController(cluster: Cluster): Controller {
  const pods = cluster.view(PODS);
  const nodes = cluster.view(NODES);
  const missingSinceMs = new Map<string, number>();
  return {
    name: 'pod-gc',
    concurrency: 2,
    attach(enqueue) {
      pods.subscribe(({ object, type }) => {
        if (type !== 'deleted') enqueue(keyOf(object));
      });
      nodes.subscribe(({ object, type }) => {
        missingSinceMs.delete(object.metadata?.name ?? '');
        if (type !== 'deleted') return;
        for (const pod of pods.values()) {
          if (pod.spec?.nodeName === object.metadata?.name) enqueue(keyOf(pod));
        }
      });
    },
    async reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined) return NO_PLAN;
      const nodeName = pod.spec?.nodeName ?? '';
      const nowMs = cluster.clock.monotonicMs();
      let nodeExists = nodes.get('', nodeName) !== undefined;
      let sinceMs = nowMs;
      if (nodeName !== '' && !nodeExists) {
        sinceMs = missingSinceMs.get(nodeName) ?? nowMs;
        missingSinceMs.set(nodeName, sinceMs);
        // The view may lag; nothing is removed by force on hearsay.
        if (nowMs - sinceMs >= STRAY_QUARANTINE_MS) nodeExists = await nodeIsThere(cluster, nodeName);
      }
      return planStrayPod({
        pod,
        nodeExists,
        nodeMissingForMs: nowMs - sinceMs,
        quarantineMs: STRAY_QUARANTINE_MS,
      });
    },
  };
}

async function nodeIsThere(cluster: Cluster, name: string): Promise<boolean> {
  try {
    await cluster.client.get(NODES, { name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
