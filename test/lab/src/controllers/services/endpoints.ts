// SPDX-License-Identifier: Apache-2.0
import type { Endpoints, Pod, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINTS } from '@fairlead/shared/kubernetes/resources.ts';
import { NO_PLAN, type Plan } from '../model/actions.ts';
import { sameJson } from '../model/conditions.ts';
import { canonicalJson } from '../model/hash.ts';
import { isTerminating } from '../model/pods.ts';
import { type Backend, backendsOf, familiesOf, hasPodEndpoints } from './backends.ts';

const MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by';
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';
/** The real controller truncates here: an Endpoints object is one object, however many pods there are. */
const MAX_ADDRESSES = 1_000;

type Subset = NonNullable<Endpoints['subsets']>[number];

/** What {@link planEndpoints} looks at. */
export interface EndpointsInput {
  readonly service: Service;
  readonly pods: Iterable<Pod>;
  /** The Endpoints object of the Service's name, if there is one. */
  readonly current: Endpoints | undefined;
  readonly nowMs: number;
}

/**
 * The legacy Endpoints object of a Service: first family only, ready and not-ready addresses apart, terminating pods
 * left out (kept when the Service publishes not-ready addresses).
 */
export function planEndpoints({ service, pods, current, nowMs }: EndpointsInput): Plan {
  const [family] = familiesOf(service);
  if (!hasPodEndpoints(service) || isTerminating(service) || family === undefined) return NO_PLAN;
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const backends = backendsOf(service, pods, family).filter((backend) => publishAll || !backend.terminating);
  const subsets = subsetsOf(backends.slice(0, MAX_ADDRESSES));
  const labels = {
    ...service.metadata?.labels,
    ...(service.spec?.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {}),
    [MANAGED_BY_LABEL]: 'endpoint-controller',
  };
  if (current !== undefined) {
    if (sameJson(current.subsets ?? [], subsets) && sameJson(current.metadata?.labels ?? {}, labels))
      return NO_PLAN;
  }
  const object: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...(current?.metadata ?? {
        name: service.metadata?.name ?? '',
        namespace: service.metadata?.namespace ?? '',
      }),
      labels,
      annotations: {
        ...current?.metadata?.annotations,
        [TRIGGER_TIME_ANNOTATION]: new Date(nowMs).toISOString(),
      },
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
  return { actions: [{ verb: current === undefined ? 'create' : 'replace', resource: ENDPOINTS, object }] };
}

function subsetsOf(backends: readonly Backend[]): Subset[] {
  const groups = new Map<string, Backend[]>();
  for (const backend of backends) {
    const key = canonicalJson(backend.ports);
    groups.set(key, [...(groups.get(key) ?? []), backend]);
  }
  return [...groups.entries()]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, members]) => {
      const ready = members.filter((backend) => backend.ready).map(addressOf);
      const notReady = members.filter((backend) => !backend.ready).map(addressOf);
      const ports = (members[0]?.ports ?? []).map(({ name, ...port }) => ({
        ...(name === '' ? {} : { name }),
        ...port,
      }));
      return {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ...(ports.length === 0 ? {} : { ports }),
      };
    });
}

function addressOf({ pod, address }: Backend) {
  return {
    ip: address,
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: {
      kind: 'Pod',
      namespace: pod.metadata?.namespace ?? '',
      name: pod.metadata?.name ?? '',
      uid: pod.metadata?.uid ?? '',
    },
  };
}
