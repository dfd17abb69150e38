// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const REQUESTS = 12;
const TABLES = ['table ip fairlead', 'table ip6 fairlead'];

/** How the agents spread the connections of Services, as their users see it. */
describe('Services with the nftables plane', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 2, agentEnv: { fairlead_engine: 'lease' } });
    await cluster.setPools({ 'range-global': '172.18.0.130-172.18.0.199' });
    observer = await cluster.lab.observeNeighbors();
  });
  afterEach(() => cluster.remove('web'));
  afterAll(async () => {
    await observer?.stop();
    await cluster?.stop();
  });

  /** Which pods answer so many requests. */
  const pods = async (address: string): Promise<ReadonlySet<string>> => {
    await cluster.answers(address);
    const names = new Set<string>();
    for (let request = 0; request < REQUESTS; request++) {
      const { stdout } = await cluster.lab.exec('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
      names.add(stdout);
    }
    return names;
  };

  it('spread over all pods, and keep a client at one with sessionAffinity', async () => {
    await cluster.expose('web');
    const address = await cluster.addressOf('web');
    expect((await pods(address)).size).toBeGreaterThan(1);
    await cluster.remove('web');
    await cluster.expose('web', { sessionAffinity: 'ClientIP' });
    expect((await pods(await cluster.addressOf('web'))).size).toBe(1);
  });

  it('go on round robin when an annotation cannot be read, and tell', async () => {
    await cluster.expose('web', {}, { [ANNOTATION.scheduler]: 'fastest' });
    expect((await pods(await cluster.addressOf('web'))).size).toBeGreaterThan(1);
    await cluster.warningAbout('web', /fairlead.io\/scheduler is "fastest"; expected round-robin/);
  });

  it('are served again after somebody has flushed all rules of the owner', async () => {
    await cluster.expose('web');
    const address = await cluster.addressOf('web');
    await cluster.answers(address);
    observer.watch(address);
    const owner = await cluster.nextOwner(observer, address);
    await cluster.lab.exec(owner, ['nft', 'flush', 'ruleset']);
    await cluster.lab.waitFor(
      async () => {
        const { stdout } = await cluster.lab.exec(owner, ['nft', 'list', 'tables']);
        return TABLES.every((table) => stdout.split('\n').includes(table));
      },
      { what: `the balancer's tables on ${owner} to be back` },
    );
    expect((await pods(address)).size).toBeGreaterThan(1);
    expect(cluster.ownerOf(observer, address)).toBe(owner);
  });
});
