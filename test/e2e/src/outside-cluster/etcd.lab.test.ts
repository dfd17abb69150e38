// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HOSTS, serverOf, Trio, VIP } from './trio.ts';

/** The host of the etcd, which is none of the three. */
const ETCD_HOST = 'control-plane';

/** The same hosts, with an etcd that decides: Debian's. */
describe('three hosts beside an etcd', () => {
  let trio: Trio;
  let observer: NeighborObserver;
  let etcd: LabProcess;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-etcd-'));
    trio = await Trio.start({ more: 'etcd: {endpoints: ["http://172.18.0.2:2379"], ttlSeconds: 2}' });
    const { ipv4 } = hostOf(trio.network.plan, ETCD_HOST);
    expect(ipv4).toBe('172.18.0.2');
    etcd = trio.network.spawn(ETCD_HOST, [
      'etcd',
      ...['--data-dir', join(folder, 'data')],
      ...['--listen-client-urls', `http://${ipv4}:2379`, '--advertise-client-urls', `http://${ipv4}:2379`],
      ...['--listen-peer-urls', `http://${ipv4}:2380`],
    ]);
    await trio.startAgents();
  });

  beforeEach(async () => {
    observer = await NeighborObserver.start(trio.network, { addresses: [VIP] });
  });

  afterEach(async () => {
    await observer.stop();
    expect(observer.judge({ address: VIP }).longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    await trio.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const moved = (from: string) =>
    waitFor(
      () => {
        const owner = trio.ownerOf(observer);
        return owner === from ? undefined : owner;
      },
      { what: `another host than ${from} to answer for ${VIP}`, timeoutMs: 20_000 },
    );

  /** Whether the host says that it answers itself. */
  const hasIt = async (host: string) => {
    const { addresses } = await trio.status(host);
    return (addresses as readonly { here: unknown }[])[0]?.here !== null;
  };

  it('have one owner, whose name stands in etcd', async () => {
    const owner = await trio.firstOwner(observer);
    expect(HOSTS).toContain(await trio.ask());
    for (const host of HOSTS) {
      expect(await trio.status(host)).toMatchObject({
        well: true,
        engine: { name: 'etcd' },
        addresses: [{ owner: serverOf(owner) }],
      });
    }
  });

  it('replace an owner that is cut off when its session has ended', async () => {
    const owner = await trio.firstOwner(observer);
    await trio.network.partition(owner);
    try {
      await moved(owner);
      // It has let go by itself, and does not know who has it now.
      await waitFor(async () => !(await hasIt(owner)), { what: `${owner} to have let go` });
    } finally {
      await trio.network.heal(owner);
    }
    await waitFor(async () => (await trio.status(owner)).well, { what: `${owner} to be well again` });
  });

  it('hand over when an agent ends', async () => {
    const owner = await trio.firstOwner(observer);
    await trio.agentOf(owner).stop();
    await moved(owner);
    await trio.startAgent(owner);
  });

  it('let go when etcd does not answer, and go on when it does', async () => {
    const owner = await trio.firstOwner(observer);
    etcd.kill('SIGSTOP');
    try {
      await waitFor(async () => !(await hasIt(owner)), { what: `${owner} to have let go` });
      expect(await trio.status(owner)).toMatchObject({ well: false, engine: { ok: false } });
    } finally {
      etcd.kill('SIGCONT');
    }
    await waitFor(async () => HOSTS.includes((await trio.ask()) as (typeof HOSTS)[number]), {
      what: 'an answer',
    });
  });
});
