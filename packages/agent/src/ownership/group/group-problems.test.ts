// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GroupRecord } from '../raft/group-record.ts';
import { type GroupSituation, groupProblems } from './group-problems.ts';
import { raftStatus } from './testing/fake-engines.ts';

const RECORD: GroupRecord = {
  groupId: '0'.repeat(32),
  epoch: 4,
  engine: 'raft',
  switching: undefined,
  size: 3,
  voters: ['a', 'b', 'c'],
  previous: undefined,
  writer: 'b/00000000000000b1',
};
const entry = (endpoint: string) => ({
  instance: '00000000000000a1',
  endpoint,
  controlPlane: false,
  confirmed: 0,
});
const GOOD: GroupSituation = {
  wanted: 'raft',
  standing: { record: RECORD, engine: 'raft', waitingFor: [], problem: undefined, mayWarmUp: false },
  members: new Map(['a', 'b', 'c'].map((name) => [name, entry('192.0.2.1:7947')])),
  hasKey: true,
  keyProblem: undefined,
  hasEndpoint: true,
  raft: raftStatus(0, { config: { epoch: 4, voters: ['a', 'b', 'c'] } }),
  unheard: { agents: [], isAlone: false },
  nowMs: 100_000,
};
const standing = (record: Partial<GroupRecord>, waitingFor: readonly string[] = []) => ({
  ...GOOD.standing,
  record: { ...RECORD, ...record },
  waitingFor,
});
const told = (changes: Partial<GroupSituation>) =>
  groupProblems({ ...GOOD, ...changes }).map(({ reason, message }) => `${reason}: ${message}`);

describe('groupProblems', () => {
  it('has nothing to say of a group that is well', () => {
    expect(told({})).toEqual([]);
    expect(
      told({ wanted: 'lease', standing: standing({ engine: 'lease' }), hasKey: false, keyProblem: 'no' }),
    ).toEqual([]);
  });

  it('says why there is no raft', () => {
    const two = new Map([
      ['a', entry('192.0.2.1:7947')],
      ['b', entry('')],
    ]);
    expect(told({ standing: standing({ engine: 'lease', voters: [] }), members: two })).toEqual([
      'GroupUsesLeases: Leases decide who owns an address: 1 of 2 agents can run raft, which needs 3 with a key',
    ]);
    expect(told({ hasKey: false, keyProblem: 'Secret x does not exist' })).toEqual([
      'GroupKeyMissing: Secret x does not exist; this agent cannot run the raft engine',
    ]);
    expect(told({ hasEndpoint: false })).toEqual([expect.stringContaining('set fairlead_raft_address')]);
  });

  it('says whom a change waits for', () => {
    const switching = { to: 'raft', stage: 'prepare' } as const;
    expect(told({ standing: standing({ engine: 'lease', voters: [], switching }, ['c']) })).toEqual([
      'GroupSwitchWaits: the change to raft waits for c to confirm that they can run it',
    ]);
  });

  it('says who is not heard', () => {
    expect(told({ unheard: { agents: ['b'], isAlone: false } })).toEqual([
      'GroupAgentsUnheard: not heard: b (192.0.2.1:7947); if they run, UDP between the nodes is blocked or their keys differ',
    ]);
    const raft = raftStatus(0, {
      withoutCoordinatorSinceMs: 90_000,
      config: { epoch: 4, voters: ['a', 'b', 'c'] },
    });
    expect(told({ raft, unheard: { agents: [], isAlone: true } })).toEqual([
      expect.stringContaining('no other agent is heard'),
      'GroupWithoutCoordinator: a majority of the voters (a, b, c) is not heard, so nothing is granted',
    ]);
  });

  it('passes on what is wrong with the record', () => {
    expect(told({ standing: { ...GOOD.standing, problem: 'spoilt' } })).toEqual([
      'GroupRecordUnusable: spoilt',
    ]);
    expect(told({ standing: { ...GOOD.standing, record: undefined } })).toEqual([
      'GroupRecordMissing: the group record has not been seen yet',
    ]);
  });
});
