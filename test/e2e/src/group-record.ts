// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Cluster } from './fixture.ts';

/** Where the record of the group of agents is. */
export const GROUP_RECORD = { namespace: 'kube-system', name: 'fairlead-group' } as const;

/** The group record, as far as tests look at it. */
export interface GroupRecordView {
  readonly id: string;
  readonly epoch: number;
  readonly engine: string;
  readonly voters: readonly string[];
  readonly members: readonly string[];
  /** `prepare raft`, …; undefined: no change under way. */
  readonly switching: string | undefined;
  /** The epoch is active: a majority of the voters before it has followed. */
  readonly isActive: boolean;
}

/** The record in the API; undefined when there is none. */
export async function groupRecord(cluster: Cluster): Promise<GroupRecordView | undefined> {
  const lease = await cluster.find(LEASES, GROUP_RECORD);
  return lease === undefined ? undefined : viewOf(lease);
}

function viewOf({ metadata }: Lease): GroupRecordView {
  const read = (name: string) => metadata?.annotations?.[`fairlead.io/group-${name}`];
  const list = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(','));
  const members = read('members') ?? '';
  return {
    id: read('id') ?? '',
    epoch: Number(read('epoch')),
    engine: read('engine') ?? '',
    voters: list(read('voters')),
    members: members === '' ? [] : members.split('\n').map((line) => line.split(' ')[0] ?? ''),
    switching: read('switch'),
    isActive: read('previous-voters') === undefined,
  };
}

/** Waits for a record that satisfies the condition; it. */
export async function untilRecord(
  cluster: Cluster,
  what: string,
  holds: (record: GroupRecordView) => boolean,
  timeoutMs = 30_000,
): Promise<GroupRecordView> {
  let last: GroupRecordView | undefined;
  try {
    return await cluster.lab.waitFor(
      async () => {
        last = await groupRecord(cluster).catch(() => last);
        return last !== undefined && holds(last) ? last : undefined;
      },
      { what: `the group record to say: ${what}`, timeoutMs, intervalMs: 50 },
    );
  } catch (error) {
    throw new Error(`${String(error)}; it says ${JSON.stringify(last)}`, { cause: error });
  }
}

/** Is there a group that can grant: so many voters, chosen and active? */
export function isFormed({ engine, voters, isActive, switching }: GroupRecordView): boolean {
  return engine === 'raft' && voters.length >= 3 && isActive && switching === undefined;
}
