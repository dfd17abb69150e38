// SPDX-License-Identifier: Apache-2.0
import type {
  ConfigMap,
  CoreEvent,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  ServiceAccount,
} from './objects.ts';

/** Where objects of one kind live in the API. `T` is the type of the objects, carried for the compiler only. */
export interface Resource<T extends KubeObject> {
  /** API group; '' is core. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set; it ties `T` to the value so that `client.get(NODES, ...)` is a Node. */
  readonly object?: T;
}

/** Describes a resource that is not in the list below. */
export function defineResource<T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced = true,
): Resource<T> {
  return { group, version, plural, kind, namespaced };
}

/** `v1` or `apps/v1`: the `apiVersion` of objects of this resource. */
export function apiVersionOf(resource: Resource<KubeObject>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** `services` or `deployments.apps`: how people and metrics name the resource. */
export function resourceName(resource: Resource<KubeObject>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** core/v1 services. */
export const SERVICES = defineResource<Service>('', 'v1', 'services', 'Service');
/** discovery.k8s.io/v1 endpointslices. */
export const ENDPOINT_SLICES = defineResource<EndpointSlice>(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
);
/** core/v1 endpoints. */
export const ENDPOINTS = defineResource<Endpoints>('', 'v1', 'endpoints', 'Endpoints');
/** core/v1 nodes (cluster-scoped). */
export const NODES = defineResource<Node>('', 'v1', 'nodes', 'Node', false);
/** core/v1 namespaces (cluster-scoped). */
export const NAMESPACES = defineResource<Namespace>('', 'v1', 'namespaces', 'Namespace', false);
/** core/v1 pods. */
export const PODS = defineResource<Pod>('', 'v1', 'pods', 'Pod');
/** core/v1 configmaps. */
export const CONFIG_MAPS = defineResource<ConfigMap>('', 'v1', 'configmaps', 'ConfigMap');
/** core/v1 secrets. */
export const SECRETS = defineResource<Secret>('', 'v1', 'secrets', 'Secret');
/** core/v1 serviceaccounts. */
export const SERVICE_ACCOUNTS = defineResource<ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount');
/** core/v1 events. */
export const EVENTS = defineResource<CoreEvent>('', 'v1', 'events', 'Event');
/** coordination.k8s.io/v1 leases. */
export const LEASES = defineResource<Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease');
/** apps/v1 deployments. */
export const DEPLOYMENTS = defineResource<Deployment>('apps', 'v1', 'deployments', 'Deployment');
/** apps/v1 replicasets. */
export const REPLICA_SETS = defineResource<ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet');
/** apps/v1 daemonsets. */
export const DAEMON_SETS = defineResource<DaemonSet>('apps', 'v1', 'daemonsets', 'DaemonSet');
