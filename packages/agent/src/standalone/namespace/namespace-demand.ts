// SPDX-License-Identifier: Apache-2.0
import { type EndpointSlice, joinKey, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { DEFAULT_PROXY_OPTIONS } from '../../balance/user-space/listener.ts';
import type { LeaseName } from '../../config/lease-name.ts';
import type { AddressGroup } from '../../ownership/engine.ts';
import { endpointsByService, portKey, usableEndpoints } from '../../services/endpoints.ts';
import type { BalancerEntry, EntryBackend } from '../config/balancer-entry.ts';
import type { Demand } from '../demand.ts';
import type { ListedService, ServiceList } from './service-list.ts';

/** What is seen of a namespace. */
export interface NamespaceView {
  readonly namespace: string;
  readonly list: ServiceList;
  readonly services: Iterable<Service>;
  readonly slices: Iterable<EndpointSlice>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** From the list of Services of a namespace and their endpoints to what there is to do. One Lease stands for all of it. Pure. */
export function namespaceDemand(
  { namespace, list, services, slices }: NamespaceView,
  lease: LeaseName,
): Demand {
  const { services: listed, problems } = list;
  const byName = new Map([...services].map((service) => [service.metadata?.name ?? '', service]));
  const endpoints = endpointsByService(slices);
  const entries = listed.map((each): BalancerEntry => {
    const key = joinKey(namespace, each.serviceName);
    const usable = usableEndpoints(endpoints.get(key) ?? [], {
      policy: 'Cluster',
      node: '',
      lostNodes: NOBODY,
    });
    const name = portName(byName.get(each.serviceName), each);
    return entryOf(
      key,
      each,
      usable.flatMap(({ address, ports }) => backendOf(address, ports.get(name)) ?? []),
    );
  });
  const keys = Map.groupBy(listed, ({ serviceName }) => joinKey(namespace, serviceName));
  return {
    groups: groupsOf(listed, namespace, lease),
    entries,
    services: [...keys].map(([key, own]) => ({ key, addresses: [...new Set(own.map(({ vip }) => vip))] })),
    hosts: new Map(),
    problems: new Map(problems.length === 0 ? [] : [[namespace, problems]]),
  };
}

/** The key of the port in the Service's endpoints. Without a Service (yet) that of a Service with one port. */
function portName(service: Service | undefined, { port, protocol }: ListedService): string {
  const wanted = protocol.toUpperCase();
  const found = service?.spec?.ports?.find(
    (each) => each.port === port && (each.protocol ?? 'TCP') === wanted,
  );
  return portKey(wanted, found?.name);
}

function backendOf(host: string, port: number | undefined): EntryBackend | undefined {
  return port === undefined ? undefined : { host, isAddress: true, port, weight: 1 };
}

function entryOf(
  key: string,
  { vip, port, protocol }: ListedService,
  backends: readonly EntryBackend[],
): BalancerEntry {
  return {
    name: `${key} ${protocol}/${port}/${vip}`,
    mode: protocol,
    port,
    addresses: [vip],
    // In a fixed order, so that nobody's turn changes because a slice was written anew.
    backends: [...backends].sort((a, b) => (a.host < b.host ? -1 : 1)),
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding: 'nat',
    // Readiness is the cluster's to judge.
    healthCheck: undefined,
    options: DEFAULT_PROXY_OPTIONS,
  };
}

function groupsOf(
  listed: readonly ListedService[],
  namespace: string,
  lease: LeaseName,
): readonly AddressGroup[] {
  const byAddress = Map.groupBy(listed, ({ vip }) => vip);
  return [...byAddress].map(([vip, own]) => {
    const services = [...new Set(own.map(({ serviceName }) => joinKey(namespace, serviceName)))];
    return { key: services[0] ?? vip, services, addresses: [vip], candidates: 'any', lease };
  });
}
