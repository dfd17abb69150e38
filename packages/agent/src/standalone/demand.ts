// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup } from '../ownership/engine.ts';
import type { ServiceProblem } from '../services/problem.ts';
import type { BalancerEntry } from './config/balancer-entry.ts';

/** What the hosts of a group are to do, wherever that is written. */
export interface Demand {
  /** What moves between the hosts. */
  readonly groups: readonly AddressGroup[];
  readonly entries: readonly BalancerEntry[];
  /** Under which names `agent status` shows the addresses. */
  readonly services: readonly { readonly key: string; readonly addresses: readonly string[] }[];
  /** Host of the group -> its address: what runs on a host that is lost is lost with it. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Name -> what cannot be done for it. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** Where a {@link Demand} comes from. */
export interface DemandSource {
  current(): Demand;
  /** Returns a function that ends the subscription. */
  onChange(listener: () => void): () => void;
}

/** Addresses that move together, any host may have them. Nothing when there are none. */
export function groupOf(key: string, addresses: readonly string[]): readonly AddressGroup[] {
  if (addresses.length === 0) return [];
  return [{ key, services: [key], addresses, candidates: 'any', lease: { namespace: '', name: key } }];
}
