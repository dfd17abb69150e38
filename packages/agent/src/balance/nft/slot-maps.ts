// SPDX-License-Identifier: Apache-2.0
import { type BalanceModel, type Frontend, takersOf } from '../model/frontend.ts';
import { jenkinsHash } from '../model/jenkins-hash.ts';
import { NAT_TABLES } from './nat-frame.ts';
import type { NftSet, Part } from './ruleset.ts';

/**
 * The front ends of a protocol share so many maps of slots. The kernel looks at all members of a map for each rule that comes to use it, and at all
 * rules that use it for each new member: with one map for all 10,000 front ends it needs 33 s to take them in, with these 1.2 s. A
 * map for each front end would be found by name among 10,000.
 */
const SLOT_MAPS = 256;
const SEED = 0x510735;

/** Names never change, and hashing them is what they cost. */
const names = new Map<string, string>();
const MOST_NAMES = 100_000;

/** The map that the slots of a front end are in. The same on all nodes and for ever. */
export function slotMapName({ id, protocol }: Pick<Frontend, 'id' | 'protocol'>): string {
  const known = names.get(id);
  if (known !== undefined) return known;
  const place = jenkinsHash(Buffer.from(id), SEED) % SLOT_MAPS;
  const name = `slots-${protocol}-${place.toString(16).padStart(2, '0')}`;
  if (names.size >= MOST_NAMES) names.clear();
  names.set(id, name);
  return name;
}

/** Whether a front end has slots in such a map: clients with affinity are sent to chains instead. */
export function hasSlots(frontend: Frontend): boolean {
  return frontend.affinitySeconds === undefined && takersOf(frontend).length > 0;
}

/** The maps that a model needs in the table of a family. Pure. */
export function slotMaps({ frontends }: BalanceModel, family: Frontend['family']): Part {
  const used = new Map<string, Frontend['protocol']>();
  for (const frontend of frontends.values()) {
    if (frontend.family === family && hasSlots(frontend)) used.set(slotMapName(frontend), frontend.protocol);
  }
  const sets = [...used]
    .sort()
    .map(([name, protocol]): NftSet => ({ kind: 'frontendSlots', name, protocol }));
  return { table: NAT_TABLES[family], sets, chains: [], elements: [] };
}
