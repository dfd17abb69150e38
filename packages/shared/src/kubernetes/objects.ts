// SPDX-License-Identifier: Apache-2.0
import type {
  CoreV1Event,
  V1Condition,
  V1ConfigMap,
  V1DaemonSet,
  V1Deployment,
  V1Endpoint,
  V1EndpointSlice,
  V1Endpoints,
  V1Lease,
  V1LoadBalancerIngress,
  V1Namespace,
  V1Node,
  V1ObjectMeta,
  V1ObjectReference,
  V1OwnerReference,
  V1Pod,
  V1ReplicaSet,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1ServicePort,
} from '@kubernetes/client-node';
import type { Wire } from './wire.ts';

/** What every Kubernetes object has. Lists and watches of ours always fill `apiVersion` and `kind`. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

/** `metadata` of an object. */
export type ObjectMeta = Wire<V1ObjectMeta>;
/** An entry of `metadata.ownerReferences`. */
export type OwnerReference = Wire<V1OwnerReference>;
/** core/v1 ObjectReference, as in `involvedObject` of an Event. */
export type ObjectReference = Wire<V1ObjectReference>;
/** meta/v1 Condition, as in `status.conditions` of a Service. */
export type Condition = Wire<V1Condition>;

/** core/v1 Service. */
export type Service = Wire<V1Service>;
/** One port of a Service. */
export type ServicePort = Wire<V1ServicePort>;
/** One entry of `status.loadBalancer.ingress`. */
export type LoadBalancerIngress = Wire<V1LoadBalancerIngress>;
/** discovery.k8s.io/v1 EndpointSlice. */
export type EndpointSlice = Wire<V1EndpointSlice>;
/** One endpoint of an EndpointSlice. */
export type Endpoint = Wire<V1Endpoint>;
/** core/v1 Endpoints, the older form of EndpointSlice. */
export type Endpoints = Wire<V1Endpoints>;
/** core/v1 Node. */
export type Node = Wire<V1Node>;
/** core/v1 Pod. */
export type Pod = Wire<V1Pod>;
/** core/v1 Namespace. */
export type Namespace = Wire<V1Namespace>;
/** core/v1 ConfigMap. */
export type ConfigMap = Wire<V1ConfigMap>;
/** core/v1 Secret; values in `data` are base64. */
export type Secret = Wire<V1Secret>;
/** core/v1 ServiceAccount. */
export type ServiceAccount = Wire<V1ServiceAccount>;
/** core/v1 Event. */
export type CoreEvent = Wire<CoreV1Event>;
/** coordination.k8s.io/v1 Lease. */
export type Lease = Wire<V1Lease>;
/** apps/v1 Deployment. */
export type Deployment = Wire<V1Deployment>;
/** apps/v1 ReplicaSet. */
export type ReplicaSet = Wire<V1ReplicaSet>;
/** apps/v1 DaemonSet. */
export type DaemonSet = Wire<V1DaemonSet>;

/** `namespace/name`, or `name` for a cluster-scoped object: the key of stores and work queues. */
export function keyOf(object: KubeObject): string {
  return joinKey(object.metadata?.namespace, object.metadata?.name ?? '');
}

/** `namespace/name`, or `name` when there is no namespace. */
export function joinKey(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

/** The reverse of {@link joinKey}. */
export function splitKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
