// SPDX-License-Identifier: Apache-2.0
import { addressOf, compareAddresses, type Family } from '@fairlead/shared/address/address.ts';
import type { ServiceEndpoint } from '../../services/endpoints.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import { endpointsFrom, type FrontPort, type ServedService } from '../../services/served-service.ts';
import { annotatedCheck } from '../health/annotated-check.ts';
import type { Backend, BalanceModel, Frontend } from './frontend.ts';

/** What the model is made from. */
export interface BalanceInput {
  /** Oldest first: the older one wins a port that two want. */
  readonly services: readonly ServedService[];
  /** Addresses that this node holds or is about to hold. */
  readonly addresses: ReadonlySet<string>;
  /**
   * Addresses that may come here at any time. Their frontends are there ahead, so that a takeover does not wait for nft, and
   * so that a packet that still comes after a handover reaches its pod. Where there is no pod to send to, they are not.
   */
  readonly prepared: ReadonlySet<string>;
  readonly node: string;
  readonly lostNodes: ReadonlySet<string>;
}

/** Computes the whole model. Pure. */
export function balanceModel(input: BalanceInput): BalanceModel {
  const { services, addresses, prepared, node, lostNodes } = input;
  const frontends = new Map<string, Frontend>();
  const problems = new Map<string, ServiceProblem[]>();
  const report = (service: ServedService, problem: ServiceProblem) => {
    const known = problems.get(service.key);
    if (known === undefined) problems.set(service.key, [problem]);
    else known.push(problem);
  };
  for (const service of services) {
    const wanted = service.addresses.filter((address) => addresses.has(address) || prepared.has(address));
    if (wanted.length === 0) continue;
    if (service.clientAffinity) report(service, AFFINITY_PROBLEM);
    for (const problem of annotatedCheck(service.object).problems) report(service, problem);
    const endpoints = endpointsFrom(service, node, lostNodes);
    for (const frontend of wanted.flatMap((address) => frontendsOf(service, address, endpoints))) {
      if (frontend.backends.length === 0 && !addresses.has(frontend.address)) continue;
      const other = frontends.get(frontend.id);
      if (other === undefined) frontends.set(frontend.id, frontend);
      else report(service, conflict(frontend, other));
    }
  }
  return { frontends, problems };
}

const AFFINITY_PROBLEM: ServiceProblem = {
  reason: AGENT_REASON.affinityUnsupported,
  message:
    'sessionAffinity is ClientIP; the nftables data plane does not know it yet, so connections go round robin. ' +
    'Use the data plane "none" (kube-proxy) where affinity is needed',
};

function conflict({ address, protocol, port }: Frontend, other: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.portConflict,
    message: `${address} port ${port}/${protocol} already belongs to Service ${other.service}; use another port or address`,
  };
}

function frontendsOf(
  service: ServedService,
  address: string,
  endpoints: readonly ServiceEndpoint[],
): readonly Frontend[] {
  const family = addressOf(address)?.family;
  if (family === undefined) return [];
  const { check: healthCheck } = annotatedCheck(service.object);
  return service.ports.map((port) => ({
    id: `${port.protocol}/${port.port}/${address}`,
    service: service.key,
    family,
    address,
    protocol: port.protocol,
    port: port.port,
    backends: backendsOf(endpoints, family, port),
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding: 'nat',
    masquerade: service.policy === 'Cluster',
    ...(healthCheck === undefined ? {} : { healthCheck }),
  }));
}

function backendsOf(
  endpoints: readonly ServiceEndpoint[],
  family: Family,
  { key }: FrontPort,
): readonly Backend[] {
  const backends: Backend[] = [];
  for (const endpoint of endpoints) {
    const port = endpoint.ports.get(key);
    if (endpoint.family !== family || port === undefined) continue;
    backends.push({ address: endpoint.address, port, weight: 1, node: endpoint.node });
  }
  return backends.sort(byAddressAndPort);
}

function byAddressAndPort(a: Backend, b: Backend): number {
  const [left, right] = [addressOf(a.address), addressOf(b.address)];
  const order = left && right ? compareAddresses(left, right) : 0;
  return order === 0 ? a.port - b.port : order;
}
