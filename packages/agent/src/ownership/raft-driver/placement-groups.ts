// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup } from '../engine.ts';
import { sameAvoided } from '../node-eligibility.ts';
import type { PlacementGroup } from '../raft/placement-group.ts';

/** What a node is told of what there is to own. */
export interface PlacedGroups {
  readonly groups: readonly PlacementGroup[];
  /** Addresses that this node cannot serve. One of a group that it cannot serve keeps the whole group away. */
  readonly refused: ReadonlySet<string>;
}

/** From the agent's groups to the coordinator's. Pure. */
export function placementGroups(
  groups: readonly AddressGroup[],
  unservable: ReadonlySet<string>,
): PlacedGroups {
  const refused = new Set<string>();
  for (const { addresses } of groups) {
    if (!addresses.some((address) => unservable.has(address))) continue;
    for (const address of addresses) refused.add(address);
  }
  return { groups: groups.map(placementGroup), refused };
}

function placementGroup({ addresses, candidates, avoided }: AddressGroup): PlacementGroup {
  return { addresses, candidates, ...(avoided === undefined ? {} : { avoided }) };
}

/** Do both say the same, in the same order? */
export function sameGroups(a: readonly PlacementGroup[], b: readonly PlacementGroup[]): boolean {
  return a.length === b.length && a.every((group, index) => sameGroup(group, b[index]));
}

function sameGroup(a: PlacementGroup, b: PlacementGroup | undefined): boolean {
  if (b === undefined || a.addresses.length !== b.addresses.length) return false;
  if (!a.addresses.every((address, index) => address === b.addresses[index])) return false;
  if (!sameAvoided(a.avoided, b.avoided)) return false;
  if (a.candidates === 'any' || b.candidates === 'any') return a.candidates === b.candidates;
  const others = b.candidates;
  return a.candidates.size === others.size && [...a.candidates].every((name) => others.has(name));
}
