// SPDX-License-Identifier: Apache-2.0
import { addressOf, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import { type EndpointSlice, joinKey } from '@fairlead/shared/kubernetes/objects.ts';

/** One pod address behind a Service. */
export interface ServiceEndpoint {
  readonly family: Family;
  /** Canonical text. */
  readonly address: string;
  /** Node the pod runs on; undefined when the slice does not say (hand-made slices). */
  readonly node: string | undefined;
  /** `draining`: terminating but still serving; counts only when nothing is ready, as in kube-proxy. */
  readonly state: 'ready' | 'draining';
  /** `protocol/port name` -> target port; the name is empty for a Service with one unnamed port. */
  readonly ports: ReadonlyMap<string, number>;
}

/** Key of {@link ServiceEndpoint.ports}. */
export function portKey(protocol: string | undefined, name: string | undefined): string {
  return `${protocol ?? 'TCP'}/${name ?? ''}`;
}

/** A slice never changes in place: every version is an object of its own, so what was read from it can be kept. */
const readSlices = new WeakMap<EndpointSlice, readonly ServiceEndpoint[]>();

/** The endpoints of one slice that can take traffic. Pure. */
export function endpointsOfSlice(slice: EndpointSlice): readonly ServiceEndpoint[] {
  const known = readSlices.get(slice);
  if (known !== undefined) return known;
  const endpoints = slice.addressType === 'FQDN' ? [] : parse(slice);
  readSlices.set(slice, endpoints);
  return endpoints;
}

/**
 * `namespace/service` -> endpoints from all its slices. One pod can be in two slices while the control plane moves it;
 * then the better of its states counts. Pure.
 */
export function endpointsByService(
  slices: Iterable<EndpointSlice>,
): ReadonlyMap<string, readonly ServiceEndpoint[]> {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const service = slice.metadata?.labels?.[LABEL.serviceName];
    if (service === undefined || slice.metadata?.deletionTimestamp !== undefined) continue;
    const key = joinKey(slice.metadata?.namespace, service);
    const group = byService.get(key);
    if (group === undefined) byService.set(key, [slice]);
    else group.push(slice);
  }
  const result = new Map<string, readonly ServiceEndpoint[]>();
  for (const [key, group] of byService) {
    const first = group[0];
    if (first !== undefined)
      result.set(key, group.length === 1 ? endpointsOfSlice(first) : together(first, group));
  }
  return result;
}

/** What was read from several slices, by the first of them; kept for the reason that {@link readSlices} has. */
const readGroups = new WeakMap<
  EndpointSlice,
  { readonly slices: readonly EndpointSlice[]; readonly endpoints: readonly ServiceEndpoint[] }
>();

function together(first: EndpointSlice, slices: readonly EndpointSlice[]): readonly ServiceEndpoint[] {
  const known = readGroups.get(first);
  const isSame =
    known?.slices.length === slices.length && known.slices.every((each, at) => each === slices[at]);
  if (known !== undefined && isSame) return known.endpoints;
  const endpoints = merge(slices);
  readGroups.set(first, { slices, endpoints });
  return endpoints;
}

function merge(slices: readonly EndpointSlice[]): readonly ServiceEndpoint[] {
  const best = new Map<string, ServiceEndpoint>();
  for (const endpoint of slices.flatMap(endpointsOfSlice)) {
    const ports = [...endpoint.ports].map(([name, port]) => `${name}=${port}`).join(',');
    const key = `${endpoint.address} ${ports}`;
    const other = best.get(key);
    if (other === undefined || (other.state === 'draining' && endpoint.state === 'ready'))
      best.set(key, endpoint);
  }
  return [...best.values()];
}

function parse(slice: EndpointSlice): readonly ServiceEndpoint[] {
  const ports = new Map<string, number>();
  for (const { protocol, name, port } of slice.ports ?? []) {
    if (port !== undefined) ports.set(portKey(protocol, name), port);
  }
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions, nodeName }) => {
    // Absent conditions mean yes for ready and serving, no for terminating (discovery.k8s.io/v1).
    const ready = conditions?.ready ?? true;
    const draining = (conditions?.serving ?? ready) && conditions?.terminating === true;
    const address = addressOf(addresses[0] ?? '');
    if (address === undefined || !(ready || draining)) return [];
    const endpoint: ServiceEndpoint = {
      family: address.family,
      address: formatAddress(address),
      node: nodeName,
      state: ready ? 'ready' : 'draining',
      ports,
    };
    return [endpoint];
  });
}

/** Who asks for endpoints, and under which policy. */
export interface EndpointScope {
  readonly policy: 'Cluster' | 'Local';
  /** Node that would send to them. */
  readonly node: string;
  readonly lostNodes: ReadonlySet<string>;
}

/**
 * The endpoints that new connections may go to from a node: with policy Local those on it; of these the ready ones, or
 * the draining ones when none is ready. Endpoints on lost nodes are left out, unless that would leave none: then our
 * belief about the nodes is more likely wrong than all pods. Pure.
 */
export function usableEndpoints(
  endpoints: readonly ServiceEndpoint[],
  { policy, node, lostNodes }: EndpointScope,
): readonly ServiceEndpoint[] {
  const near = policy === 'Local' ? endpoints.filter((endpoint) => endpoint.node === node) : endpoints;
  const isReachable = (endpoint: ServiceEndpoint) =>
    endpoint.node === undefined || !lostNodes.has(endpoint.node);
  const reachable = preferReady(near.filter(isReachable));
  return reachable.length > 0 ? reachable : preferReady(near);
}

/**
 * The endpoints that get nothing new, but end what they have: those that drain, beside the usable ones, where the policy allows
 * and the node is not lost. Pure.
 */
export function endingEndpoints(
  endpoints: readonly ServiceEndpoint[],
  scope: EndpointScope,
): readonly ServiceEndpoint[] {
  const { policy, node, lostNodes } = scope;
  const draining = endpoints.filter(
    (each) =>
      each.state === 'draining' &&
      (policy === 'Cluster' || each.node === node) &&
      !lostNodes.has(each.node ?? ''),
  );
  if (draining.length === 0) return draining;
  const usable = new Set(usableEndpoints(endpoints, scope));
  return draining.filter((each) => !usable.has(each));
}

function preferReady(endpoints: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  const ready = endpoints.filter(({ state }) => state === 'ready');
  return ready.length > 0 ? ready : endpoints;
}
