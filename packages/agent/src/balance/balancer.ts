// SPDX-License-Identifier: Apache-2.0
import type { ServiceProblem } from '../services/problem.ts';
import type { BalanceModel, Frontend, Scheduler } from './model/frontend.ts';
import type { KernelScheduler } from './model/kernel-schedulers.ts';
import type { Surroundings } from './surroundings.ts';
import type { ListenerStats } from './user-space/plane.ts';

/** What there is to know about a plane with schedulers of the kernel's own. */
export interface KernelSchedulers {
  /** For Services that say nothing; undefined: what other planes do. */
  readonly usual: KernelScheduler | undefined;
}

/** Sends connections to pods: one data plane. */
export interface Balancer {
  readonly name: string;
  /** Schedulers that it does not have; a Service that asks for one is told, and gets weighted round robin. Absent: it has all. */
  readonly missingSchedulers?: ReadonlySet<Scheduler>;
  /** It sends to hops as `Frontend.direct` says. Absent: it has no forwarding but NAT. */
  readonly directReturn?: boolean;
  /** It has schedulers of the kernel's own. Absent: it has not. */
  readonly kernelSchedulers?: KernelSchedulers;
  /** The model as it can do it, with what it cannot among the problems. Absent: it knows of NAT, and what `directReturn` says. */
  resolve?(model: BalanceModel, surroundings: Surroundings): BalanceModel;
  /**
   * Connections to an address must come to the node that holds it, since they end there or since other nodes could not do the
   * same: Services say so (`ipMode: Proxy`), and kube-proxy leaves the address alone. Absent: kube-proxy may cut it short.
   */
  readonly isProxy?: boolean;
  /** The whole desired state. Resolves when the kernel has it; writes nothing when nothing differs. */
  apply(model: BalanceModel): Promise<void>;
  /**
   * The model as it was, but for these front ends (undefined: not there any more). For the many changes of endpoints: what it costs
   * does not depend on how much else there is. Absent: only whole models.
   */
  replace?(frontends: ReadonlyMap<string, Frontend | undefined>): Promise<void>;
  /** Looks whether the kernel still has what was applied, and repairs it. Returns whether it had to. */
  verify(): Promise<boolean>;
  /** `namespace/name` -> what of the last `apply` could not be done for that Service. Absent: nothing ever is. */
  problems?(): ReadonlyMap<string, readonly ServiceProblem[]>;
  /** Addresses that are better off on another node, as of the last `apply`. Absent: there never is one. */
  unservable?(): ReadonlySet<string>;
  /** By listener, what it has relayed in user space. Absent: it relays nothing there. */
  relayed?(): ReadonlyMap<string, ListenerStats>;
  /** Removes everything of ours. */
  stop(): Promise<void>;
}
