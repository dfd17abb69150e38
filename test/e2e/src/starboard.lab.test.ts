// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { DAEMON_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { applyManifest, isRolledOut } from './install.ts';

const REF = { namespace: 'kube-system', name: 'fairlead-starboard' };
const NAT = ['iptables-nft', '-t', 'nat'];
const RULE = '-d 172.18.0.200/29 -m comment --comment "fairlead starboard [range-global]" -j ACCEPT';

describe('starboard from its manifest, beside our agent', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 2, agentEnv: { fairlead_balance: 'nftables' } });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.207' });
    // As kube-proxy begins: from here on the word of the agent of this node counts.
    await cluster.lab.exec('worker1', [...NAT, '-N', 'KUBE-SERVICES']);
    await cluster.lab.exec('worker1', [...NAT, '-A', 'PREROUTING', '-j', 'KUBE-SERVICES']);
  });
  afterAll(() => cluster.stop());

  it('has its rules on each node, disturbs nobody, and takes them along when it is deleted', async () => {
    const rules = async (node: string) => (await cluster.lab.exec(node, [...NAT, '-S', 'PREROUTING'])).stdout;
    await applyManifest(cluster.stage, 'deploy/starboard.yaml');
    await cluster.stage.until(DAEMON_SETS, REF, isRolledOut, 60_000);
    for (const node of ['worker1', 'worker2']) expect(await rules(node)).toContain(RULE);
    const logs = cluster.lab.podLogs().filter(({ pod }) => pod.startsWith(REF.name));
    const told = logs.map(({ file }) => readFileSync(file, 'utf8')).join('');
    expect(told).toContain('"case":"cuts-off"');
    expect(told).toContain('"case":"absent"');
    await cluster.expose('echo-app');
    const address = await cluster.addressOf('echo-app');
    const ask = [
      'curl',
      '-sf',
      '--retry',
      '5',
      '--retry-all-errors',
      '--max-time',
      '5',
      `http://${address}/`,
    ];
    expect((await cluster.lab.exec('client', ask)).code).toBe(0);
    await cluster.client.remove(DAEMON_SETS, REF);
    for (const node of ['worker1', 'worker2']) {
      await expect.poll(() => rules(node), { timeout: 30_000 }).not.toContain('starboard');
    }
  });

  it("runs from the peer's manifest and under its role, with another image", async () => {
    await applyManifest(cluster.stage, 'test/e2e/manifests/plndr-starboard.yaml');
    for (const node of ['worker1', 'worker2']) {
      const rules = async () => (await cluster.lab.exec(node, [...NAT, '-S', 'PREROUTING'])).stdout;
      await expect.poll(rules, { timeout: 30_000 }).toContain(RULE);
    }
    const logs = cluster.lab.podLogs().filter(({ pod }) => pod.startsWith('starboard-ds'));
    const told = logs.map(({ file }) => readFileSync(file, 'utf8')).join('');
    expect(told).not.toMatch(/"level":"(warn|error|fatal)"/);
  });
});
