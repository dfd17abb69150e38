// SPDX-License-Identifier: Apache-2.0
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { type GroupRecordView, groupRecord, isFormed, untilRecord } from './group-record.ts';
import { createGroupKey } from './install.ts';

const hasLeases = ({ engine, switching }: GroupRecordView) => engine === 'lease' && switching === undefined;

/** The engine is one for the whole group, also while it changes. */
describe('a change of the engine', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let address: string;

  beforeAll(async () => {
    // As our manifest says, but nobody has made a key.
    cluster = await Cluster.start({ workers: 3, groupKey: false });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    address = await cluster.addressOf('web');
    await cluster.answers(address);
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    await cluster.nextOwner(observer, address);
  });

  afterEach(async () => {
    await observer.stop();
    const { longestTwoOwnersMs, longestZeroOwnersMs } = observer.judge({ address });
    console.log(`longest time without an answer: ${longestZeroOwnersMs.toFixed(0)} ms`);
    expect(longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('does not come about without a key: Leases decide', async () => {
    const record = await untilRecord(cluster, 'leases', hasLeases);
    expect([...record.members].sort()).toEqual(['worker1', 'worker2', 'worker3']);
  });

  it('to raft comes when there is a key, once all have confirmed', async () => {
    await createGroupKey(cluster.stage);
    const { epoch = 0 } = (await groupRecord(cluster)) ?? {};
    const record = await untilRecord(cluster, 'raft', isFormed, 120_000);
    // Prepared, stopped, done: an epoch each.
    expect(record.epoch).toBeGreaterThanOrEqual(epoch + 3);
    await cluster.answers(address);
    await cluster.agentsReady();
  });

  it('to leases comes when every agent is told so, and not before', async () => {
    await cluster.lab.kubectl([
      ...['set', 'env', '-n', 'kube-system', 'daemonset/kube-vip-ds', 'fairlead_engine=lease'],
    ]);
    await cluster.agentsReady();
    await untilRecord(cluster, 'leases', hasLeases, 120_000);
    await cluster.answers(address);
    await cluster.agentsReady();
  });
});
