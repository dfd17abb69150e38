// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AddressGroup } from '../engine.ts';
import type { GroupStanding } from '../raft/group-keeper.ts';
import type { GroupRecord, GroupState, MemberEntry } from '../raft/group-record.ts';
import type { RaftKeys } from '../raft-driver/raft-port.ts';
import { createGroupEngine, type GroupInputs, type GroupOwnership } from './group-engine.ts';
import { FakeEngine, FakeRaft, raftStatus } from './testing/fake-engines.ts';

const ADDRESS = '192.0.2.10';
const GROUP: AddressGroup = {
  key: 'default/web',
  services: ['default/web'],
  addresses: [ADDRESS],
  candidates: 'any',
  lease: { namespace: 'default', name: 'kubevip-web' },
};
const RECORD: GroupRecord = {
  groupId: '0'.repeat(32),
  epoch: 1,
  engine: 'lease',
  switching: undefined,
  size: 3,
  voters: [],
  previous: undefined,
  writer: 'b/00000000000000b1',
};
const entry = (endpoint: string): MemberEntry => ({
  instance: '00000000000000a1',
  endpoint,
  controlPlane: false,
  confirmed: 0,
});
const MEMBERS = new Map(['a', 'b', 'c'].map((name, i) => [name, entry(`192.0.2.${i + 1}:7947`)]));
const KEYS: RaftKeys = { signing: new TextEncoder().encode('a key of many bytes'), others: [] };

/** Everything around the engine. */
class Bench {
  readonly clock = new ManualClock();
  readonly leases: FakeEngine[] = [];
  readonly rafts: FakeRaft[] = [];
  readonly engine: GroupOwnership;
  keys: RaftKeys | undefined = KEYS;
  inputs: GroupInputs | undefined;
  wakes = 0;
  left = false;
  #standing: GroupStanding = {
    record: undefined,
    engine: undefined,
    waitingFor: [],
    problem: undefined,
    mayWarmUp: false,
  };
  #state: GroupState | undefined;
  readonly #groupListeners = new Set<() => void>();
  readonly #keyListeners = new Set<() => void>();

  constructor() {
    this.engine = createGroupEngine({
      node: 'a',
      wanted: 'raft',
      createGroup: (inputs) => {
        this.inputs = inputs;
        return {
          start: () => undefined,
          stop: () => Promise.resolve(),
          standing: () => this.#standing,
          state: () => this.#state,
          onChange: (listener) => {
            this.#groupListeners.add(listener);
            return () => this.#groupListeners.delete(listener);
          },
          wake: () => void this.wakes++,
          leave: () => {
            this.left = true;
            return Promise.resolve();
          },
        };
      },
      keys: {
        start: () => Promise.resolve(),
        stop: () => undefined,
        keys: () => this.keys,
        problem: () => (this.keys === undefined ? 'no Secret' : undefined),
        suspect: () => undefined,
        onChange: (listener) => {
          this.#keyListeners.add(listener);
          return () => this.#keyListeners.delete(listener);
        },
      },
      endpoint: () => '192.0.2.1:7947',
      isControlPlane: () => false,
      gone: () => new Set(),
      isInformed: () => true,
      createLease: () => {
        const engine = new FakeEngine('lease');
        this.leases.push(engine);
        return engine;
      },
      createRaft: () => {
        const engine = new FakeRaft();
        this.rafts.push(engine);
        return engine;
      },
      clock: this.clock,
      logger: silentLogger,
    });
  }

  /** The record in the API, and that this agent is entered in it. */
  record(changes: Partial<GroupRecord>, isEntered = true): void {
    const record = { ...RECORD, ...changes };
    const mayRun = record.switching?.stage !== 'stop' && (record.engine === 'raft' || isEntered);
    this.#state = { record, members: MEMBERS };
    this.#standing = {
      record,
      engine: mayRun ? record.engine : undefined,
      waitingFor: [],
      problem: undefined,
      mayWarmUp: record.engine === 'lease' && record.switching?.to === 'raft',
    };
    for (const listener of this.#groupListeners) listener();
  }

  setKeys(keys: RaftKeys | undefined): void {
    this.keys = keys;
    for (const listener of this.#keyListeners) listener();
  }

  /** A pass of the agent that takes this long: whatever is granted when it begins is on the node when it ends. */
  pass(during: () => void = () => undefined): void {
    const { grants, version } = this.engine.state();
    during();
    this.engine.report(new Set(grants.keys()), version);
  }

  async settle(): Promise<void> {
    await this.clock.advanceAsync(1);
  }

  get lease(): FakeEngine {
    return found(this.leases.at(-1));
  }

  get raft(): FakeRaft {
    return found(this.rafts.at(-1));
  }

  get isStopped(): boolean {
    return found(this.inputs).own().isStopped;
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is none yet');
  return value;
}

describe('createGroupEngine', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = new Bench();
    bench.engine.want([GROUP], new Set());
    await bench.engine.start();
  });

  it('runs nothing before it knows the group, and then what the record says', async () => {
    bench.pass();
    expect([bench.leases.length, bench.rafts.length]).toEqual([0, 0]);
    expect(bench.engine.health()).toMatchObject({ ok: false, detail: expect.stringContaining('record') });
    bench.record({ engine: 'raft', epoch: 3, voters: ['a', 'b', 'c'] });
    await bench.settle();
    expect(bench.raft).toMatchObject({ isStarted: true, wanted: [GROUP], informed: true });
    expect(bench.raft.followed.at(-1)).toEqual({
      config: { epoch: 3, voters: ['a', 'b', 'c'] },
      endpoints: new Map([
        ['a', '192.0.2.1:7947'],
        ['b', '192.0.2.2:7947'],
        ['c', '192.0.2.3:7947'],
      ]),
    });
    bench.raft.grant(ADDRESS);
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    expect(bench.engine.health()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('coordinator'),
    });
    const reign = { term: 1, coordinator: { name: 'b', instance: '00000000000000b1' } };
    bench.raft.say(raftStatus(bench.clock.monotonicMs(), { reign }));
    expect(bench.engine.health().ok).toBe(true);
  });

  it('does not enter the raft engine without a key, and says so', async () => {
    bench.setKeys(undefined);
    bench.record({ engine: 'raft', voters: ['b', 'c', 'd'] });
    await bench.settle();
    expect(bench.rafts).toEqual([]);
    expect(found(bench.inputs).own()).toMatchObject({ endpoint: '', canRun: new Set(['lease']) });
    expect(bench.engine.problems()).toContainEqual({
      reason: 'GroupKeyMissing',
      message: 'no Secret; this agent cannot run the raft engine',
    });
    bench.setKeys(KEYS);
    await bench.settle();
    expect(bench.raft.isStarted).toBe(true);
  });

  it('gives a running node new keys', async () => {
    bench.record({ engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    const next = { signing: new TextEncoder().encode('another key of many bytes'), others: [KEYS.signing] };
    bench.setKeys(next);
    expect(bench.raft.keys).toEqual([next]);
    expect(bench.rafts.length).toBe(1);
  });

  it('stops leases when all have prepared: off the node, given back, confirmed, in this order', async () => {
    bench.record({});
    await bench.settle();
    bench.lease.grant(ADDRESS);
    bench.pass();
    bench.record({ epoch: 2, switching: { to: 'raft', stage: 'prepare' } });
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    bench.record({ epoch: 3, switching: { to: 'raft', stage: 'stop' } });
    expect(bench.engine.state().grants.size).toBe(0);
    expect([bench.lease.isStopped, bench.isStopped]).toEqual([false, false]);
    bench.pass();
    expect(bench.lease.isStopped).toBe(true);
    expect(bench.isStopped).toBe(false);
    await bench.settle();
    expect(bench.isStopped).toBe(true);
    bench.record({ epoch: 4, engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    expect(bench.raft.wanted).toEqual([GROUP]);
  });

  it('lets a node run beside leases before a change to raft, with nothing to own', async () => {
    bench.record({});
    await bench.settle();
    bench.lease.grant(ADDRESS);
    const first = bench.engine.state().version;
    bench.record({ epoch: 2, switching: { to: 'raft', stage: 'prepare' } });
    await bench.settle();
    const node = bench.raft;
    expect(node).toMatchObject({ isStarted: true, wanted: [] });
    bench.engine.want([GROUP, GROUP], new Set());
    expect([node.wanted.length, bench.lease.wanted.length]).toEqual([0, 2]);
    // Whatever it grants does not count.
    node.grant('192.0.2.99');
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    bench.record({ epoch: 3, switching: { to: 'raft', stage: 'stop' } });
    bench.pass();
    await bench.settle();
    expect([bench.lease.isStopped, node.isStopped, bench.isStopped]).toEqual([true, false, true]);
    bench.record({ epoch: 4, engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    expect(bench.rafts).toEqual([node]);
    expect(node.wanted.length).toBe(2);
    node.grant(ADDRESS);
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    expect(bench.engine.state().version).toBeGreaterThan(first);
  });

  it('ends that node when the change is called off', async () => {
    bench.record({});
    await bench.settle();
    bench.lease.grant(ADDRESS);
    bench.record({ epoch: 2, switching: { to: 'raft', stage: 'prepare' } });
    bench.record({ epoch: 3 });
    await bench.settle();
    expect([bench.raft.isStopped, bench.lease.isStopped]).toEqual([true, false]);
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    await bench.engine.stop();
  });

  it('does not take what a pass says that began before the stop for the end of it', async () => {
    bench.record({});
    await bench.settle();
    // The pass began with nothing granted; meanwhile something was, and the stop came.
    bench.pass(() => {
      bench.lease.grant(ADDRESS);
      bench.record({ epoch: 3, switching: { to: 'raft', stage: 'stop' } });
    });
    await bench.settle();
    expect([bench.lease.isStopped, bench.isStopped]).toEqual([false, false]);
    bench.pass();
    await bench.settle();
    expect([bench.lease.isStopped, bench.isStopped]).toEqual([true, true]);
  });

  it('keeps a node going that owns nothing while raft is being stopped', async () => {
    bench.record({ engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    bench.raft.grant(ADDRESS);
    bench.pass();
    const stop = { engine: 'raft', epoch: 3, switching: { to: 'lease', stage: 'stop' } } as const;
    bench.record({ ...stop, voters: ['a', 'b', 'c'] });
    expect(bench.raft.wanted).toEqual([]);
    expect(bench.engine.state().grants.size).toBe(0);
    bench.pass();
    expect(bench.raft.reports.at(-1)).toEqual([[], 1]);
    // As coordinator it waits until nobody has anything.
    await bench.clock.advanceAsync(100);
    const now = () => bench.clock.monotonicMs();
    bench.raft.say(raftStatus(now(), { rightUntilMs: now() + 100, owners: new Map([[ADDRESS, 'b']]) }));
    expect(found(bench.inputs).known().isCoordinator).toBe(true);
    expect(bench.isStopped).toBe(false);
    bench.raft.say(raftStatus(now(), { rightUntilMs: now() + 100 }));
    expect(bench.isStopped).toBe(true);
    expect(bench.raft.isStopped).toBe(false);
    bench.record({ epoch: 4 });
    bench.pass();
    await bench.settle();
    expect(bench.raft.isStopped).toBe(true);
    expect(bench.lease).toMatchObject({ isStarted: true, wanted: [GROUP] });
  });

  it('goes on when the change is called off', async () => {
    bench.record({ engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    bench.record({
      engine: 'raft',
      epoch: 2,
      voters: ['a', 'b', 'c'],
      switching: { to: 'lease', stage: 'stop' },
    });
    bench.pass();
    bench.record({ engine: 'raft', epoch: 3, voters: ['a', 'b', 'c'] });
    expect(bench.raft.wanted).toEqual([GROUP]);
    bench.raft.grant(ADDRESS);
    expect([...bench.engine.state().grants.keys()]).toEqual([ADDRESS]);
    expect(bench.rafts.length).toBe(1);
  });

  it('begins anew in another group', async () => {
    bench.record({ engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    const first = bench.raft;
    bench.record({ engine: 'raft', groupId: '1'.repeat(32), epoch: 9, voters: ['a', 'b', 'c'] });
    bench.pass();
    await bench.settle();
    expect(first.isStopped).toBe(true);
    expect(bench.raft).not.toBe(first);
  });

  it('keeps leases for a moment when its entry is missing, and no longer', async () => {
    bench.record({});
    await bench.settle();
    bench.lease.grant(ADDRESS);
    bench.record({ epoch: 2 }, false);
    await bench.clock.advanceAsync(2_000);
    expect(bench.engine.state().grants.size).toBe(1);
    bench.record({ epoch: 2 });
    bench.record({ epoch: 3 }, false);
    await bench.clock.advanceAsync(2_000);
    expect(bench.engine.state().grants.size).toBe(1);
    await bench.clock.advanceAsync(2_000);
    expect(bench.engine.state().grants.size).toBe(0);
  });

  it('puts the versions of its engines in one row', async () => {
    const versions: number[] = [];
    const look = () => versions.push(bench.engine.state().version);
    look();
    bench.record({});
    await bench.settle();
    look();
    bench.lease.grant(ADDRESS);
    look();
    bench.record({ epoch: 3, switching: { to: 'raft', stage: 'stop' } });
    look();
    bench.pass();
    await bench.settle();
    bench.record({ epoch: 4, engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    look();
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
    // What was done on the word of the engine before counts for nothing.
    bench.engine.report(new Set([ADDRESS]), versions[2] ?? 0);
    expect(bench.raft.reports.at(-1)).toEqual([[ADDRESS], 0]);
  });

  it('gives up who has said goodbye and does not come back', async () => {
    bench.record({ engine: 'raft', voters: ['a', 'b', 'c'] });
    await bench.settle();
    const beginMs = bench.clock.monotonicMs();
    const members = new Map([
      ['b', 'left' as const],
      ['c', 'lost' as const],
    ]);
    const say = () =>
      bench.raft.say(raftStatus(bench.clock.monotonicMs(), { members, listeningSinceMs: beginMs }));
    const gone = () => found(bench.inputs).known().gone;
    await bench.clock.advanceAsync(59_000);
    say();
    expect(gone()).toEqual(new Set());
    await bench.clock.advanceAsync(1_001);
    say();
    expect(gone()).toEqual(new Set(['b']));
  });

  it('ends what runs, and takes itself out of the record', async () => {
    bench.record({});
    await bench.settle();
    await bench.engine.drain(10);
    await bench.engine.stop();
    expect(bench.lease).toMatchObject({ isDraining: true, isStopped: true });
    expect(bench.left).toBe(true);
    expect(bench.clock.pendingTimers).toBe(0);
  });
});
