// SPDX-License-Identifier: Apache-2.0
import { FAIRLEAD_PREFIX } from '@fairlead/shared/kubernetes/contract.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * An operator's order to reform the group, as an annotation of the group record: whoever may write that Lease may give it.
 * Agents that it names carry it out, because only running agents know whether there is still a coordinator.
 */
export const REFORM_ORDER = `${FAIRLEAD_PREFIX}group-reform-order`;

/** These are to be the voters, instead of those of the epoch. */
export interface ReformOrder {
  readonly epoch: number;
  readonly voters: readonly string[];
}

/** `7 node-a,node-b`. */
export function formatReformOrder({ epoch, voters }: ReformOrder): string {
  return `${epoch} ${voters.join(',')}`;
}

/** The order in the record; undefined: none that can be read. */
export function reformOrderOf(lease: Lease | undefined): ReformOrder | undefined {
  const match = /^(\d{1,10}) ([^ ]+)$/.exec(lease?.metadata?.annotations?.[REFORM_ORDER] ?? '');
  if (match === null) return undefined;
  return { epoch: Number(match[1]), voters: (match[2] ?? '').split(',') };
}

/** The Lease without the order, once that has been overtaken by a later epoch. */
export function withoutOldOrder(lease: Lease, epoch: number): Lease {
  const order = reformOrderOf(lease);
  const { [REFORM_ORDER]: text, ...annotations } = lease.metadata?.annotations ?? {};
  if (text === undefined || (order !== undefined && order.epoch >= epoch)) return lease;
  return { ...lease, metadata: { ...lease.metadata, annotations } };
}
