// SPDX-License-Identifier: Apache-2.0
import { NeighborObserver, TcpProber } from '@fairlead/test-lab/observer/observers.ts';
import { answersPerPod } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HOSTS, PORT, serverOf, Trio, VIP } from './trio.ts';

const STATUS_PORT = 2112;

/** The seed's three hosts without Kubernetes: `agent start`, engine raft. */
describe('three hosts outside a cluster', () => {
  let trio: Trio;
  let observer: NeighborObserver;

  beforeAll(async () => {
    trio = await Trio.start({ more: `statusServer: ":${STATUS_PORT}"` });
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
  });

  const moved = (from: string) =>
    waitFor(
      () => {
        const owner = trio.ownerOf(observer);
        return owner === from ? undefined : owner;
      },
      { what: `another host than ${from} to answer for ${VIP}`, timeoutMs: 20_000 },
    );

  /** The host that has the address now says from whom, and why. */
  const toldAsLost = async (from: string, to: string) => {
    const failover = {
      part: 'owner',
      reason: 'lost',
      from: serverOf(from),
      to: [serverOf(to)],
      addresses: [VIP],
    };
    await waitFor(
      async () => {
        const { failovers } = (await trio.status(to)) as { failovers: readonly Record<string, unknown>[] };
        const told = failovers.find((each) => each.from === failover.from && each.part === failover.part);
        if (told !== undefined) expect(told).toMatchObject(failover);
        return told !== undefined;
      },
      { what: `${to} to tell that it has replaced ${from}` },
    );
  };

  it('share one address, and balance over all back ends in turn', async () => {
    const owner = await trio.firstOwner(observer);
    const prober = await TcpProber.start(trio.network, { target: `${VIP}:${PORT}`, count: 30 });
    const samples = await prober.finished();
    expect(samples.every(({ ok }) => ok)).toBe(true);
    expect(answersPerPod(samples)).toEqual({ worker1: 10, worker2: 10, worker3: 10 });
    expect(await trio.status(owner)).toMatchObject({
      node: serverOf(owner),
      well: true,
      engine: { name: 'raft' },
      addresses: [{ address: VIP, owner: serverOf(owner), services: ['vip', 'Kubernetes Control Plane'] }],
    });
  });

  it('count what they relay, and what comes to them', async () => {
    const owner = await trio.firstOwner(observer);
    const metric = (name: string, text: string) =>
      [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'))].map(([, value]) => Number(value));
    await waitFor(
      async () => {
        const url = `http://127.0.0.1:${STATUS_PORT}/metrics`;
        const { stdout } = await trio.network.exec(owner, ['curl', '-sS', url]);
        const served = metric('fairlead_proxy_connections_total', stdout);
        const [moves] = metric('fairlead_address_moves_total', stdout);
        return served.length === HOSTS.length && served.every((count) => count >= 10) && (moves ?? 0) > 0;
      },
      { what: 'the relayed connections in the metrics of the owner' },
    );
  });

  it.each(HOSTS)('go on without %s, and take it back', async (host) => {
    const owner = await trio.firstOwner(observer);
    await trio.network.partition(host);
    try {
      if (owner === host) await toldAsLost(host, await moved(host));
      await waitFor(async () => ((await trio.ask()) === host ? undefined : true), {
        what: 'a living back end',
      });
      const prober = await TcpProber.start(trio.network, { target: `${VIP}:${PORT}`, count: 20 });
      expect(Object.keys(answersPerPod(await prober.finished()))).not.toContain(host);
    } finally {
      await trio.network.heal(host);
    }
    await waitFor(
      async () => {
        const { well, members } = await trio.status(host);
        const isWhole = (members as { state: string }[]).every(({ state }) => state === 'up');
        return well === true && isWhole ? true : undefined;
      },
      { what: `${host} to be back in the group`, timeoutMs: 20_000 },
    );
    await waitFor(async () => ((await trio.ask()) === host ? true : undefined), {
      what: 'the back end to be used again',
    });
  });

  it('hand the address over when an agent ends, and leave nothing behind', async () => {
    const owner = await trio.firstOwner(observer);
    const agent = trio.agentOf(owner);
    await agent.stop();
    expect(await moved(owner)).not.toBe(owner);
    const { stdout: addresses } = await trio.network.exec(owner, ['ip', '-o', 'address']);
    expect(addresses).not.toContain(VIP);
    const { stdout: rules } = await trio.network.exec(owner, ['nft', 'list', 'ruleset']);
    expect(rules.trim()).toBe('');
    await trio.startAgent(owner);
  });

  it('remember their term across restarts of all of them', async () => {
    await trio.firstOwner(observer);
    const termOf = async (host: string) => {
      const { coordinator } = await trio.status(host);
      return (coordinator as { term: number } | null)?.term ?? 0;
    };
    const terms = await Promise.all(HOSTS.map(termOf));
    await Promise.all(HOSTS.map((host) => trio.agentOf(host).stop()));
    await trio.startAgents();
    const after = await waitFor(async () => (await termOf(HOSTS[0])) || undefined, { what: 'a coordinator' });
    expect(after).toBeGreaterThan(Math.max(...terms));
  });
});
