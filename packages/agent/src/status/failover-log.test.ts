// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FailoverLog, type Sight, type Takeover } from './failover-log.ts';
import { moveText } from './move-text.ts';
import { heldAddress, raftStatus } from './testing.ts';

const VIP = '192.0.2.7';
const C = { term: 4, coordinator: { name: 'c', instance: '00000000000000cc' } };
const D = { term: 5, coordinator: { name: 'd', instance: '00000000000000dd' } };

function sight(more: Partial<Sight> = {}): Sight {
  return {
    nowMs: 1_000,
    owners: new Map(),
    granted: new Map(),
    held: new Map(),
    counters: new Map(),
    lostNodes: new Set(),
    raft: undefined,
    ...more,
  };
}

/** This node answers for these since the given moment, granted 10 ms before, and has announced them 2 ms later. */
function answering(nowMs: number, ...addresses: readonly string[]): Partial<Sight> {
  return {
    nowMs,
    granted: new Map(addresses.map((address) => [address, nowMs - 10])),
    held: new Map(addresses.map((address) => [address, heldAddress(address, { placedMs: nowMs - 4 })])),
    counters: new Map(
      addresses.map((address) => [
        address,
        { announced: 1, answered: 0, foreignClaims: 0, firstAnnouncedMs: nowMs - 2 },
      ]),
    ),
    owners: new Map(addresses.map((address) => [address, { node: 'b' }])),
  };
}

const ownedBy = (node: string) => new Map([[VIP, { node }]]);

describe('a takeover', () => {
  it('from a lost node has all phases that this node can know', () => {
    const log = new FailoverLog('b');
    log.look(sight({ owners: ownedBy('a'), raft: raftStatus({ atMs: 900 }) }));
    const members = new Map([['a', 'lost' as const]]);
    log.look(sight({ ...answering(2_000, VIP), raft: raftStatus({ atMs: 1_950 }) }));
    // What the node said last is older than the takeover: the reason may be yet to come.
    expect(log.take(2_000)).toEqual([]);
    const raft = raftStatus({ atMs: 2_050, members, silences: new Map([['a', 251]]) });
    log.look(sight({ ...answering(2_000, VIP), nowMs: 2_060, raft }));
    const takeovers = log.take(2_060);
    expect(takeovers).toEqual([
      {
        address: VIP,
        from: 'a',
        reason: 'lost',
        grantedAtMs: 1_990,
        tookMs: 10,
        phases: { detectedMs: 251, placedMs: 6, announcedMs: 2 },
      },
    ]);
    expect(log.take(2_060)).toEqual([]);
    expect(log.isWaiting).toBe(false);
    expect(moveText('b', takeovers)).toBe(
      'node b answers for 192.0.2.7 (before: a; a was lost; 259 ms: 251 until noticed, 6 until on the node, 2 until announced)',
    );
  });

  it('from a coordinator that was lost is timed by this node alone', () => {
    const log = new FailoverLog('b');
    log.look(sight({ owners: ownedBy('c'), raft: raftStatus({ reign: C }) }));
    log.note({ type: 'bound', reign: D }, 950);
    const heard = new Map([['c', 800]]);
    const raft = raftStatus({ reign: D, lastHeardMs: heard, members: new Map([['c', 'lost']]) });
    log.look(sight({ ...answering(1_100, VIP), raft }));
    expect(log.take(1_100)).toMatchObject([
      { from: 'c', reason: 'lost', phases: { detectedMs: 150, grantedMs: 140, placedMs: 6, announcedMs: 2 } },
    ]);
  });

  it('is told without an announcement that never comes', () => {
    const log = new FailoverLog('b');
    log.look(sight({ ...answering(1_000, VIP), counters: new Map() }));
    expect(log.take(2_000)).toEqual([]);
    expect(log.take(2_500)).toMatchObject([{ reason: 'placed', from: undefined, phases: { placedMs: 6 } }]);
  });

  it('takes no announcement of an earlier time here', () => {
    const log = new FailoverLog('b');
    const old = new Map([[VIP, { announced: 9, answered: 0, foreignClaims: 0, firstAnnouncedMs: 10 }]]);
    log.look(sight({ ...answering(1_000, VIP), counters: old }));
    expect(log.take(1_200)).toEqual([]);
  });

  it('back to the node that had it is no move from the one before', () => {
    const log = new FailoverLog('b');
    log.look(sight({ owners: ownedBy('a') }));
    log.look(sight(answering(1_000, VIP)));
    log.take(1_000);
    log.look(sight({ nowMs: 1_100, owners: ownedBy('b') }));
    log.look(sight(answering(1_200, VIP)));
    const again = log.take(1_200);
    expect(again).toMatchObject([{ from: 'b', reason: 'placed' }]);
    expect(moveText('b', again)).toContain('again');
  });

  it('has the reason of the coordinator where this node is that', () => {
    const log = new FailoverLog('b');
    log.look(sight({ owners: ownedBy('a') }));
    log.note({ type: 'moved', move: { address: VIP, from: 'a', to: 'b', reason: 'rebalanced' } }, 985);
    log.look(sight(answering(1_000, VIP)));
    expect(log.take(1_000)).toMatchObject([{ reason: 'rebalanced', phases: { grantedMs: 5 } }]);
    expect(log.recent.map(({ part, reason }) => [part, reason])).toEqual([
      ['coordinator', 'rebalanced'],
      ['owner', 'rebalanced'],
    ]);
  });
});

describe('a coordinator', () => {
  it('has one entry for all addresses of a lost node, and one detection', () => {
    const log = new FailoverLog('b');
    const addresses = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    log.look(sight({ raft: raftStatus({ atMs: 900 }) }));
    addresses.forEach((address, index) => {
      const to = index % 2 === 0 ? 'b' : 'c';
      log.note({ type: 'moved', move: { address, from: 'a', to, reason: 'lost' } }, 1_000);
    });
    log.look(sight({ raft: raftStatus({ atMs: 950 }) }));
    expect(log.recent).toEqual([]);
    log.look(sight({ nowMs: 1_100, raft: raftStatus({ atMs: 1_050, silences: new Map([['a', 240]]) }) }));
    expect(log.recent).toHaveLength(1);
    expect(log.recent[0]).toMatchObject({
      part: 'coordinator',
      reason: 'lost',
      from: 'a',
      to: ['b', 'c'],
      count: 300,
      addresses: addresses.slice(0, 5),
      phases: { detectedMs: 240 },
    });
    expect(log.takeDetections()).toEqual([{ node: 'a', silentMs: 240 }]);
    expect(log.takeDetections()).toEqual([]);
  });
});

it('has nobody before an address that comes to its own coordinator', () => {
  const log = new FailoverLog('b');
  log.note({ type: 'moved', move: { address: VIP, from: undefined, to: 'b', reason: 'placed' } }, 985);
  log.look(sight({ ...answering(1_000, VIP), raft: raftStatus({ atMs: 1_000 }) }));
  expect(log.take(1_000)).toMatchObject([{ from: undefined, reason: 'placed', phases: { grantedMs: 5 } }]);
  expect(log.recent).toMatchObject([
    { part: 'coordinator', from: undefined, reason: 'placed' },
    { part: 'owner', from: undefined, reason: 'placed' },
  ]);
});

it('knows as the next coordinator whose addresses it places', () => {
  const log = new FailoverLog('b');
  log.look(sight({ owners: ownedBy('c'), raft: raftStatus({ atMs: 900, reign: C }) }));
  const reign = { term: 5, coordinator: { name: 'b', instance: '00000000000000bb' } };
  log.note({ type: 'reignBegan', reign, graceMs: 0 }, 950);
  log.note({ type: 'bound', reign }, 951);
  log.note({ type: 'moved', move: { address: VIP, from: undefined, to: 'b', reason: 'placed' } }, 1_085);
  const raft = raftStatus({
    atMs: 1_100,
    reign,
    lastHeardMs: new Map([['c', 800]]),
    members: new Map([['c', 'lost']]),
  });
  log.look(sight({ ...answering(1_100, VIP), raft }));
  expect(log.take(1_100)).toMatchObject([
    { from: 'c', reason: 'lost', phases: { detectedMs: 150, grantedMs: 140 } },
  ]);
  expect(log.recent).toMatchObject([
    { part: 'coordinator', from: 'c', reason: 'lost', phases: { detectedMs: 150 } },
    { part: 'owner', from: 'c', reason: 'lost' },
  ]);
  expect(log.takeDetections()).toEqual([{ node: 'c', silentMs: 150 }]);
});

describe('an address that left', () => {
  it('is nobody’s business here once another node has it', () => {
    const log = new FailoverLog('b');
    log.look(sight(answering(1_000, VIP)));
    log.look(sight({ nowMs: 1_100 }));
    expect(log.takeAbandoned(1_200)).toEqual([]);
    expect(log.isWaiting).toBe(true);
    log.look(sight({ nowMs: 1_300, owners: ownedBy('a') }));
    expect(log.takeAbandoned(9_999)).toEqual([]);
    log.take(9_999);
    expect(log.isWaiting).toBe(false);
  });

  it('is told once when nobody takes it', () => {
    const log = new FailoverLog('b');
    log.look(sight(answering(1_000, VIP)));
    log.look(sight({ nowMs: 1_100 }));
    expect(log.takeAbandoned(3_000)).toEqual([]);
    expect(log.takeAbandoned(3_100)).toEqual([VIP]);
    expect(log.takeAbandoned(3_200)).toEqual([]);
  });
});

it('tells every coming of an address exactly once, and remembers little', () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 1, max: 3_000 }),
    here: fc.subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3']),
    owner: fc.constantFrom('a', 'b', 'c'),
    isAnnounced: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = new FailoverLog('b');
      const told: Takeover[] = [];
      let nowMs = 1_000;
      let comings = 0;
      let before = new Set<string>();
      for (const { afterMs, here, owner, isAnnounced } of steps) {
        nowMs += afterMs;
        const owners = new Map(['10.0.0.1', '10.0.0.2'].map((address) => [address, { node: owner }]));
        const seen = sight({ ...answering(nowMs, ...here), owners });
        log.look(isAnnounced ? seen : { ...seen, counters: new Map() });
        comings += here.filter((address) => !before.has(address)).length;
        before = new Set(here);
        told.push(...log.take(nowMs));
      }
      told.push(...log.take(Number.POSITIVE_INFINITY));
      // One that comes back before its first coming was told of is one coming.
      expect(told.length).toBeLessThanOrEqual(comings);
      expect(told.length > 0).toBe(comings > 0);
      expect(log.recent.length).toBeLessThanOrEqual(32);
      for (const { phases } of told) {
        for (const ms of Object.values(phases)) expect(ms).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
