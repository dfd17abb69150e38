// SPDX-License-Identifier: Apache-2.0
import { isOrdinary } from '@fairlead/shared/address/ordinary.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import { type Backend, type BalanceModel, type Frontend, sameBackend } from '../model/frontend.ts';
import {
  DEFAULT_PROXY_OPTIONS,
  type ProxyListener,
  type ProxyOptions,
  type ProxyTarget,
} from './listener.ts';

/** What the plane has to do for Services, and what it cannot. */
export interface FrontendListeners {
  readonly listeners: readonly ProxyListener[];
  /** `namespace/name` -> what cannot be done for that Service. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** A back end that was removed may not end what it has: soon, as there is no time that means at once. */
const RESET_REMOVED: ProxyOptions = { ...DEFAULT_PROXY_OPTIONS, drainMs: 1 };

/** A frontend never changes in place, and one that stays the same must not be sent to the thread again. */
const known = new WeakMap<Frontend, ProxyListener>();

/**
 * A listener for each frontend, whether its address is here or not: it can be listened on ahead, so that a takeover waits for
 * nothing. Pure.
 */
export function frontendListeners({ frontends }: BalanceModel): FrontendListeners {
  const listeners: ProxyListener[] = [];
  const problems = new Map<string, ServiceProblem[]>();
  for (const frontend of frontends.values()) {
    const { service, protocol, backends } = frontend;
    const tell = (problem: ServiceProblem) =>
      problems.set(service, [...(problems.get(service) ?? []), problem]);
    if (protocol === 'sctp') {
      tell(withoutSctp(frontend));
      continue;
    }
    listeners.push(listenerOf(frontend, protocol));
    const forbidden = backends.filter((backend) => isForbidden(frontend, backend));
    if (forbidden.length > 0) tell(notReached(frontend, forbidden));
  }
  return { listeners, problems };
}

/**
 * Whoever may write EndpointSlices would otherwise have the agent, which is in the node's own network, connect to what only the
 * node itself can reach; or to itself, again and again.
 */
function isForbidden(frontend: Frontend, { address, port }: Backend): boolean {
  return !isOrdinary(address) || (address === frontend.address && port === frontend.port);
}

function notReached({ address, port }: Frontend, backends: readonly Backend[]): ServiceProblem {
  const names = backends.map((backend) => targetOf(backend).id).join(', ');
  return {
    reason: AGENT_REASON.endpointsForbidden,
    message: `${address} port ${port} gets no connections to ${names}: no proxy connects to loopback, link-local or multicast addresses, or to itself`,
  };
}

function withoutSctp({ address, port }: Frontend): ServiceProblem {
  return {
    reason: AGENT_REASON.protocolUnsupported,
    message: `${address} port ${port}/sctp is not served: the data plane userspace relays TCP and UDP; nftables has SCTP`,
  };
}

function listenerOf(frontend: Frontend, mode: 'tcp' | 'udp'): ProxyListener {
  const before = known.get(frontend);
  if (before !== undefined) return before;
  const { id, service, address, port, scheduler, affinitySeconds, resetsRemoved } = frontend;
  const listener: ProxyListener = {
    id,
    service,
    mode,
    address,
    port,
    targets: targetsOf(frontend),
    scheduler,
    affinitySeconds,
    options: resetsRemoved === true ? RESET_REMOVED : DEFAULT_PROXY_OPTIONS,
  };
  known.set(frontend, listener);
  return listener;
}

/** Those that are ending get nothing new, but are not removed. */
function targetsOf(frontend: Frontend): readonly ProxyTarget[] {
  const { backends, ending = [] } = frontend;
  const left = ending.filter((each) => !backends.some((backend) => sameBackend(backend, each)));
  const all = [...backends, ...left.map((backend) => ({ ...backend, weight: 0 }))];
  return all.filter((backend) => !isForbidden(frontend, backend)).map(targetOf);
}

function targetOf({ address, port, weight }: Backend): ProxyTarget {
  const id = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return { id, host: address, port, weight };
}
