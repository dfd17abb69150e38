// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { GROUP_ANNOTATION, GROUP_LEASE_NAME } from '@fairlead/agent/ownership/raft/group-lease.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { DAEMON_SETS, EVENTS, LEASES, SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Cluster } from '../fixture.ts';
import { isRolledOut } from '../install.ts';
import type { Stage } from '../stage.ts';
import { renderChart } from './chart.ts';

const NAMESPACE = 'kube-system';
const DAEMON_SET = { namespace: NAMESPACE, name: 'kube-vip-ds' };

/** The chart as somebody installs it who wants our data plane. */
const VALUES = {
  image: { tag: 'dev' },
  pools: { 'range-global': '172.18.0.200-172.18.0.220' },
  agent: { balance: 'nftables', profiles: { nftables: true } },
  groupKey: { method: 'job' },
};

/** As Helm does it: what has the hook comes first and is waited for. */
async function installChart(stage: Stage): Promise<void> {
  const objects = renderChart({ values: VALUES });
  const isHook = ({ metadata }: KubeObject): boolean => metadata?.annotations?.['helm.sh/hook'] !== undefined;
  const apply = (some: readonly KubeObject[]) =>
    stage.kubectl(['apply', '-f', '-'], { stdin: some.map((each) => stringify(each)).join('---\n') });
  await apply(objects.filter(isHook));
  const job = ['-n', NAMESPACE, 'job/fairlead-group-key'];
  await stage.kubectl(['wait', '--for=condition=Complete', '--timeout=60s', ...job]);
  await apply(objects.filter((object) => !isHook(object)));
  await stage.until(DAEMON_SETS, DAEMON_SET, isRolledOut, 60_000);
}

/** Both programs with exactly the rights of the chart, installed as it says. */
describe('an installed chart', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, install: installChart });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('has made a key that no second run replaces', async () => {
    const ref = { namespace: NAMESPACE, name: 'fairlead-group' };
    const { data } = await cluster.client.get(SECRETS, ref);
    expect(Buffer.from(data?.key ?? '', 'base64').toString()).toMatch(/^[0-9a-f]{64}$/);
    await cluster.stage.kubectl(['delete', '-n', NAMESPACE, 'job/fairlead-group-key']);
    const job = renderChart({ values: VALUES }).find(({ kind }) => kind === 'Job');
    await cluster.stage.kubectl(['apply', '-f', '-'], { stdin: stringify(job) });
    await cluster.stage.kubectl(
      'wait --for=condition=Complete --timeout=60s -n kube-system job/fairlead-group-key'.split(' '),
    );
    expect((await cluster.client.get(SECRETS, ref)).data).toEqual(data);
    expect(logs('fairlead-group-key')).toContain('is there already');
  });

  it('has prepared the nodes before the agents', () => {
    const prepared = logs('kube-vip-ds').match(/net\.ipv4\.ip_forward(=| is )1/g) ?? [];
    expect(prepared).toHaveLength(3);
  });

  it('serves, and hands over before each agent stops when all are restarted one after the other', async () => {
    await cluster.expose('echo');
    const address = await cluster.addressOf('echo');
    await cluster.answers(address);
    const group = { namespace: NAMESPACE, name: GROUP_LEASE_NAME };
    const engine = async () => (await cluster.client.get(LEASES, group)).metadata?.annotations;
    await expect.poll(engine, { timeout: 60_000 }).toMatchObject({ [GROUP_ANNOTATION.engine]: 'raft' });
    const observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    await cluster.nextOwner(observer, address);
    await cluster.stage.kubectl(['rollout', 'restart', '-n', NAMESPACE, 'daemonset/kube-vip-ds']);
    await cluster.agentsReady();
    await cluster.nextOwner(observer, address);
    await cluster.answers(address);
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    // The owner was restarted, so there was a move at least, and an agent that goes without a word counts as lost.
    const moves = async () => (await eventTexts()).filter((text) => text.includes('before: '));
    await expect.poll(moves, { timeout: 10_000 }).not.toEqual([]);
    for (const text of await moves()) expect(text).toMatch(/ left| was drained/);
  });

  it('is never refused anything by the API server', () => {
    for (const program of ['kube-vip-ds', 'kube-vip-cloud-provider']) {
      const refused = logs(program)
        .split('\n')
        .filter((line) => /forbidden|switched off|may not/i.test(line));
      expect(refused, program).toEqual([]);
    }
  });

  async function eventTexts(): Promise<readonly string[]> {
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    return items.map(({ message }) => message ?? '');
  }

  /** What all containers of these pods wrote, those of pods that are gone included. */
  function logs(pods: string): string {
    return cluster.lab
      .podLogs()
      .filter(({ pod }) => pod.startsWith(pods))
      .map(({ file }) => readFileSync(file, 'utf8'))
      .join('\n');
  }
});
