// SPDX-License-Identifier: Apache-2.0
import { NeighborObserver, TcpProber } from '@fairlead/test-lab/observer/observers.ts';
import { answersPerPod } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTS, PORT, Trio, VIP } from './trio.ts';

/** The same three hosts, with the kernel instead of a proxy. */
describe('three hosts that balance in nftables', () => {
  let trio: Trio;
  let observer: NeighborObserver;

  beforeAll(async () => {
    trio = await Trio.start({ more: 'balance: nftables' });
    await trio.startAgents();
    observer = await NeighborObserver.start(trio.network, { addresses: [VIP] });
  });

  afterAll(async () => {
    await observer?.stop();
    await trio?.stop();
  });

  const shares = async () => {
    const prober = await TcpProber.start(trio.network, { target: `${VIP}:${PORT}`, count: 30 });
    return answersPerPod(await prober.finished());
  };

  it('spread connections over all back ends', async () => {
    await trio.firstOwner(observer);
    expect(await shares()).toEqual({ worker1: 10, worker2: 10, worker3: 10 });
  });

  it('are free of the tables of an agent that was killed, when the next one balances in user space', async () => {
    const owner = await trio.firstOwner(observer);
    const host = HOSTS.find((each) => each !== owner) ?? '';
    const hasTable = async () =>
      (await trio.network.exec(host, ['nft', 'list', 'table', 'ip', 'fairlead'])).code === 0;
    expect(await hasTable()).toBe(true);
    trio.agentOf(host).kill('SIGKILL');
    await trio.agentOf(host).exited;
    expect(await hasTable()).toBe(true);
    const proxy = await trio.startAgent(host, 'balance: userspace');
    expect(await hasTable()).toBe(false);
    await proxy.stop();
    await trio.startAgent(host);
  });

  it('go on without the owner and its back end', async () => {
    const owner = await trio.firstOwner(observer);
    await trio.network.kill(owner);
    await waitFor(() => trio.ownerOf(observer) !== owner, { what: `another owner than ${owner}` });
    await waitFor(async () => !Object.keys(await shares()).includes(owner), {
      what: 'only living back ends',
    });
    expect(Object.values(await shares())).toEqual([15, 15]);
    expect(observer.judge({ address: VIP }).longestTwoOwnersMs).toBe(0);
  });
});
