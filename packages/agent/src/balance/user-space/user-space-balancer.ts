// SPDX-License-Identifier: Apache-2.0

import { CONTROL_PLANE_KEY } from '../../control-plane/claim.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import type { Balancer } from '../balancer.ts';
import { type BalanceModel, sameFrontend } from '../model/frontend.ts';
import { type FrontendListeners, frontendListeners } from './frontend-listeners.ts';
import type { ProxyListener } from './listener.ts';
import type { ListenerProblem, ListenerStats, UserSpacePlane } from './plane.ts';

/** Balancing of Services in user space: a proxy for each of their ports. */
export function createUserSpaceBalancer(plane: UserSpacePlane): Balancer {
  return new UserSpaceBalancer(plane);
}

const NOTHING: FrontendListeners = { listeners: [], problems: new Map() };

class UserSpaceBalancer implements Balancer {
  readonly name = 'userspace';
  readonly isProxy = true;
  readonly #plane: UserSpacePlane;
  /** By frontend id: what the listeners were made from. */
  #frontends: BalanceModel['frontends'] = new Map();
  #wanted = NOTHING;
  #refused: readonly ListenerProblem[] = [];
  /** What is wanted has been told to the plane. */
  #isTold = true;

  constructor(plane: UserSpacePlane) {
    this.#plane = plane;
  }

  async apply(model: BalanceModel): Promise<void> {
    const frontends = this.#keepSame(model.frontends);
    if (frontends === this.#frontends && this.#isTold) return;
    this.#frontends = frontends;
    this.#wanted = frontendListeners({ frontends, problems: new Map() });
    this.#isTold = false;
    this.#refused = await this.#plane.apply(this.#wanted.listeners);
    this.#isTold = frontends === this.#frontends;
  }

  async verify(): Promise<boolean> {
    const wasRepaired = await this.#plane.verify();
    this.#refused = this.#plane.problems();
    return wasRepaired;
  }

  problems(): ReadonlyMap<string, readonly ServiceProblem[]> {
    if (this.#refused.length === 0) return this.#wanted.problems;
    const problems = new Map(this.#wanted.problems);
    for (const { listener, problem } of this.#refusedListeners()) {
      const { service, address, port, mode } = listener;
      const hint = problem.includes('EACCES')
        ? ' (the agent needs NET_BIND_SERVICE for ports below 1024)'
        : '';
      const message = `${address} port ${port}/${mode} cannot be listened on: ${problem}${hint}`;
      const own = { reason: AGENT_REASON.portUnavailable, message };
      problems.set(service, [...(problems.get(service) ?? []), own]);
    }
    return problems;
  }

  /** Another node may have the port free. Where it is the API server that has it, the address is served all the same. */
  unservable(): ReadonlySet<string> {
    const ofServices = this.#refusedListeners().filter(
      ({ listener }) => listener.service !== CONTROL_PLANE_KEY,
    );
    return new Set(ofServices.flatMap(({ listener }) => listener.address ?? []));
  }

  relayed(): ReadonlyMap<string, ListenerStats> {
    return this.#plane.stats();
  }

  async stop(): Promise<void> {
    this.#frontends = new Map();
    this.#wanted = NOTHING;
    this.#refused = [];
    await this.#plane.stop();
  }

  #refusedListeners(): readonly { readonly listener: ProxyListener; readonly problem: string }[] {
    if (this.#refused.length === 0) return [];
    const listeners = new Map(this.#wanted.listeners.map((listener) => [listener.id, listener]));
    return this.#refused.flatMap(({ id, problem }) => {
      const listener = listeners.get(id);
      return listener === undefined ? [] : [{ listener, problem }];
    });
  }

  /** The frontends that we have where they are the same; the very same map when all are. */
  #keepSame(wanted: BalanceModel['frontends']): BalanceModel['frontends'] {
    const before = this.#frontends;
    let isSame = wanted.size === before.size;
    const kept = new Map(wanted);
    for (const [id, frontend] of wanted) {
      const old = before.get(id);
      if (old !== undefined && (old === frontend || isSameHere(old, frontend))) kept.set(id, old);
      else isSame = false;
    }
    return isSame ? before : kept;
  }
}

function isSameHere(a: Parameters<typeof sameFrontend>[0], b: Parameters<typeof sameFrontend>[0]): boolean {
  return a.service === b.service && sameFrontend(a, b);
}
