// SPDX-License-Identifier: Apache-2.0
import type { IpFamily } from '../validation/ip.ts';
import type { ApiObject, JsonObject } from './objects.ts';

/** `spec.ports[]` of a Service. */
export interface ServicePort extends JsonObject {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
  readonly appProtocol?: string;
}

/** `spec` of a Service, as far as its rules speak about it. */
export interface ServiceSpec extends JsonObject {
  readonly type?: string;
  readonly ports?: readonly ServicePort[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly IpFamily[];
  readonly ipFamilyPolicy?: string;
  readonly externalIPs?: readonly string[];
  readonly externalName?: string;
  readonly externalTrafficPolicy?: string;
  readonly internalTrafficPolicy?: string;
  readonly healthCheckNodePort?: number;
  readonly allocateLoadBalancerNodePorts?: boolean;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly loadBalancerSourceRanges?: readonly string[];
  readonly sessionAffinity?: string;
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
  readonly trafficDistribution?: string;
}

/** `status.loadBalancer.ingress[]`. */
export interface Ingress extends JsonObject {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
}

/** A Service. Only what the schema decoder let through may be seen as one: it has checked the types. */
export interface Service extends ApiObject {
  readonly spec: ServiceSpec;
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly Ingress[] } };
}

/** Views a decoded object as a Service. */
export function asService(object: ApiObject): Service {
  return { ...object, spec: object.spec ?? {} } as Service;
}

/** `clusterIP: None`. */
export const HEADLESS = 'None';

/** True for a Service without an address of its own (by choice, not ExternalName). */
export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === HEADLESS;
}

/** Types that open a port on every node. */
export function needsNodePort(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

/** Everything but ExternalName has a cluster address (or says `None`). */
export function needsClusterIp(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName';
}

/** Load balancers that keep the source address are asked which nodes have endpoints. */
export function needsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** True when clients outside the cluster may reach it. */
export function isExternallyAccessible(spec: ServiceSpec): boolean {
  return needsNodePort(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
}

/** The same list, or both absent or empty. */
export function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  const left = a ?? [];
  const right = b ?? [];
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

/** Other values for some `spec` fields; `undefined` removes a field. */
export type SpecChanges = { readonly [K in keyof ServiceSpec]?: ServiceSpec[K] | undefined };

/** The Service with other `spec` fields. */
export function withSpec(service: Service, changes: SpecChanges): Service {
  const spec: Record<string, unknown> = { ...service.spec, ...changes };
  for (const [key, value] of Object.entries(spec)) if (value === undefined) delete spec[key];
  return { ...service, spec: spec as unknown as ServiceSpec };
}
