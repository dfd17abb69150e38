// SPDX-License-Identifier: Apache-2.0
import type { BalanceModel, Scheduler } from './model/frontend.ts';
import type { ListenerStats } from './user-space/plane.ts';

/** Sends connections to pods: one data plane. */
export interface Balancer {
  readonly name: string;
  /** Schedulers that it does not have; a Service that asks for one is told, and gets weighted round robin. Absent: it has all. */
  readonly missingSchedulers?: ReadonlySet<Scheduler>;
  /** It sends to hops as `Frontend.direct` says. Absent: it has no forwarding but NAT. */
  readonly directReturn?: boolean;
  /** The whole desired state. Resolves when the kernel has it; writes nothing when nothing differs. */
  apply(model: BalanceModel): Promise<void>;
  /** Looks whether the kernel still has what was applied, and repairs it. Returns whether it had to. */
  verify(): Promise<boolean>;
  /** By listener, what it has relayed in user space. Absent: it relays nothing there. */
  relayed?(): ReadonlyMap<string, ListenerStats>;
  /** Removes everything of ours. */
  stop(): Promise<void>;
}
