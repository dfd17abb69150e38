// SPDX-License-Identifier: Apache-2.0
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
    const { service, protocol } = frontend;
    if (protocol !== 'sctp') {
      listeners.push(listenerOf(frontend, protocol));
      continue;
    }
    const others = problems.get(service) ?? [];
    problems.set(service, [...others, withoutSctp(frontend)]);
  }
  return { listeners, problems };
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
function targetsOf({ backends, ending = [] }: Frontend): readonly ProxyTarget[] {
  const left = ending.filter((each) => !backends.some((backend) => sameBackend(backend, each)));
  return [...backends.map(targetOf), ...left.map((backend) => targetOf({ ...backend, weight: 0 }))];
}

function targetOf({ address, port, weight }: Backend): ProxyTarget {
  const id = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return { id, host: address, port, weight };
}
