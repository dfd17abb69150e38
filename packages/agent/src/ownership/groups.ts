// SPDX-License-Identifier: Apache-2.0
import { serviceLeaseName } from '@fairlead/shared/kubernetes/contract.ts';
import type { LeaseName } from '../config/lease-name.ts';
import { type Candidates, candidatesOf, type ServedService } from '../services/served-service.ts';
import type { AddressGroup } from './engine.ts';
import type { NodeBook } from './node-eligibility.ts';

/** How groups map to Leases. */
export type LeaseRule =
  | { readonly election: 'perService' }
  /** `onDemand`: but for Services that are annotated to have a Lease of their own. */
  | { readonly election: 'global' | 'onDemand'; readonly lease: LeaseName };

/** Whether the Service's address is not under the one Lease for all. */
export function hasOwnLease({ asksForOwnLease }: ServedService, { election }: LeaseRule): boolean {
  return election === 'perService' || (election === 'onDemand' && asksForOwnLease);
}

/**
 * Groups of Services that share addresses, directly or through a third one. The oldest Service of a group names it, so
 * that all nodes arrive at the same name from the same Services. `services` come oldest first. Pure.
 *
 * With one Lease per Service the group's Lease is the oldest one's: `kubevip-<service>` (what kube-vip would use for it),
 * or its common Lease. When that Service goes or leaves, the address changes its Lease; `carry.ts` says how that is done
 * without a gap and without two owners.
 */
export function addressGroups(
  services: readonly ServedService[],
  rule: LeaseRule,
  nodes: NodeBook,
): readonly AddressGroup[] {
  const parent = new Map<string, string>();
  const root = (address: string): string => {
    let current = address;
    for (let next = parent.get(current); next !== undefined && next !== current; next = parent.get(current)) {
      const above = parent.get(next) ?? next;
      parent.set(current, above);
      current = above;
    }
    return current;
  };
  const withAddress = services.filter(({ addresses }) => addresses.length > 0);
  for (const { addresses, bound = [] } of withAddress) {
    const [first = ''] = addresses;
    for (const address of [...addresses, ...bound]) {
      if (!parent.has(address)) parent.set(address, address);
      parent.set(root(address), root(first));
    }
  }
  const members = new Map<string, ServedService[]>();
  for (const service of withAddress) {
    const key = root(service.addresses[0] ?? '');
    const group = members.get(key);
    if (group === undefined) members.set(key, [service]);
    else group.push(service);
  }
  return [...members.values()].map((group) => toGroup(group, rule, nodes));
}

function toGroup(members: readonly ServedService[], rule: LeaseRule, nodes: NodeBook): AddressGroup {
  const [oldest] = members;
  if (oldest === undefined)
    throw new Error('a group of addresses without a Service: groups are built from Services');
  return {
    key: oldest.key,
    services: members.map(({ key }) => key),
    addresses: [...new Set(members.flatMap(({ addresses }) => addresses))],
    candidates: commonCandidates(members.map((service) => candidatesOf(service, nodes))),
    ...(nodes.avoided.size === 0 ? {} : { avoided: nodes.avoided }),
    lease: leaseOf(oldest, rule),
  };
}

function leaseOf(service: ServedService, rule: LeaseRule): LeaseName {
  if (rule.election !== 'perService' && !hasOwnLease(service, rule)) return rule.lease;
  const { namespace, name, commonLease } = service;
  return commonLease ?? { namespace, name: serviceLeaseName(name) };
}

/**
 * Nodes that can serve every member. A member that no node can serve has no say; when the others have no node in common,
 * the oldest of them decides: its clients keep their address.
 */
export function commonCandidates(perMember: readonly Candidates[]): Candidates {
  const servable = perMember.filter((candidates) => candidates === 'any' || candidates.size > 0);
  const restricted = servable.filter((candidates): candidates is ReadonlySet<string> => candidates !== 'any');
  const [first, ...others] = restricted;
  if (first === undefined) return servable.length > 0 ? 'any' : new Set();
  const common = [...first].filter((node) => others.every((nodes) => nodes.has(node)));
  return common.length > 0 ? new Set(common) : first;
}
