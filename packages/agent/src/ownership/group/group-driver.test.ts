// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { type ApiServerHandle, createApiServer } from '@fairlead/test-apiserver/server.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../testing/agents.ts';
import { readGroupLease } from '../raft/group-lease.ts';
import type { GroupEngine, GroupState } from '../raft/group-record.ts';
import { DEFAULT_GROUP_POLICY, type GroupKnowledge, type OwnEntry } from '../raft/group-situation.ts';
import { GroupDriver } from './group-driver.ts';
import { formatReformOrder, REFORM_ORDER, reformOrderOf } from './reform-order.ts';

const NAMESPACE = 'kube-system';
const REF = { namespace: NAMESPACE, name: 'fairlead-group' };
const QUICK = { formQuietMs: 100, settleMs: 200, staggerMs: 50, switchWaitMs: 300, stopTimeoutMs: 5_000 };

/** One driver, and what it is told. */
interface Agent {
  readonly name: string;
  readonly driver: GroupDriver;
  readonly client: KubeClient;
  own: Omit<OwnEntry, 'isLeaving'>;
  known: GroupKnowledge;
}

const NOTHING_KNOWN: GroupKnowledge = {
  isCoordinator: false,
  withoutCoordinatorSinceMs: undefined,
  settledEpochs: new Map(),
  lastHeardMs: new Map(),
  listeningSinceMs: 0,
  leaving: new Set(),
  gone: new Set(),
  highestEpoch: 0,
};

let server: ApiServerHandle;
let folder: string;
let writes = 0;
let admin: KubeClient;

beforeAll(async () => {
  server = await createApiServer({
    onRequest: ({ verb }) => {
      if (verb === 'create' || verb === 'update') writes++;
    },
  });
  folder = await mkdtemp(join(tmpdir(), 'fairlead-group-'));
  await writeFile(join(folder, 'kubeconfig'), server.kubeconfig());
  admin = await newClient();
});

afterAll(async () => {
  admin.close();
  await server.close();
  await rm(folder, { recursive: true });
});

const newClient = () => connect({ kubeconfig: join(folder, 'kubeconfig') });

describe('GroupDriver', () => {
  const agents: Agent[] = [];
  let instances = 0;

  beforeEach(async () => {
    await admin.remove(LEASES, REF).catch(() => undefined);
  });

  afterEach(async () => {
    await server.faults.clear();
    for (const agent of agents.splice(0)) {
      await agent.driver.stop();
      agent.client.close();
    }
  });

  async function start(name: string, engine: GroupEngine = 'lease', changes: Partial<KubeClient> = {}) {
    const client = Object.assign(await newClient(), changes);
    const instance = (++instances).toString(16).padStart(16, '0');
    const agent: Agent = {
      name,
      client,
      own: {
        endpoint: '192.0.2.1:7947',
        controlPlane: false,
        canRun: new Set(['raft', 'lease']),
        isStopped: false,
      },
      known: NOTHING_KNOWN,
      driver: new GroupDriver({
        client,
        lease: REF,
        self: { name, instance },
        policy: { ...DEFAULT_GROUP_POLICY, ...QUICK, engine },
        newGroupId: instance.padStart(32, '0'),
        leases: undefined,
        own: () => agent.own,
        known: () => agent.known,
        isGroupHeard: () => false,
        clock: systemClock,
        random: Math.random,
        refusalMs: 500,
        logger: silentLogger,
      }),
    };
    agents.push(agent);
    agent.driver.start();
    return agent;
  }

  async function record(): Promise<GroupState | undefined> {
    const lease = await admin.get(LEASES, REF).catch(() => undefined);
    const reading = readGroupLease(lease);
    return reading.kind === 'found' ? reading.state : undefined;
  }

  const members = async (): Promise<string> => [...((await record())?.members.keys() ?? [])].sort().join(' ');

  it('makes one group, enters everybody, and is then quiet', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const all = await Promise.all(names.map((name) => start(name)));
    await eventually('everybody is entered', async () => (await members()) === names.join(' '), 20_000);
    await eventually('everybody runs leases', () =>
      all.every(({ driver }) => driver.standing().engine === 'lease'),
    );
    expect(new Set(all.map(({ driver }) => driver.standing().record?.groupId)).size).toBe(1);
    const before = writes;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(writes).toBe(before);
  });

  it('writes a record anew that was deleted', async () => {
    await start('a');
    await start('b');
    await eventually('both are entered', async () => (await members()) === 'a b');
    const before = await record();
    await admin.remove(LEASES, REF);
    await eventually('it is there again', async () => (await members()) === 'a b');
    expect((await record())?.record).toMatchObject({ groupId: before?.record.groupId, epoch: 2 });
  });

  it('goes on with what it knows while the API server is away, and enters when it is back', async () => {
    const a = await start('a');
    await eventually('it is entered', async () => (await members()) === 'a');
    await server.faults.outage('refuse');
    const late = await start('b');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(a.driver.standing()).toMatchObject({ engine: 'lease', problem: undefined });
    expect(late.driver.standing()).toMatchObject({ engine: undefined, record: undefined });
    await server.faults.endOutage();
    await eventually('both are entered', async () => (await members()) === 'a b', 20_000);
  });

  it('does not mind lost answers', async () => {
    // Not for ever: with bad luck any number of answers is lost one after the other.
    const rule = {
      select: { resources: ['leases'] },
      drop: true,
      when: 'after',
      rate: 0.4,
      times: 15,
    } as const;
    server.faults.setRules([rule]);
    const all = await Promise.all(['a', 'b', 'c'].map((name) => start(name)));
    await eventually('all are entered', async () => (await members()) === 'a b c', 30_000);
    expect(new Set(all.map(({ driver }) => driver.state()?.record.groupId)).size).toBe(1);
  });

  it('changes the engine with everybody', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((name) => start(name)));
    await eventually('all are entered', async () => (await members()) === 'a b c');
    for (const agent of all) {
      await agent.driver.stop();
      agent.client.close();
    }
    const raft = await Promise.all(['a', 'b', 'c'].map((name) => start(name, 'raft')));
    await eventually(
      'leases are to be stopped',
      async () => (await record())?.record.switching?.stage === 'stop',
    );
    await eventually('nothing runs', () =>
      raft.every(({ driver }) => driver.standing().engine === undefined),
    );
    expect(raft[0]?.driver.standing().waitingFor.length).toBeGreaterThan(0);
    for (const agent of raft) {
      agent.own = { ...agent.own, isStopped: true };
      agent.driver.wake();
    }
    await eventually('raft is in force', async () => (await record())?.record.engine === 'raft');
    expect((await record())?.record).toMatchObject({ voters: ['a', 'b', 'c'], switching: undefined });
    await eventually('raft runs', () => raft.every(({ driver }) => driver.standing().engine === 'raft'));
  });

  it('takes itself out when it goes', async () => {
    const [a] = [await start('a'), await start('b')];
    await eventually('both are entered', async () => (await members()) === 'a b');
    await a.driver.leave(5_000);
    expect(await members()).toBe('b');
  });

  it('polls where it may not watch, and does without a record where it may not write', async () => {
    const refuse = () => Promise.reject(new ApiError(403, 'Forbidden', 'no'));
    const polling = await start('a', 'lease', { list: refuse as KubeClient['list'] });
    await eventually('it is entered', async () => (await members()) === 'a');
    expect(polling.driver.standing().engine).toBe('lease');
    const mute = await start('b', 'lease', { replace: refuse as KubeClient['replace'] });
    expect(mute.driver.standing().engine).toBeUndefined();
    await eventually('it says so', () => mute.driver.standing().problem?.includes('may not be written'));
    expect(mute.driver.standing().engine).toBe('lease');
    // It goes on reading, and that does not make it believe that it may write.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(mute.driver.standing().engine).toBe('lease');
  });

  it('does not guess that Leases decide where it may not even read, and raft is wanted', async () => {
    const refuse = () => Promise.reject(new ApiError(403, 'Forbidden', 'no'));
    const blind = { get: refuse as KubeClient['get'], list: refuse as KubeClient['list'] };
    const raft = await start('a', 'raft', blind);
    const lease = await start('b', 'lease', blind);
    for (const { driver } of [raft, lease]) {
      await eventually('it says so', () => driver.standing().problem?.includes('may not be read'));
    }
    expect(raft.driver.standing().engine).toBeUndefined();
    expect(lease.driver.standing().engine).toBe('lease');
  });

  it('reforms by order of the operator, once, and forgets the order', async () => {
    const a = await start('a', 'raft');
    await start('b', 'raft');
    await start('c', 'raft');
    await eventually('voters are chosen', async () => (await record())?.record.voters.length === 3);
    const epoch = (await record())?.record.epoch ?? 0;
    const order = async (text: string) => {
      const lease: Lease = await admin.get(LEASES, REF);
      const annotations = { ...lease.metadata?.annotations, [REFORM_ORDER]: text };
      await admin.replace(LEASES, { ...lease, metadata: { ...lease.metadata, annotations } });
    };
    a.known = { ...NOTHING_KNOWN, withoutCoordinatorSinceMs: systemClock.monotonicMs() - 60_000 };
    // For another epoch, and for others: not ours.
    await order(formatReformOrder({ epoch: epoch - 1, voters: ['a'] }));
    await order(formatReformOrder({ epoch, voters: ['x'] }));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await record())?.record.epoch).toBe(epoch);
    await order(formatReformOrder({ epoch, voters: ['a'] }));
    await eventually('it is reformed', async () => (await record())?.record.voters.join() === 'a');
    expect((await record())?.record.epoch).toBe(epoch + 1);
    expect(reformOrderOf(await admin.get(LEASES, REF))).toBeUndefined();
  });
});
