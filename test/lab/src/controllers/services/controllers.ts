// SPDX-License-Identifier: Apache-2.0
import { keyOf, type Pod, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { NO_PLAN } from '../model/actions.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';
import { hasPodEndpoints, selectsPod } from './backends.ts';
import { planEndpointSlices, SERVICE_NAME_LABEL } from './endpoint-slices.ts';
import { planEndpoints } from './endpoints.ts';

/** Keeps EndpointSlices of Services with a selector. */
export function endpointSliceController(cluster: Cluster): Controller {
  const services = cluster.view(SERVICES);
  const pods = cluster.view(PODS);
  const slices = cluster.view(ENDPOINT_SLICES);
  // Slices by Service: looking through all of them for each of thousands of Services would be quadratic.
  const byService = new Map<string, Set<string>>();
  return {
    name: 'endpointslice',
    concurrency: 8,
    attach(enqueue) {
      services.subscribe(({ object }) => enqueue(keyOf(object)));
      attachPods(cluster, enqueue);
      slices.subscribe(({ object, type }) => {
        const service = object.metadata?.labels?.[SERVICE_NAME_LABEL];
        if (service === undefined) return;
        const key = `${object.metadata?.namespace ?? ''}/${service}`;
        const names = byService.get(key) ?? new Set<string>();
        if (type === 'deleted') names.delete(object.metadata?.name ?? '');
        else names.add(object.metadata?.name ?? '');
        byService.set(key, names);
        enqueue(key);
      });
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const service = services.get(namespace, name);
      if (service === undefined) {
        byService.delete(key);
        return NO_PLAN;
      }
      if (!hasPodEndpoints(service)) return NO_PLAN;
      // A slice created a moment ago is in the view but not yet in the index.
      const mine = [...(byService.get(key) ?? [])]
        .map((slice) => slices.get(namespace, slice))
        .filter((slice) => slice !== undefined);
      const created = slices.unconfirmed(namespace);
      const all = new Map([...mine, ...created].map((slice) => [slice.metadata?.name ?? '', slice]));
      return planEndpointSlices({
        service,
        pods: pods.inNamespace(namespace),
        slices: all.values(),
        nowMs: cluster.clock.wallMs(),
      });
    },
  };
}

/** Keeps the legacy Endpoints objects. */
export function endpointsController(cluster: Cluster): Controller {
  const services = cluster.view(SERVICES);
  const pods = cluster.view(PODS);
  const endpoints = cluster.view(ENDPOINTS);
  return {
    name: 'endpoints',
    concurrency: 8,
    attach(enqueue) {
      services.subscribe(({ object }) => enqueue(keyOf(object)));
      attachPods(cluster, enqueue);
      endpoints.subscribe(({ object }) => enqueue(keyOf(object)));
    },
    reconcile(key) {
      const { namespace = '', name } = splitKey(key);
      const service = services.get(namespace, name);
      const current = endpoints.get(namespace, name);
      if (service === undefined) {
        // Endpoints have no owner reference: they are named after the Service and go with it.
        const ours = current?.metadata?.labels?.['endpoints.kubernetes.io/managed-by'] !== undefined;
        return ours && current !== undefined && current.metadata?.deletionTimestamp === undefined
          ? { actions: [{ verb: 'delete', resource: ENDPOINTS, target: current }] }
          : NO_PLAN;
      }
      return planEndpoints({
        service,
        pods: pods.inNamespace(namespace),
        current,
        nowMs: cluster.clock.wallMs(),
      });
    },
  };
}

/** A pod's change concerns the Services that select it, or selected it before its labels changed. */
function attachPods(cluster: Cluster, enqueue: (key: string) => void): void {
  const services = cluster.view(SERVICES);
  cluster.view(PODS).subscribe((change) => {
    const versions: Pod[] = [change.object];
    if (change.type === 'updated') versions.push(change.previous);
    for (const service of services.inNamespace(change.object.metadata?.namespace ?? '')) {
      if (versions.some((pod) => selectsPod(service, pod))) enqueue(keyOf(service));
    }
  });
}
