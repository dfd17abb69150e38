// SPDX-License-Identifier: Apache-2.0
import { addressOf, type Family } from '@fairlead/shared/address/address.ts';
import type { Backend, BalanceModel, Forwarding, Frontend } from '../balance/model/frontend.ts';
import type { ControlPlaneSettings, ForwardingMethod } from '../config/control-plane-settings.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { ApiServerNode } from './api-servers.ts';
import { CONTROL_PLANE_KEY } from './claim.ts';

/** What the frontends of the control plane are made from. */
export interface ControlPlaneFrontendInput {
  readonly settings: Pick<ControlPlaneSettings, 'port' | 'balance'>;
  /** Canonical text. */
  readonly addresses: readonly string[];
  /** This node. */
  readonly node: string;
  /** Those that connections may go to. */
  readonly servers: readonly ApiServerNode[];
  /** Those that get no new connections, but keep what they have. Default: none. */
  readonly ending?: readonly ApiServerNode[];
  /** The data plane is IPVS, which has all of kube-vip's ways. */
  readonly byIpvs?: boolean;
}

/** Does the address need a data plane at all? Without one its connections reach the API server of the node that has it. */
export function needsPlane({ port, balance }: ControlPlaneFrontendInput['settings']): boolean {
  return balance !== undefined && !(balance.method === 'local' && balance.port === port);
}

/**
 * One frontend for each address, also on nodes that do not have it now: their own programs are spread as well, and a
 * takeover waits for nothing. Without an API server to send to there is none, and the one of this node answers by itself. Pure.
 */
export function controlPlaneFrontends(input: ControlPlaneFrontendInput): readonly Frontend[] {
  const { settings, addresses, node, servers, ending = [] } = input;
  const { balance, port } = settings;
  if (balance === undefined || !needsPlane(settings)) return [];
  const isChosen = (server: ApiServerNode) => balance.method !== 'local' || server.node === node;
  return addresses.flatMap((address): readonly Frontend[] => {
    const family = addressOf(address)?.family;
    if (family === undefined) return [];
    const backendsOf = (all: readonly ApiServerNode[]) =>
      all.filter(isChosen).flatMap((server) => backendOf(server, family, port) ?? []);
    const backends = backendsOf(servers);
    if (backends.length === 0) return [];
    return [
      {
        id: `tcp/${balance.port}/${address}`,
        service: CONTROL_PLANE_KEY,
        family,
        address,
        protocol: 'tcp',
        port: balance.port,
        backends,
        scheduler: 'roundRobin',
        affinitySeconds: undefined,
        // Who watches a server that is gone would hear nothing for most of a minute, and not know why.
        resetsRemoved: true,
        ending: backendsOf(ending),
        ...forwardingOf(balance.method, input.byIpvs === true),
      },
    ];
  });
}

/** With IPVS an API server holds the address itself, as kube-vip's users know it. */
function forwardingOf(
  method: ForwardingMethod,
  byIpvs: boolean,
): Pick<Frontend, 'forwarding' | 'masquerade'> {
  return byIpvs && method in BY_IPVS
    ? { ...FORWARDING[method], forwarding: BY_IPVS[method] ?? 'nat' }
    : FORWARDING[method];
}

const BY_IPVS: Readonly<Partial<Record<ForwardingMethod, Forwarding>>> = {
  directroute: 'directRoute',
  tunnel: 'tunnel',
  bypass: 'bypass',
};

/** A tunnel and a bypass are only IPVS's; elsewhere the same API servers are reached by NAT. */
const FORWARDING: Readonly<Record<ForwardingMethod, Pick<Frontend, 'forwarding' | 'masquerade'>>> = {
  local: { forwarding: 'nat', masquerade: false },
  masquerade: { forwarding: 'nat', masquerade: true },
  directroute: { forwarding: 'dsr', masquerade: false },
  tunnel: { forwarding: 'nat', masquerade: true },
  bypass: { forwarding: 'nat', masquerade: true },
};

function backendOf({ node, addresses }: ApiServerNode, family: Family, port: number): Backend | undefined {
  const address = addresses.find((text) => addressOf(text)?.family === family);
  return address === undefined ? undefined : { address, port, weight: 1, node };
}

/**
 * The model of the Services with the frontends of the control plane. No Service gets a port at which the control plane
 * answers, balanced or not: its clients would lose the API. Pure.
 *
 * @param reserved ids of frontends that belong to the control plane
 */
export function withControlPlaneFrontends(
  model: BalanceModel,
  frontends: readonly Frontend[],
  reserved: ReadonlySet<string>,
): BalanceModel {
  if (frontends.length === 0 && ![...reserved].some((id) => model.frontends.has(id))) return model;
  const merged = new Map(model.frontends);
  const problems = new Map(model.problems);
  for (const id of reserved) {
    const taken = merged.get(id);
    if (taken === undefined) continue;
    merged.delete(id);
    problems.set(taken.service, [...(problems.get(taken.service) ?? []), conflict(taken)]);
  }
  for (const frontend of frontends) merged.set(frontend.id, frontend);
  return { ...model, frontends: merged, problems };
}

function conflict({ address, protocol, port }: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.portConflict,
    message: `${address} port ${port}/${protocol} belongs to the control plane; use another port or address`,
  };
}
