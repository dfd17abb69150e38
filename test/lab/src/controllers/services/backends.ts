// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import type { Pod, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { compareText, isFinished, isPodReady, isTerminating } from '../model/pods.ts';
import { matchesMap } from '../model/selectors.ts';

/** Address family as EndpointSlices and Services write it. */
export type Family = 'IPv4' | 'IPv6';

/** A port as an EndpointSlice carries it. */
export interface BackendPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly appProtocol?: string;
}

/** One pod behind a Service, in one address family. */
export interface Backend {
  readonly pod: Pod;
  readonly address: string;
  /** Ports after resolving named target ports against the pod; a port the pod does not name is left out. */
  readonly ports: readonly BackendPort[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Whether endpoints of the Service are made from pods: it has a selector and is not an alias. */
export function hasPodEndpoints(service: Service): boolean {
  return service.spec?.selector !== undefined && service.spec.type !== 'ExternalName';
}

/** Whether the pod is among the pods of the Service; says nothing about readiness. */
export function selectsPod(service: Service, pod: Pod): boolean {
  const selector = service.spec?.selector;
  return (
    selector !== undefined &&
    Object.keys(selector).length > 0 &&
    service.metadata?.namespace === pod.metadata?.namespace &&
    matchesMap(selector, pod.metadata?.labels)
  );
}

/** Families of a Service; a Service written by an old client has only its cluster IP to tell. */
export function familiesOf(service: Service): Family[] {
  const families = (service.spec?.ipFamilies ?? []).filter(
    (family): family is Family => family === 'IPv4' || family === 'IPv6',
  );
  if (families.length > 0) return families;
  return [isIPv6(service.spec?.clusterIP ?? '') ? 'IPv6' : 'IPv4'];
}

/**
 * The pods behind a Service in one family, sorted by name. Conditions as the EndpointSlice API defines them: `serving`
 * is the pod's readiness, `ready` that and not terminating; `publishNotReadyAddresses` makes all ready.
 */
export function backendsOf(service: Service, pods: Iterable<Pod>, family: Family): Backend[] {
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const backends: Backend[] = [];
  for (const pod of pods) {
    if (!selectsPod(service, pod) || isFinished(pod)) continue;
    const address = addressOf(pod, family);
    if (address === undefined) continue;
    const serving = isPodReady(pod);
    const terminating = isTerminating(pod);
    backends.push({
      pod,
      address,
      ports: resolvePorts(service, pod),
      ready: publishAll || (serving && !terminating),
      serving,
      terminating,
    });
  }
  return backends.sort((left, right) => compareText(left.pod.metadata?.name, right.pod.metadata?.name));
}

function addressOf(pod: Pod, family: Family): string | undefined {
  const addresses = (pod.status?.podIPs ?? []).map((entry) => entry.ip);
  const all = addresses.length > 0 || pod.status?.podIP === undefined ? addresses : [pod.status.podIP];
  return all.find((ip) => ip !== undefined && isIPv6(ip) === (family === 'IPv6'));
}

function resolvePorts(service: Service, pod: Pod): BackendPort[] {
  const ports: BackendPort[] = [];
  for (const entry of service.spec?.ports ?? []) {
    const protocol = entry.protocol ?? 'TCP';
    const target = entry.targetPort ?? entry.port;
    const port = typeof target === 'number' ? target || entry.port : namedPort(pod, String(target), protocol);
    if (port === undefined) continue;
    ports.push({
      name: entry.name ?? '',
      protocol,
      port,
      ...(entry.appProtocol === undefined ? {} : { appProtocol: entry.appProtocol }),
    });
  }
  return ports;
}

function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  for (const container of pod.spec?.containers ?? []) {
    const match = container.ports?.find(
      (port) => port.name === name && (port.protocol ?? 'TCP') === protocol,
    );
    if (match !== undefined) return match.containerPort;
  }
  return undefined;
}
