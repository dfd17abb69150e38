// SPDX-License-Identifier: Apache-2.0
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborClaim, NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const LIMIT_MS = 20_000;
const NOBODYS = '172.18.0.250';
const IPV4_AND_IPV6 = { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] } as const;

/** How addresses sit on their node and are announced, as far as a user can choose or somebody can interfere. */
describe.each(['lo', 'interface'])('addresses on %s', (addressOn) => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let addresses: readonly string[];

  beforeAll(async () => {
    cluster = await Cluster.start({
      workers: 3,
      agentEnv: {
        fairlead_address_on: addressOn,
        // No node has the first; no subnet of a link holds the addresses of the second.
        vip_interface: 'ens9,eth0',
        vip_servicesinterface: 'auto',
        vip_interfaceloglobal: 'true',
        vip_skipdad: 'false',
      },
    });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.210,fd00:18::c8-fd00:18::d0' });
    await cluster.expose('both', IPV4_AND_IPV6);
    addresses = await cluster.addressesOf('both', 2);
    observer = await cluster.lab.observeNeighbors({ addresses });
    for (const address of addresses) await cluster.answers(address);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const placesOn = async (node: string) => {
    const { stdout } = await cluster.lab.exec(node, ['ip', '-o', 'address', 'show']);
    return addresses.map((address) => {
      const line = stdout.split('\n').find((each) => each.includes(` ${address}/`)) ?? '';
      const [, link = '', scope = ''] = /^\d+: (\S+).* scope (\S+)/.exec(line) ?? [];
      return { link, scope, isDuplicate: /tentative|dadfailed/.test(line) };
    });
  };

  const metric = async (node: string, name: string) => {
    const { stdout } = await cluster.lab.exec(node, ['curl', '-sf', 'http://127.0.0.1:2112/metrics']);
    return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(stdout)?.[1] ?? Number.NaN);
  };

  const mac = (node: string) => nodesOf(cluster.lab.plan).find(({ name }) => name === node)?.mac;

  const here = addressOn === 'lo' ? 'lo' : 'eth0';

  it('sit where they were told to, and nothing waits for duplicates', async () => {
    const owner = await cluster.commonOwner(observer, addresses);
    const ipv4Scope = addressOn === 'lo' ? 'global' : 'host';
    expect(await placesOn(owner)).toEqual([
      { link: here, scope: ipv4Scope, isDuplicate: false },
      { link: here, scope: 'global', isDuplicate: false },
    ]);
  });

  it('come back when somebody removes them, and answer all the while', async () => {
    const owner = await cluster.commonOwner(observer, addresses);
    for (const address of addresses) {
      const length = address.includes(':') ? 128 : 32;
      await cluster.lab.exec(owner, ['ip', 'address', 'del', `${address}/${length}`, 'dev', here]);
    }
    await cluster.lab.waitFor(async () => (await placesOn(owner)).every(({ link }) => link === here), {
      what: 'the addresses to be back',
      timeoutMs: LIMIT_MS,
    });
    for (const address of addresses) {
      await cluster.answers(address);
      expect(observer.judge({ address }).zeroOwners).toEqual([]);
    }
  });

  it('are defended against a machine that claims them, which is counted and told', async () => {
    const [address = ''] = addresses;
    const owner = await cluster.commonOwner(observer, addresses);
    expect(await metric(owner, 'fairlead_foreign_claims_total')).toBe(0);
    const sinceMs = observer.events.at(-1)?.atMs ?? 0;
    // The control plane runs no agent: its kernel speaks for what it has, and asks for others in its name.
    const run = (...argv: readonly string[]) => cluster.lab.exec('control-plane', argv);
    await run('ip', 'address', 'add', `${address}/32`, 'dev', 'eth0');
    await run('ping', '-c1', '-W1', '-I', address, NOBODYS);
    await run('ip', 'address', 'del', `${address}/32`, 'dev', 'eth0');
    await cluster.warningAbout('both', /answers for .* as well/);
    await cluster.lab.waitFor(async () => (await metric(owner, 'fairlead_foreign_claims_total')) > 0, {
      what: 'the claim to be counted',
      timeoutMs: LIMIT_MS,
    });
    // The owner speaks up on its own after the claim, and has the last word.
    const [first = 0] = observer.events.flatMap((event) =>
      isClaimOf(event, address) && event.atMs > sinceMs && event.mac !== mac(owner) ? [event.atMs] : [],
    );
    expect(first).toBeGreaterThan(0);
    const defence = observer.events.filter(
      (event) => event.kind === 'announcement' && isClaimOf(event, address) && event.atMs > first,
    );
    expect(defence.flatMap((event) => ('mac' in event ? event.mac : []))).toContain(mac(owner));
    await cluster.lab.waitFor(() => observer.ownerOf(address) === mac(owner), {
      what: 'the last word of the owner',
      timeoutMs: LIMIT_MS,
    });
    await cluster.answers(address);
  });

  it('are swept at the next start when their agent was killed', async () => {
    const owner = await cluster.commonOwner(observer, addresses);
    for (const pid of cluster.agentPids(owner)) process.kill(pid, 'SIGKILL');
    await cluster.commonOwner(observer, addresses, owner);
    await cluster.agentsReady();
    await cluster.lab.waitFor(async () => (await placesOn(owner)).every(({ link }) => link === ''), {
      what: `no address of ours on ${owner}`,
      timeoutMs: LIMIT_MS,
    });
    for (const address of addresses) await cluster.answers(address);
  });
});

function isClaimOf(event: NeighborEvent, address: string): event is NeighborClaim {
  return 'mac' in event && event.address === address;
}
