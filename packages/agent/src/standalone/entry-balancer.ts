// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { Balancer } from '../balance/balancer.ts';
import { clearOtherPlanes, createBalancer } from '../balance/create-balancer.ts';
import { possibleModel } from '../balance/dsr/direct-return.ts';
import type { BalanceModel } from '../balance/model/frontend.ts';
import type { Surroundings } from '../balance/surroundings.ts';
import type { ListenerStats, UserSpacePlane } from '../balance/user-space/plane.ts';
import { createUserSpacePlane } from '../balance/user-space/threaded-plane.ts';
import type { BalancerEntry } from './config/balancer-entry.ts';
import type { StandalonePlane } from './config/standalone-config.ts';
import { entryModel } from './entry-frontends.ts';
import { entryListeners, listenerId } from './entry-listeners.ts';

/** Where this host is: what forwarding other than NAT depends on. */
export type HostSurroundings = Pick<Surroundings, 'links' | 'linkOf'>;

/** Balances what a configuration asks for, in whichever plane. */
export interface EntryBalancer {
  /** The whole desired state, without the back ends whose ids are in `down`. */
  apply(entries: readonly BalancerEntry[], down: ReadonlySet<string>, where: HostSurroundings): Promise<void>;
  /** Address -> why nobody listens there, as of the last `apply`: it is better off on another host. */
  broken(): ReadonlyMap<string, string>;
  /** By listener, what it has relayed in user space. */
  relayed(): ReadonlyMap<string, ListenerStats>;
  /** Repairs what was lost. Returns whether anything was. */
  verify(): Promise<boolean>;
  stop(): Promise<void>;
}

/** Makes the plane, free of what another one left in the kernel. @throws CommandError when the kernel refuses it. */
export async function createEntryBalancer(kind: StandalonePlane, logger: Logger): Promise<EntryBalancer> {
  if (kind === 'userspace') {
    await clearOtherPlanes(kind, logger);
    return new UserSpaceEntries(createUserSpacePlane({ logger }));
  }
  return new KernelEntries(await createBalancer(kind, logger), logger);
}

class UserSpaceEntries implements EntryBalancer {
  readonly #plane: UserSpacePlane;
  #broken: ReadonlyMap<string, string> = new Map();

  constructor(plane: UserSpacePlane) {
    this.#plane = plane;
  }

  async apply(entries: readonly BalancerEntry[], down: ReadonlySet<string>): Promise<void> {
    const problems = await this.#plane.apply(entryListeners(entries, down));
    const byListener = new Map(problems.map(({ id, problem }) => [id, problem]));
    const broken = new Map<string, string>();
    for (const entry of entries) {
      for (const address of entry.addresses ?? []) {
        const problem = byListener.get(listenerId(entry, address));
        if (problem !== undefined) broken.set(address, `port ${entry.port} of "${entry.name}": ${problem}`);
      }
    }
    this.#broken = broken;
  }

  broken(): ReadonlyMap<string, string> {
    return this.#broken;
  }

  relayed(): ReadonlyMap<string, ListenerStats> {
    return this.#plane.stats();
  }

  verify(): Promise<boolean> {
    return this.#plane.verify();
  }

  stop(): Promise<void> {
    return this.#plane.stop();
  }
}

const NOTHING_BROKEN: ReadonlyMap<string, string> = new Map();
const NOTHING_RELAYED: ReadonlyMap<string, ListenerStats> = new Map();

class KernelEntries implements EntryBalancer {
  readonly #balancer: Balancer;
  readonly #logger: Logger;
  #told: ReadonlySet<string> = new Set();

  constructor(balancer: Balancer, logger: Logger) {
    this.#balancer = balancer;
    this.#logger = logger;
  }

  apply(
    entries: readonly BalancerEntry[],
    down: ReadonlySet<string>,
    where: HostSurroundings,
  ): Promise<void> {
    const surroundings = { ...where, node: '', addressesOf: () => [] };
    const model = possibleModel(entryModel(entries, down), this.#balancer, () => surroundings);
    this.#tellNew(model.problems);
    return this.#balancer.apply(model);
  }

  /** There is no Service to tell it of. */
  #tellNew(problems: BalanceModel['problems']): void {
    const told = [...problems].flatMap(([name, all]) => all.map(({ message }) => `${name}: ${message}`));
    for (const text of told) if (!this.#told.has(text)) this.#logger.warn(text);
    this.#told = new Set(told);
  }

  broken(): ReadonlyMap<string, string> {
    return NOTHING_BROKEN;
  }

  relayed(): ReadonlyMap<string, ListenerStats> {
    return this.#balancer.relayed?.() ?? NOTHING_RELAYED;
  }

  verify(): Promise<boolean> {
    return this.#balancer.verify();
  }

  stop(): Promise<void> {
    return this.#balancer.stop();
  }
}
