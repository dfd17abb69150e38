// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Secret } from '@fairlead/shared/kubernetes/objects.ts';
import { EVENTS, LEASES, SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { CONTROL_PLANE } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { GROUP_RECORD, groupRecord, isFormed, untilRecord } from './group-record.ts';

const WORKERS = ['worker1', 'worker2', 'worker3'] as const;
const KEY = { namespace: 'kube-system', name: 'fairlead-group' };
/** Agents must have noticed that nobody answers them. `FAIRLEAD_API_OUTAGE_S` makes it longer, for trials by hand. */
const API_OUTAGE_MS = Number(process.env.FAIRLEAD_API_OUTAGE_S ?? 6) * 1_000;
const AGENT = fileURLToPath(new URL('../../../packages/agent/dist/agent.js', import.meta.url));

/** Three agents with a key, as our manifest installs them; what becomes of their group. */
describe('a group of agents', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let address: string;
  let owner: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3 });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    address = await cluster.addressOf('web');
    await cluster.answers(address);
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    owner = await cluster.nextOwner(observer, address);
  });

  afterEach(async () => {
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    await untilRecord(cluster, 'three voters', isFormed, 60_000);
    await cluster.answers(address);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const others = (): readonly string[] => WORKERS.filter((name) => name !== owner);

  /** Cuts these off for as long as something takes. */
  async function whileCut<T>(hosts: readonly string[], act: () => Promise<T>): Promise<T> {
    for (const host of hosts) await cluster.lab.partition(host);
    try {
      return await act();
    } finally {
      for (const host of hosts) await cluster.lab.heal(host);
    }
  }

  async function isAnsweredByAnother(): Promise<string> {
    return await cluster.lab.waitFor(
      () => {
        const now = cluster.ownerOf(observer, address);
        return now === undefined || now === owner ? undefined : now;
      },
      { what: `another node than ${owner} to answer for ${address}`, timeoutMs: 20_000 },
    );
  }

  async function isAnsweredAfter(ms: number): Promise<void> {
    await observer.waitForClaim(({ kind, atMs }) => kind === 'answer' && atMs > ms);
  }

  async function isSilent(): Promise<void> {
    await cluster.lab.waitFor(
      () => {
        const last = observer.events.findLast(({ kind }) => kind === 'answer');
        return last !== undefined && monotonicMs() - last.atMs > 1_000;
      },
      { what: `silence about ${address}`, timeoutMs: 20_000 },
    );
  }

  it('forms by itself, and everybody is a voter', async () => {
    const record = await untilRecord(cluster, 'a group', isFormed);
    expect(record.voters).toEqual(WORKERS);
    expect([...record.members].sort()).toEqual(WORKERS);
  });

  it('writes its record anew when that was deleted, in a later epoch, and nobody notices', async () => {
    const before = await untilRecord(cluster, 'a group', isFormed);
    await cluster.client.remove(LEASES, GROUP_RECORD);
    const after = await untilRecord(
      cluster,
      'a later epoch',
      (now) => isFormed(now) && now.epoch > before.epoch,
    );
    expect(after).toMatchObject({ id: before.id, voters: before.voters });
    expect([...after.members].sort()).toEqual(WORKERS);
    await isAnsweredAfter(monotonicMs());
    expect(observer.judge({ address })).toMatchObject({
      zeroOwners: [],
      changes: [{ to: expect.anything() }],
    });
  });

  it(
    'hands over while the API server is away, as ever',
    async () => {
      await whileCut([CONTROL_PLANE], async () => {
        await new Promise((resolve) => setTimeout(resolve, API_OUTAGE_MS));
        expect(observer.judge({ address }).violations).toEqual([]);
        expect(cluster.ownerOf(observer, address)).toBe(owner);
        await whileCut([owner], async () => {
          expect(WORKERS).toContain(await isAnsweredByAnother());
        });
      });
    },
    API_OUTAGE_MS + 120_000,
  );

  it('takes another key without losing an address', async () => {
    const before = readings();
    const key = (text: string) => Buffer.from(text).toString('base64');
    const present: Secret = await cluster.client.get(SECRETS, KEY);
    const [old, fresh] = [present.data?.key ?? '', key('another secret, as long as it has to be')];
    const step = async (data: Secret['data']): Promise<void> => {
      const known = readings();
      const secret = await cluster.client.get(SECRETS, KEY);
      await cluster.client.replace(SECRETS, { ...secret, data: data ?? {} });
      await cluster.lab.waitFor(
        () => WORKERS.every((name) => (readings().get(name) ?? 0) > (known.get(name) ?? 0)),
        {
          what: 'all agents to have read the key',
          timeoutMs: 60_000,
        },
      );
    };
    await step({ key: old, 'key-next': fresh });
    await step({ key: fresh, 'key-previous': old });
    await step({ key: fresh });
    expect(before.size).toBe(3);
    await isAnsweredAfter(monotonicMs());
    expect(observer.judge({ address })).toMatchObject({
      zeroOwners: [],
      changes: [{ to: expect.anything() }],
    });
  });

  it('names an agent whose datagrams are blocked, and claims nothing because of it', async () => {
    const deaf = others()[0] ?? '';
    const nft = async (...args: readonly string[]) => {
      const done = await cluster.lab.exec(deaf, ['nft', ...args]);
      expect(done).toMatchObject({ code: 0 });
    };
    await nft('add table inet blocker');
    await nft('add chain inet blocker input { type filter hook input priority 0; }');
    await nft('add rule inet blocker input udp dport 7947 drop');
    try {
      // It enters itself again, and then nobody hears it: it hears nobody, so it has nothing to answer.
      for (const pid of cluster.agentPids(deaf)) process.kill(pid, 'SIGKILL');
      const says = (node: string, pattern: RegExp) =>
        cluster.stage.poll(`an Event about ${node}`, 60_000, async () => {
          const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
          return items.find(
            ({ reason, involvedObject, message }) =>
              reason === 'GroupAgentsUnheard' && involvedObject?.name === node && pattern.test(message ?? ''),
          );
        });
      await says(deaf, /no other agent is heard/);
      expect(cluster.ownerOf(observer, address)).toBe(owner);
      expect(observer.judge({ address })).toMatchObject({
        zeroOwners: [],
        changes: [{ to: expect.anything() }],
      });
    } finally {
      await nft('delete table inet blocker');
    }
    await cluster.agentsReady();
  });

  it('lets addresses go below a majority, and takes them up again with it', async () => {
    const [one, two] = others();
    await whileCut([one ?? '', two ?? ''], isSilent);
    await cluster.answers(address);
  });

  it('goes on with those who live when it is told so', async () => {
    const lost = others();
    await whileCut(lost, async () => {
      await isSilent();
      const argv = [process.execPath, AGENT, 'group', 'reform', owner];
      const refused = await cluster.lab.exec(CONTROL_PLANE, [
        ...argv,
        '--kubeconfig',
        cluster.lab.kubeconfig,
      ]);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('must be off') });
      const done = await cluster.lab.exec(CONTROL_PLANE, [
        ...argv,
        ...['--yes', '--kubeconfig', cluster.lab.kubeconfig],
      ]);
      expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining(`voters ${owner}`) });
      await cluster.answers(address);
      expect((await groupRecord(cluster))?.voters).toEqual([owner]);
    });
    // The others come back as members, and become voters again one by one.
    await untilRecord(cluster, 'three voters', (now) => isFormed(now) && now.voters.length === 3, 60_000);
  });

  /** How often the agent on each worker has read another key. */
  function readings(): ReadonlyMap<string, number> {
    const lines = cluster.lab
      .podLogs()
      .filter(({ pod }) => pod.startsWith('kube-vip-ds-'))
      .map(
        ({ node, file }) =>
          [node, readFileSync(file, 'utf8').split('keys of the group read').length - 1] as const,
      );
    return new Map(
      [...Map.groupBy(lines, ([node]) => node)].map(([node, all]) => [node, sum(all.map(([, n]) => n))]),
    );
  }
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

it('keeps addresses below a majority where it is told to', async () => {
  const cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_minority: 'keep' } });
  try {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    const address = await cluster.addressOf('web');
    await cluster.answers(address);
    const observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    const owner = await cluster.nextOwner(observer, address);
    const others = WORKERS.filter((name) => name !== owner);
    for (const name of others) await cluster.lab.partition(name);
    const cutMs = monotonicMs();
    await observer.waitForClaim(({ kind, atMs }) => kind === 'answer' && atMs > cutMs + 5_000, 20_000);
    for (const name of others) await cluster.lab.heal(name);
    await cluster.agentsReady();
    await observer.stop();
    const verdict = observer.judge({ address });
    expect(verdict.longestTwoOwnersMs).toBe(0);
    expect(verdict.longestZeroOwnersMs).toBeLessThan(500);
    expect(cluster.ownerOf(observer, address)).toBe(owner);
  } finally {
    await cluster.stop();
  }
});
