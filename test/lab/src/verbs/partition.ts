// SPDX-License-Identifier: Apache-2.0
import type { NetworkPlan } from '../network/plan.ts';
import { hostOf } from '../network/plan.ts';
import { runOrThrow } from '../process/run.ts';

/** Which frames the switch drops, seen from the host: `in` to it, `out` from it, `both`. */
export const PARTITION_DIRECTIONS = ['both', 'in', 'out'] as const;

/** One of {@link PARTITION_DIRECTIONS}. */
export type PartitionDirection = (typeof PARTITION_DIRECTIONS)[number];

/** Two sets of hosts between which no frame passes, while both reach everybody else. */
export interface Separation {
  readonly one: readonly string[];
  readonly other: readonly string[];
}

const TABLE = 'bridge fairlead-lab';

/**
 * The switch's filter as one nft transaction: whole desired state, so it can be applied again at any time. Frames from a
 * cut-off host are dropped before the switch learns their source address, as if they had never come; frames between
 * separated hosts are dropped on their way out. Pure.
 */
export function renderPartitions(
  plan: NetworkPlan,
  partitions: ReadonlyMap<string, PartitionDirection>,
  separation: Separation = { one: [], other: [] },
): string {
  const ports = (directions: readonly PartitionDirection[]) =>
    [...partitions]
      .filter(([, direction]) => directions.includes(direction))
      .map(([name]) => `"${hostOf(plan, name).switchPort}"`);
  const set = (name: string, members: readonly string[]) => {
    const elements = members.length > 0 ? ` elements = { ${members.join(', ')} };` : '';
    return `  set ${name} { type ifname;${elements} }`;
  };
  const quoted = (hosts: readonly string[]) => hosts.map((name) => `"${hostOf(plan, name).switchPort}"`);
  return [
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    set('silenced', ports(['both', 'out'])),
    set('deafened', ports(['both', 'in'])),
    set('one', quoted(separation.one)),
    set('other', quoted(separation.other)),
    '  chain arriving { type filter hook prerouting priority -300; iifname @silenced drop; }',
    '  chain leaving { type filter hook postrouting priority 300; oifname @deafened drop; }',
    '  chain between {',
    '    type filter hook forward priority 0;',
    '    iifname @one oifname @other drop',
    '    iifname @other oifname @one drop',
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Puts that filter into the switch. */
export async function applyPartitions(
  plan: NetworkPlan,
  partitions: ReadonlyMap<string, PartitionDirection>,
  separation?: Separation,
): Promise<void> {
  await runOrThrow(['nft', '-f', '-'], { stdin: renderPartitions(plan, partitions, separation) });
}
