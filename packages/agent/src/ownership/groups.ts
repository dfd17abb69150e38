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
  const withAddress = services.filter(({ addresses }) => addresses.length > 0);
  const together = companies(withAddress);
  const groups: AddressGroup[] = [];
  for (const service of withAddress) {
    const company = together.get(service) ?? [service];
    if (company[0] === service) groups.push(toGroup(company, rule, nodes));
  }
  return groups;
}

/** Services that share addresses, directly or through a third one -> all of them, in their order. Others are not in it. */
function companies(services: readonly ServedService[]): ReadonlyMap<ServedService, readonly ServedService[]> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const service of services) {
    for (const address of allAddresses(service)) {
      if (seen.has(address)) shared.add(address);
      else seen.add(address);
    }
  }
  if (shared.size === 0) return new Map();
  const sharing = services.filter((service) => allAddresses(service).some((address) => shared.has(address)));
  const root = joined(sharing);
  const byRoot = Map.groupBy(sharing, ({ addresses }) => root(addresses[0] ?? ''));
  return new Map([...byRoot.values()].flatMap((company) => company.map((service) => [service, company])));
}

function allAddresses({ addresses, bound }: ServedService): readonly string[] {
  return bound === undefined ? addresses : [...new Set([...addresses, ...bound])];
}

/** Address -> one of those that it is joined with, the same for all of them (union-find). */
function joined(services: readonly ServedService[]): (address: string) => string {
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
  for (const service of services) {
    const [first = ''] = service.addresses;
    for (const address of allAddresses(service)) {
      if (!parent.has(address)) parent.set(address, address);
      parent.set(root(address), root(first));
    }
  }
  return root;
}

/** Of a Service that shares its addresses with nobody, as nearly all do: the last group, and what it was made with. */
const lonely = new WeakMap<
  ServedService,
  { readonly group: AddressGroup; readonly rule: LeaseRule; readonly nodes: NodeBook }
>();

function toGroup(members: readonly ServedService[], rule: LeaseRule, nodes: NodeBook): AddressGroup {
  const [oldest] = members;
  if (oldest === undefined)
    throw new Error('a group of addresses without a Service: groups are built from Services');
  if (members.length > 1) return groupOf(oldest, members, rule, nodes);
  const known = lonely.get(oldest);
  if (known !== undefined && known.rule === rule && known.nodes === nodes) return known.group;
  const group = groupOf(oldest, members, rule, nodes);
  lonely.set(oldest, { group, rule, nodes });
  return group;
}

function groupOf(
  oldest: ServedService,
  members: readonly ServedService[],
  rule: LeaseRule,
  nodes: NodeBook,
): AddressGroup {
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
