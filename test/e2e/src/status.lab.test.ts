// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EVENTS } from '@fairlead/shared/kubernetes/resources.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../../packages/agent/src/status/status-report.ts';
import { Cluster } from './fixture.ts';

const WORKERS = ['worker1', 'worker2', 'worker3'] as const;
const AGENT = fileURLToPath(new URL('../../../packages/agent/dist/agent.js', import.meta.url));

/** What can be seen of three agents from outside, while all is well and after one of them was killed. */
describe('agent status', () => {
  let cluster: Cluster;
  let address: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3 });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    address = await cluster.addressOf('web');
    await cluster.answers(address);
  });
  afterAll(async () => {
    await cluster.stop();
  });

  async function status(node: string, ...flags: readonly string[]) {
    const { code, stdout, stderr } = await cluster.lab.exec(node, [
      process.execPath,
      AGENT,
      'status',
      ...flags,
    ]);
    return { code, stdout, stderr };
  }

  async function report(node: string): Promise<StatusReport> {
    const { stdout, stderr } = await status(node, '--json');
    if (stdout === '') throw new Error(`no status on ${node}: ${stderr}`);
    return JSON.parse(stdout) as StatusReport;
  }

  /** Waits until the report of a node shows what it should. */
  async function shows(
    node: string,
    what: string,
    condition: (now: StatusReport) => boolean,
  ): Promise<StatusReport> {
    return await cluster.lab.waitFor(
      async () => {
        const now = await report(node);
        return condition(now) ? now : undefined;
      },
      { what: `the status of ${node} to show ${what}`, timeoutMs: 30_000 },
    );
  }

  const ownerIn = ({ addresses }: StatusReport) =>
    addresses.find((each) => each.address === address)?.owner ?? null;
  const eventsOf = async (reason: string) => {
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    return items.filter((event) => event.reason === reason && event.involvedObject?.name === 'web');
  };

  it('shows one group, one coordinator and one owner on all nodes, and ends with 0', async () => {
    const reports = await Promise.all(
      WORKERS.map((node) =>
        shows(
          node,
          'a group that is well',
          (now) => now.well && ownerIn(now) !== null && now.members.length === 3,
        ),
      ),
    );
    expect(new Set(reports.map(({ engine }) => engine.name))).toEqual(new Set(['raft']));
    expect(new Set(reports.map(({ coordinator }) => coordinator?.node)).size).toBe(1);
    expect(new Set(reports.map(ownerIn)).size).toBe(1);
    for (const { node, members, addresses, group } of reports) {
      expect(members.map((member) => [member.node, member.role, member.state])).toEqual(
        WORKERS.map((name) => [name, 'voter', 'up']),
      );
      expect(group).toMatchObject({ engine: 'raft', voters: WORKERS });
      expect(addresses).toMatchObject([{ address, services: ['default/web'] }]);
      expect(addresses[0]?.here?.answering ?? false).toBe(addresses[0]?.owner === node);
    }
    const table = await status('worker1');
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toContain('worker1: well');
    expect(table.stdout).toContain(address);
  });

  it('asks another node by name and by URL', async () => {
    const byName = await status(
      'worker1',
      '--json',
      '--node',
      'worker2',
      '--kubeconfig',
      cluster.lab.kubeconfig,
    );
    expect(byName).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(byName.stdout)).toMatchObject({ node: 'worker2' });
    const url = `http://${hostOf(cluster.lab.plan, 'worker3').ipv4}:2112`;
    const byUrl = await status('worker1', '--json', '--server', url);
    expect(JSON.parse(byUrl.stdout)).toMatchObject({ node: 'worker3' });
  });

  it('is dumped into the log on SIGUSR1, and the agent lives on', async () => {
    const [pid] = cluster.agentPids('worker2');
    process.kill(pid ?? 0, 'SIGUSR1');
    const log = () =>
      cluster.lab
        .podLogs()
        .filter(({ pod, node }) => pod.startsWith('kube-vip-ds-') && node === 'worker2')
        .flatMap(({ file }) => readFileSync(file, 'utf8').split('\n'));
    const line = await cluster.lab.waitFor(() => log().find((each) => each.includes('on SIGUSR1')), {
      what: 'the dump in the log',
      timeoutMs: 20_000,
    });
    const { status: dumped } = JSON.parse(line) as { readonly status: StatusReport };
    expect(dumped).toMatchObject({ node: 'worker2', addresses: [{ address }] });
    expect(Object.keys(dumped)).toEqual(Object.keys(await report('worker2')));
    expect(cluster.agentPids('worker2')).toEqual([pid]);
  });

  it('shows the failover of a killed node with its phases, tells it once, and ends with 2 where nobody is left', async () => {
    const lost = ownerIn(await report('worker1')) ?? '';
    const survivors = WORKERS.filter((name) => name !== lost);
    const before = (await eventsOf('AddressHeld')).length;
    for (const pid of cluster.kubeletPids(lost)) process.kill(pid, 'SIGSTOP');
    for (const pid of cluster.agentPids(lost)) process.kill(pid, 'SIGKILL');
    await cluster.answers(address);
    for (const node of survivors) {
      const now = await shows(
        node,
        `${lost} lost and another owner`,
        (each) =>
          ![null, lost].includes(ownerIn(each)) &&
          each.members.some((member) => member.node === lost && member.state === 'lost'),
      );
      expect(survivors).toContain(ownerIn(now));
    }
    const next = ownerIn(await report(survivors[0] ?? '')) ?? '';
    const told = await shows(next, 'the failover', ({ failovers }) =>
      failovers.some(({ part, from }) => part === 'owner' && from === lost),
    );
    const failover = told.failovers.find(({ part, from }) => part === 'owner' && from === lost);
    expect(failover).toMatchObject({ reason: 'lost', to: [next], count: 1, addresses: [address] });
    for (const phase of ['detectedMs', 'placedMs', 'announcedMs', 'totalMs'] as const) {
      expect(failover?.[phase], phase).toEqual(expect.any(Number));
    }
    // The coordinator is one of the two who are left, and knows what it decided.
    const decided = await Promise.all(survivors.map(report));
    expect(decided.flatMap(({ failovers }) => failovers)).toContainEqual(
      expect.objectContaining({ part: 'coordinator', reason: 'lost', from: lost, to: [next] }),
    );
    const event = await cluster.lab.waitFor(
      async () => (await eventsOf('AddressHeld')).find(({ message }) => message?.includes(`before: ${lost}`)),
      { what: 'the Event about the move', timeoutMs: 20_000 },
    );
    expect(event.message).toMatch(
      new RegExp(
        `^node ${next} answers for ${address} \\(before: ${lost}; ${lost} was lost; \\d+ ms: \\d+ until noticed, .*\\)$`,
      ),
    );
    expect(await eventsOf('AddressHeld')).toHaveLength(before + 1);
    expect(await eventsOf('AddressDropped')).toEqual([]);
    const asked = await status(lost);
    expect(asked).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('is an agent running?'),
    });
  });
});
