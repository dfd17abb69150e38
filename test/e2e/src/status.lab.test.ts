// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EVENTS } from '@fairlead/shared/kubernetes/resources.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailoverReport, StatusReport } from '../../../packages/agent/src/status/status-report.ts';
import { Cluster } from './fixture.ts';

const WORKERS = ['worker1', 'worker2', 'worker3'] as const;
const AGENT = fileURLToPath(new URL('../../../packages/agent/dist/agent.js', import.meta.url));

/** So many that each of three nodes has some, however they are spread. */
const SERVICES = ['web0', 'web1', 'web2', 'web3', 'web4', 'web5', 'web6', 'web7', 'web8'] as const;

function failoversOf(
  reports: readonly StatusReport[],
  part: string,
  lost: string,
): readonly FailoverReport[] {
  return reports
    .flatMap(({ failovers }) => failovers)
    .filter((each) => each.part === part && each.from === lost && each.reason === 'lost');
}

function counted(failovers: readonly FailoverReport[]): number {
  return failovers.reduce((sum, { count }) => sum + count, 0);
}

function expectPhases(failovers: readonly FailoverReport[], known: readonly (keyof FailoverReport)[]): void {
  for (const failover of failovers) {
    for (const phase of known) expect(failover[phase], phase).toEqual(expect.any(Number));
  }
}

/** What can be seen of three agents from outside, while all is well and after one of them was killed. */
describe('agent status', () => {
  let cluster: Cluster;
  /** Service -> its address. */
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3 });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    for (const name of SERVICES) await cluster.expose(name);
    for (const name of SERVICES) addresses.set(name, await cluster.addressOf(name));
    for (const address of addresses.values()) await cluster.answers(address);
  });
  afterAll(async () => {
    await cluster.stop();
  });

  async function status(node: string, ...flags: readonly string[]) {
    return await cluster.lab.exec(node, [process.execPath, AGENT, 'status', ...flags]);
  }

  async function report(node: string): Promise<StatusReport> {
    const { stdout, stderr } = await status(node, '--json');
    if (stdout === '') throw new Error(`no status on ${node}: ${stderr}`);
    return JSON.parse(stdout) as StatusReport;
  }

  /** Waits until the reports of these nodes show what they should. */
  async function show(
    nodes: readonly string[],
    what: string,
    condition: (reports: readonly StatusReport[]) => boolean,
  ): Promise<readonly StatusReport[]> {
    return await cluster.lab.waitFor(
      async () => {
        const reports = await Promise.all(nodes.map(report));
        return condition(reports) ? reports : undefined;
      },
      { what: `the status of ${nodes.join(', ')} to show ${what}`, timeoutMs: 60_000 },
    );
  }

  const owners = ({ addresses: all }: StatusReport) =>
    new Map(all.map(({ address, owner }) => [address, owner]));
  const isOneGroup = (reports: readonly StatusReport[]) =>
    reports.every(
      ({ well, members }) => well && members.filter(({ state }) => state === 'up').length === 3,
    ) &&
    new Set(reports.map((each) => JSON.stringify([...owners(each)].sort()))).size === 1 &&
    new Set(reports.map(({ coordinator }) => coordinator?.node)).size === 1;
  const events = async (reason: string) => {
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    return items.filter((event) => event.reason === reason);
  };

  it('shows one group, one coordinator and one owner of each address on all nodes, and ends with 0', async () => {
    const reports = await show(WORKERS, 'one group that is well', isOneGroup);
    for (const { node, engine, members, addresses: all, group } of reports) {
      expect(engine.name).toBe('raft');
      expect(members.map((member) => [member.node, member.role])).toEqual(
        WORKERS.map((name) => [name, 'voter']),
      );
      expect(group).toMatchObject({ engine: 'raft', voters: WORKERS });
      expect(all.map(({ address }) => address).sort()).toEqual([...addresses.values()].sort());
      for (const { owner, here } of all) expect(here?.answering ?? false).toBe(owner === node);
    }
    const table = await status('worker1');
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toContain('worker1: well');
    for (const address of addresses.values()) expect(table.stdout).toContain(address);
  });

  it('asks another node by name and by URL', async () => {
    const { kubeconfig } = cluster.lab;
    const byName = await status('worker1', '--json', '--node', 'worker2', '--kubeconfig', kubeconfig);
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
    expect(dumped).toMatchObject({ node: 'worker2' });
    expect(Object.keys(dumped)).toEqual(Object.keys(await report('worker2')));
    expect(cluster.agentPids('worker2')).toEqual([pid]);
  });

  // The one who comes back gets nothing at first, so the coordinator has more than before when its turn comes.
  it.each(['a member', 'the coordinator'] as const)(
    'shows the failover of %s that was killed, with its phases, and tells each move once',
    async (kind) => {
      const [before] = await show(WORKERS, 'one group that is well', isOneGroup);
      const coordinator = before?.coordinator?.node ?? '';
      const lost =
        kind === 'the coordinator' ? coordinator : (WORKERS.find((name) => name !== coordinator) ?? '');
      const survivors = WORKERS.filter((name) => name !== lost);
      const moved = [...(before === undefined ? [] : owners(before))]
        .flatMap(([address, owner]) => (owner === lost ? [address] : []))
        .sort();
      expect(moved).not.toEqual([]);
      const kubelet = cluster.kubeletPids(lost);
      for (const pid of kubelet) process.kill(pid, 'SIGSTOP');
      try {
        for (const pid of cluster.agentPids(lost)) process.kill(pid, 'SIGKILL');
        for (const address of moved) await cluster.answers(address);

        const parts = (reports: readonly StatusReport[], part: string) => failoversOf(reports, part, lost);
        const after = await show(
          survivors,
          `${moved.length} addresses of ${lost} elsewhere`,
          (reports) =>
            reports.every(({ members }) => members.find(({ node }) => node === lost)?.state === 'lost') &&
            counted(parts(reports, 'owner')) === moved.length &&
            counted(parts(reports, 'coordinator')) === moved.length,
        );
        expectPhases(parts(after, 'owner'), ['detectedMs', 'placedMs', 'announcedMs', 'totalMs']);
        expectPhases(parts(after, 'coordinator'), ['detectedMs']);

        const story = new RegExp(
          `^node (\\w+) answers for (\\S+) \\(before: ${lost}; ${lost} was lost; \\d+ ms: \\d+ until noticed, .*\\)$`,
        );
        const told = await cluster.lab.waitFor(
          async () => {
            const found = (await events('AddressHeld')).flatMap(
              ({ message }) => story.exec(message ?? '') ?? [],
            );
            return found.length >= 3 * moved.length ? found : undefined;
          },
          { what: `Events about ${moved.length} addresses`, timeoutMs: 20_000 },
        );
        // Each match is the whole message, the node and the address.
        const addressesTold = told.filter((_, index) => index % 3 === 2).sort();
        expect(addressesTold).toEqual(moved);
        expect(await events('AddressDropped')).toEqual([]);
        const asked = await status(lost);
        expect(asked).toMatchObject({
          code: 2,
          stdout: '',
          stderr: expect.stringContaining('is an agent running?'),
        });
      } finally {
        for (const pid of kubelet) process.kill(pid, 'SIGCONT');
      }
      await cluster.agentsReady();
    },
  );
});
