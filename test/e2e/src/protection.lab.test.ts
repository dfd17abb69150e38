// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { CLIENT, hostOf, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const NAME = 'shop';
const LIMIT_MS = 20_000;

/** What Services say about protection is followed by running agents, judged by the client. */
describe('protection of a Service', () => {
  let cluster: Cluster;
  let address: string;

  beforeAll(async () => {
    const agentEnv = {
      fairlead_balance: 'nftables',
      fairlead_engine: 'lease',
      enable_service_security: 'true',
    };
    cluster = await Cluster.start({ workers: 2, agentEnv });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose(NAME);
    address = await cluster.addressOf(NAME);
    await cluster.answers(address);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const patch = (body: unknown) =>
    cluster.client.patch(SERVICES, { namespace: 'default', name: NAME }, body, { type: 'merge' });
  /** What curl says: 0 for an answer, 7 for a refusal, 28 for silence. */
  const visit = async (port = 80) =>
    (await cluster.lab.exec('client', ['curl', '-fsS', '-m', '1', `http://${address}:${port}/`])).code;
  const becomes = (code: number) =>
    cluster.lab.waitFor(async () => (await visit()) === code, {
      what: `curl to end with ${code}`,
      timeoutMs: LIMIT_MS,
    });
  const metrics = async (name: string) => {
    const workers = nodesOf(cluster.lab.plan).filter(({ role }) => role === 'worker');
    const pages = await Promise.all(
      workers.map(({ name: node }) =>
        cluster.lab.exec(node, ['curl', '-fsS', 'http://127.0.0.1:2112/metrics']),
      ),
    );
    const lines = pages.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

  it('closes the other ports of the address, ping included', async () => {
    await becomes(0);
    expect(await visit(2112)).toBe(28);
    expect((await cluster.lab.exec('client', ['ping', '-c', '1', '-W', '1', address])).code).toBe(1);
    expect(
      await metrics('fairlead_protection_dropped_packets_total{service="",reason="closed-port"}'),
    ).toBeGreaterThan(0);
  });

  it('follows source ranges', async () => {
    await patch({ spec: { loadBalancerSourceRanges: ['192.0.2.0/24'] } });
    await becomes(28);
    const dropped = `fairlead_protection_dropped_packets_total{service="default/${NAME}",reason="outside-ranges"}`;
    expect(await metrics(dropped)).toBeGreaterThan(0);
    await patch({ spec: { loadBalancerSourceRanges: ['192.0.2.0/24', '172.18.0.0/16'] } });
    await becomes(0);
    await patch({ spec: { loadBalancerSourceRanges: null } });
    await becomes(0);
  });

  it('lets the SYN proxy answer, and pods on all nodes be reached through it', async () => {
    await patch({ metadata: { annotations: { [ANNOTATION.synProxy]: 'always' } } });
    const answered = `fairlead_protection_proxied_packets_total{service="default/${NAME}"}`;
    await cluster.lab.waitFor(async () => (await visit()) === 0 && (await metrics(answered)) > 0, {
      what: 'an answer through the SYN proxy',
      timeoutMs: LIMIT_MS,
    });
    const prober = await cluster.lab.probeTcp({ target: `${address}:80`, count: 30, timeoutMs: 5_000 });
    const samples = await prober.finished();
    expect(samples.filter(({ ok }) => ok)).toHaveLength(30);
    expect(new Set(samples.map(({ pod }) => pod)).size).toBe(3);
  });

  it('guards with direct return as well, where it says that there can be no SYN proxy', async () => {
    await patch({ metadata: { annotations: { [ANNOTATION.forwarding]: 'dsr' } } });
    const event = await cluster.warningAbout(NAME, /forwarding is dsr/);
    expect(event.reason).toBe('ProtectionUnavailable');
    await becomes(0);
    const blocked = `fairlead_protection_dropped_packets_total{service="default/${NAME}",reason="blocked"}`;
    const client = hostOf(cluster.lab.plan, CLIENT).ipv4;
    await patch({ metadata: { annotations: { [ANNOTATION.blockSources]: client } } });
    await becomes(28);
    expect(await metrics(blocked)).toBeGreaterThan(0);
    const nothing = { [ANNOTATION.blockSources]: null, [ANNOTATION.forwarding]: null };
    await patch({ metadata: { annotations: nothing } });
    await becomes(0);
  });

  it('tells what cannot be read, and goes on with the rest', async () => {
    await patch({ metadata: { annotations: { [ANNOTATION.connectionsPerSource]: 'many' } } });
    const event = await cluster.warningAbout(NAME, /many/);
    expect(event.reason).toBe('ProtectionInvalid');
    await becomes(0);
  });

  it('leaves nothing behind', async () => {
    await cluster.remove(NAME);
    const workers = nodesOf(cluster.lab.plan).filter(({ role }) => role === 'worker');
    for (const { name } of workers) {
      await cluster.lab.waitFor(
        async () =>
          !(await cluster.lab.exec(name, ['nft', 'list', 'tables'])).stdout.includes('fairlead_protection'),
        { what: `no table that protects on ${name}`, timeoutMs: LIMIT_MS },
      );
    }
  });
});
