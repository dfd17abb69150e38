// SPDX-License-Identifier: Apache-2.0

import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { isFormed, untilRecord } from './group-record.ts';

/** Three agents with a key, as our manifest installs them. */
describe('a group of agents', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let address: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3 });
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
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('forms by itself, with three voters', async () => {
    const record = await untilRecord(cluster, 'a group', isFormed);
    expect(record.voters).toEqual(['worker1', 'worker2', 'worker3']);
    expect([...record.members].sort()).toEqual(['worker1', 'worker2', 'worker3']);
  });
});
