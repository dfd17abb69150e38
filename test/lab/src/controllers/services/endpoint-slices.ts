// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Pod, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, NO_PLAN, type Plan } from '../model/actions.ts';
import { sameJson } from '../model/conditions.ts';
import { canonicalJson } from '../model/hash.ts';
import { ownerReferenceTo } from '../model/owners.ts';
import { isTerminating } from '../model/pods.ts';
import {
  type Backend,
  type BackendPort,
  backendsOf,
  type Family,
  familiesOf,
  hasPodEndpoints,
} from './backends.ts';

/** Label with the name of the Service a slice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Label with the name of who keeps the slice. */
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
/** Our value of {@link MANAGED_BY_LABEL}: the real controller's, as we stand in for it. */
export const MANAGED_BY = 'endpointslice-controller.k8s.io';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Endpoint entry of a slice. */
type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

/** What {@link planEndpointSlices} looks at. */
export interface EndpointSliceInput {
  readonly service: Service;
  readonly pods: Iterable<Pod>;
  /** Slices of the namespace labelled with the Service's name. */
  readonly slices: Iterable<EndpointSlice>;
  readonly nowMs: number;
  /** Endpoints per slice, 100 in Kubernetes. */
  readonly maxEndpoints?: number;
}

/**
 * Slices of one Service: endpoints stay in the slice they are in, new ones fill slices with room, slices left empty go.
 * A Service without any endpoint keeps one empty slice per family, so that consumers know that it was looked at.
 */
export function planEndpointSlices(input: EndpointSliceInput): Plan {
  const { service, nowMs } = input;
  if (!hasPodEndpoints(service) || isTerminating(service)) return NO_PLAN;
  const pods = [...input.pods];
  const mine = [...input.slices].filter(
    (slice) =>
      slice.metadata?.labels?.[MANAGED_BY_LABEL] === MANAGED_BY &&
      slice.metadata.labels[SERVICE_NAME_LABEL] === service.metadata?.name &&
      !isTerminating(slice),
  );
  const families = familiesOf(service);
  const actions: Action[] = mine
    .filter((slice) => !families.some((family) => family === slice.addressType))
    .map((target) => ({ verb: 'delete', resource: ENDPOINT_SLICES, target }));
  for (const family of families) {
    const ofFamily = mine.filter((slice) => slice.addressType === family);
    const backends = backendsOf(service, pods, family);
    actions.push(
      ...planFamily({ service, family, backends, slices: ofFamily, nowMs, most: input.maxEndpoints ?? 100 }),
    );
  }
  return { actions };
}

interface FamilyInput {
  readonly service: Service;
  readonly family: Family;
  readonly backends: readonly Backend[];
  readonly slices: readonly EndpointSlice[];
  readonly nowMs: number;
  readonly most: number;
}

function planFamily(input: FamilyInput): Action[] {
  const groups = new Map<string, { ports: readonly BackendPort[]; backends: Backend[] }>();
  for (const backend of input.backends) {
    const key = portsKey(backend.ports);
    const group = groups.get(key) ?? { ports: backend.ports, backends: [] };
    group.backends.push(backend);
    groups.set(key, group);
  }
  if (groups.size === 0) {
    // The last slice stays, emptied, with its ports: the next pod will most likely have the same ones.
    const ports = (input.slices[0]?.ports ?? []).map(asBackendPort);
    groups.set(portsKey(ports), { ports, backends: [] });
  }
  const actions: Action[] = [];
  for (const [key, group] of groups) {
    const slices = input.slices.filter((slice) => portsKey(slice.ports ?? []) === key);
    actions.push(...planGroup(input, group, slices));
  }
  for (const slice of input.slices) {
    if (!groups.has(portsKey(slice.ports ?? []))) {
      actions.push({ verb: 'delete', resource: ENDPOINT_SLICES, target: slice });
    }
  }
  return actions;
}

function asBackendPort(port: NonNullable<EndpointSlice['ports']>[number]): BackendPort {
  return {
    name: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
    port: port.port ?? 0,
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
  };
}

/** Slices with the same ports, whatever their order and whether defaults are written out. */
function portsKey(
  ports: readonly { name?: string; protocol?: string; port?: number; appProtocol?: string }[],
) {
  return canonicalJson(
    ports
      .map((port) =>
        [port.name ?? '', port.protocol ?? 'TCP', port.port ?? 0, port.appProtocol ?? ''].join('|'),
      )
      .sort(),
  );
}

function planGroup(
  input: FamilyInput,
  group: { readonly ports: readonly BackendPort[]; readonly backends: readonly Backend[] },
  slices: readonly EndpointSlice[],
): Action[] {
  const waiting = new Map(group.backends.map((backend) => [backend.pod.metadata?.uid ?? '', backend]));
  const kept = slices.map((slice) => {
    const endpoints: Endpoint[] = [];
    for (const endpoint of slice.endpoints ?? []) {
      const backend = waiting.get(endpoint.targetRef?.uid ?? '');
      if (backend === undefined || endpoints.length >= input.most) continue;
      waiting.delete(endpoint.targetRef?.uid ?? '');
      endpoints.push(endpointOf(input.service, backend));
    }
    return { slice, endpoints };
  });
  const rest = [...waiting.values()];
  for (const { endpoints } of kept) {
    endpoints.push(
      ...rest.splice(0, input.most - endpoints.length).map((backend) => endpointOf(input.service, backend)),
    );
  }
  const actions: Action[] = [];
  const placeholder = group.backends.length === 0 ? kept[0]?.slice : undefined;
  for (const { slice, endpoints } of kept) {
    if (endpoints.length === 0 && slice !== placeholder) {
      actions.push({ verb: 'delete', resource: ENDPOINT_SLICES, target: slice });
      continue;
    }
    const object = filledSlice(input, group.ports, endpoints, slice);
    if (!sameSlice(slice, object)) actions.push({ verb: 'replace', resource: ENDPOINT_SLICES, object });
  }
  while (rest.length > 0 || (kept.length === 0 && actions.length === 0)) {
    const endpoints = rest.splice(0, input.most).map((backend) => endpointOf(input.service, backend));
    actions.push({
      verb: 'create',
      resource: ENDPOINT_SLICES,
      object: filledSlice(input, group.ports, endpoints),
    });
  }
  return actions;
}

function endpointOf(service: Service, { pod, address, ready, serving, terminating }: Backend): Endpoint {
  const hostname =
    pod.spec?.hostname && pod.spec.subdomain === service.metadata?.name ? pod.spec.hostname : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: {
      kind: 'Pod',
      namespace: pod.metadata?.namespace ?? '',
      name: pod.metadata?.name ?? '',
      uid: pod.metadata?.uid ?? '',
    },
  };
}

function filledSlice(
  { service, family, nowMs }: FamilyInput,
  ports: readonly BackendPort[],
  endpoints: Endpoint[],
  before?: EndpointSlice,
): EndpointSlice {
  const name = service.metadata?.name ?? '';
  const headless = service.spec?.clusterIP === 'None';
  const { [TRIGGER_TIME_ANNOTATION]: _old, ...annotations } = before?.metadata?.annotations ?? {};
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...(before?.metadata ?? { generateName: `${name}-` }),
      namespace: service.metadata?.namespace ?? '',
      labels: {
        ...service.metadata?.labels,
        ...(headless ? { [HEADLESS_LABEL]: '' } : {}),
        [SERVICE_NAME_LABEL]: name,
        [MANAGED_BY_LABEL]: MANAGED_BY,
      },
      annotations: { ...annotations, [TRIGGER_TIME_ANNOTATION]: new Date(nowMs).toISOString() },
      ownerReferences: [ownerReferenceTo(service, 'v1', 'Service')],
    },
    addressType: family,
    endpoints,
    ports: ports.map((port) => ({ ...port })),
  };
}

/** Whether two versions of a slice say the same, apart from the trigger time and fields of the API server. */
function sameSlice(left: EndpointSlice, right: EndpointSlice): boolean {
  const essence = (slice: EndpointSlice) => ({
    labels: slice.metadata?.labels,
    owners: slice.metadata?.ownerReferences,
    endpoints: slice.endpoints ?? [],
    ports: portsKey(slice.ports ?? []),
  });
  return sameJson(essence(left), essence(right));
}
