// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { CLIENT, hostOf, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const NAME = 'shop';
const LIMIT_MS = 20_000;

/** As kube-proxy in its modes iptables and nftables has them: for what comes, and for what the node itself begins. */
function rulesOfKubeProxy(address: string, pods: readonly string[]): string {
  const turns = pods.map((ip, index) => `${index} : ${ip}`).join(', ');
  return `
    table ip kube_proxy_stand_in {
      chain in { type nat hook prerouting priority dstnat; policy accept; jump services; }
      chain out { type nat hook output priority -100; policy accept; jump services; }
      chain services {
        ip daddr ${address} tcp dport 80 dnat to numgen inc mod ${pods.length} map { ${turns} }
      }
      chain post { type nat hook postrouting priority srcnat; policy accept; ct status dnat masquerade; }
      chain forward { type filter hook forward priority filter; policy accept; ct state invalid drop; }
    }`;
}

/** Protection does not depend on who sends connections on. The plane nftables has a test of its own. */
describe.each(['userspace', 'none'])('protection with fairlead_balance=%s', (plane) => {
  let cluster: Cluster;
  let address: string;

  beforeAll(async () => {
    cluster = await Cluster.start({
      workers: 2,
      agentEnv: { fairlead_balance: plane, fairlead_engine: 'lease' },
    });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose(NAME);
    address = await cluster.addressOf(NAME);
    if (plane === 'none') {
      const pods = await cluster.stage.readyPods();
      const stdin = rulesOfKubeProxy(
        address,
        pods.flatMap(({ status }) => status?.podIP ?? []),
      );
      for (const { name } of nodesOf(cluster.lab.plan)) {
        const { code, stderr } = await cluster.lab.exec(name, ['nft', '-f', '-'], { stdin });
        if (code !== 0) throw new Error(`rules on ${name}: ${stderr}`);
      }
    }
    await cluster.answers(address);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const annotate = (annotations: Readonly<Record<string, string | null>>) =>
    cluster.client.patch(
      SERVICES,
      { namespace: 'default', name: NAME },
      { metadata: { annotations } },
      { type: 'merge' },
    );
  /** What curl says: 0 for an answer, 7 for a refusal, 28 for silence. */
  const visit = async () =>
    (await cluster.lab.exec(CLIENT, ['curl', '-fsS', '-m', '1', `http://${address}/`])).code;
  const becomes = (code: number) =>
    cluster.lab.waitFor(async () => (await visit()) === code, {
      what: `curl to end with ${code}`,
      timeoutMs: LIMIT_MS,
    });
  const count = async (metric: string, labels: string) => {
    const name = `fairlead_protection_${metric}_packets_total{service="default/${NAME}"${labels}}`;
    const workers = nodesOf(cluster.lab.plan).filter(({ role }) => role === 'worker');
    const pages = await Promise.all(
      workers.map(({ name: node }) =>
        cluster.lab.exec(node, ['curl', '-fsS', 'http://127.0.0.1:2112/metrics']),
      ),
    );
    const lines = pages.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

  it('keeps out whom the Service blocks', async () => {
    await annotate({ [ANNOTATION.blockSources]: hostOf(cluster.lab.plan, CLIENT).ipv4 });
    await becomes(28);
    expect(await count('dropped', ',reason="blocked"')).toBeGreaterThan(0);
    await annotate({ [ANNOTATION.blockSources]: null });
    await becomes(0);
  });

  it('limits new connections of a source', async () => {
    await annotate({ [ANNOTATION.connectionRatePerSource]: '1 burst 2' });
    await cluster.lab.waitFor(
      async () => {
        await visit();
        return (await count('dropped', ',reason="connection-rate"')) > 0;
      },
      { what: 'connections above the rate to be dropped', timeoutMs: LIMIT_MS },
    );
    await annotate({ [ANNOTATION.connectionRatePerSource]: null });
    await becomes(0);
  });

  it('reaches all pods through the SYN proxy', async () => {
    await annotate({ [ANNOTATION.synProxy]: 'always' });
    await cluster.lab.waitFor(async () => (await visit()) === 0 && (await count('proxied', '')) > 0, {
      what: 'an answer through the SYN proxy',
      timeoutMs: LIMIT_MS,
    });
    const prober = await cluster.lab.probeTcp({ target: `${address}:80`, count: 30, timeoutMs: 5_000 });
    const samples = await prober.finished();
    expect(samples.filter(({ ok }) => ok)).toHaveLength(30);
    expect(new Set(samples.map(({ pod }) => pod)).size).toBe(3);
    expect(await count('proxied', '')).toBeGreaterThanOrEqual(30);
  });
});
