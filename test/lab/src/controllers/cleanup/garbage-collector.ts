// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import {
  apiVersionOf,
  CONFIG_MAPS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  LEASES,
  NODES,
  PODS,
  REPLICA_SETS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { type AnyResource, NO_PLAN } from '../model/actions.ts';
import type { OwnerReference } from '../model/owners.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';
import { JOBS } from '../workloads/job.ts';
import { FOREGROUND_FINALIZER, type Item, type OwnerState, planCollection } from './collection.ts';
import { OwnerGraph } from './owner-graph.ts';

/** Kinds that are watched for owners and dependents. */
const COLLECTED: readonly AnyResource[] = [
  PODS,
  REPLICA_SETS,
  DEPLOYMENTS,
  DAEMON_SETS,
  JOBS,
  SERVICES,
  ENDPOINT_SLICES,
  ENDPOINTS,
  CONFIG_MAPS,
  SECRETS,
  SERVICE_ACCOUNTS,
  NODES,
  LEASES,
];

/** Deletes what its owners left behind. Keys are uids. */
export function garbageCollector(cluster: Cluster): Controller {
  const graph = new OwnerGraph();
  for (const resource of COLLECTED) cluster.view(resource);
  return {
    name: 'garbage-collector',
    concurrency: 4,
    attach(enqueue) {
      for (const resource of COLLECTED) {
        cluster.view(resource).subscribe(({ object, type }) => {
          const touched = type === 'deleted' ? graph.remove(object) : graph.put(resource, object);
          for (const uid of touched) enqueue(uid);
        });
      }
    },
    async reconcile(uid) {
      const item = graph.get(uid);
      if (item === undefined) return NO_PLAN;
      const states = new Map<string, OwnerState>();
      for (const owner of item.object.metadata?.ownerReferences ?? []) {
        states.set(owner.uid, await ownerState(cluster, graph, item, owner));
      }
      return planCollection({
        item,
        ownerState: (owner) => states.get(owner.uid) ?? 'unknown',
        dependents: graph.dependents(uid),
      });
    },
  };
}

/** What we know of an owner; whoever is not among the watched objects is asked for: nothing is deleted on hearsay. */
async function ownerState(
  cluster: Cluster,
  graph: OwnerGraph,
  child: Item,
  owner: OwnerReference,
): Promise<OwnerState> {
  const known = graph.get(owner.uid)?.object;
  if (known !== undefined) {
    const foreground =
      known.metadata?.deletionTimestamp !== undefined &&
      known.metadata.finalizers?.includes(FOREGROUND_FINALIZER) === true;
    return foreground ? 'foreground' : 'present';
  }
  const resource = COLLECTED.find(
    (candidate) => candidate.kind === owner.kind && apiVersionOf(candidate) === owner.apiVersion,
  );
  if (resource === undefined) return 'unknown';
  const namespace = resource.namespaced ? child.object.metadata?.namespace : undefined;
  try {
    const live = await cluster.client.get(resource, {
      name: owner.name,
      ...(namespace === undefined ? {} : { namespace }),
    });
    return live.metadata?.uid === owner.uid ? 'present' : 'absent';
  } catch (error) {
    if (isNotFound(error)) return 'absent';
    throw error;
  }
}
