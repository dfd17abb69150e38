// SPDX-License-Identifier: Apache-2.0
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const HWADDR = 'kube-vip.io/hwaddr';
const REQUESTED = 'kube-vip.io/requestedIP';
const LEASE = 'fairlead.io/dhcp-lease';
const BOTH = { 'kube-vip.io/loadbalancerIPs': '0.0.0.0, ::' };
const DUAL = { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] };

/** Services whose addresses come from a DHCP server on the network, whichever engine decides who owns them. */
describe.each(['raft', 'lease'])('DHCP with the %s engine', (engine) => {
  let cluster: Cluster;
  let server: LabProcess;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_engine: engine } });
    await cluster.setPools({ 'cidr-global': '0.0.0.0/32' });
    server = startServer();
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const leasesFile = () => join(cluster.lab.workDir, 'dnsmasq.leases');

  function startServer(range = '172.18.7'): LabProcess {
    return cluster.lab.spawn('client', [
      'dnsmasq',
      '--no-daemon',
      '--conf-file=/dev/null',
      '--port=0',
      '--interface=eth0',
      '--bind-interfaces',
      '--no-ping',
      '--dhcp-authoritative',
      `--dhcp-leasefile=${leasesFile()}`,
      `--dhcp-range=${range}.1,${range}.250,255.255.0.0,2m`,
      '--dhcp-range=fd00:18::700,fd00:18::7ff,64,2m',
    ]);
  }

  /** Waits for the agent's word in the conditions; its reason. */
  const announced = async (name: string, status: 'True' | 'False') =>
    await cluster.lab.waitFor(
      async () => {
        const service = await cluster.client.get(SERVICES, { namespace: 'default', name });
        const condition = service.status?.conditions?.find(
          ({ type }) => type === 'fairlead.io/AddressAnnounced',
        );
        return condition?.status === status ? condition.reason : undefined;
      },
      { what: `the condition AddressAnnounced=${status} on Service ${name}`, timeoutMs: 20_000 },
    );

  const annotationsOf = async (name: string) => {
    const service = await cluster.client.get(SERVICES, { namespace: 'default', name });
    return service.metadata?.annotations ?? {};
  };

  it('gives a Service of the pool 0.0.0.0/32 an address, and takes it back with the Service', async () => {
    await cluster.expose('pooled');
    const address = await cluster.addressOf('pooled');
    expect(address).toMatch(/^172\.18\.7\./);
    await cluster.answers(address);
    expect(readFileSync(leasesFile(), 'utf8')).toContain(address);
    await cluster.remove('pooled');
    await cluster.lab.waitFor(() => !readFileSync(leasesFile(), 'utf8').includes(address), {
      what: `the DHCP server to have ${address} back`,
      timeoutMs: 20_000,
    });
  });

  it('keeps both addresses when their node is lost', async () => {
    await cluster.expose('both', DUAL, BOTH);
    const addresses = await cluster.addressesOf('both', 2);
    expect(addresses.map((address) => address.includes(':'))).toEqual([false, true]);
    for (const address of addresses) await cluster.answers(address);
    const noted = await cluster.lab.waitFor(
      async () => {
        const annotations = await annotationsOf('both');
        return annotations[LEASE] === undefined ? undefined : annotations;
      },
      { what: 'the leases to be noted on the Service', timeoutMs: 20_000 },
    );
    expect(noted[REQUESTED]).toBe(addresses.join(','));
    expect(readFileSync(leasesFile(), 'utf8')).toContain(noted[HWADDR]);
    const observer = await cluster.lab.observeNeighbors({ addresses });
    const owner = await cluster.commonOwner(observer, addresses);
    await cluster.lab.partition(owner);
    try {
      await cluster.commonOwner(observer, addresses, owner);
      for (const address of addresses) await cluster.answers(address);
    } finally {
      await cluster.lab.heal(owner);
    }
    expect(await cluster.addressesOf('both', 2)).toEqual(addresses);
    expect((await annotationsOf('both'))[HWADDR]).toBe(noted[HWADDR]);
    await cluster.agentsReady();
    await observer.stop();
    for (const address of addresses) expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    await cluster.remove('both');
  });

  it('follows the server when it refuses the address after a failover', async () => {
    await cluster.expose('moved');
    const address = await cluster.addressOf('moved');
    await cluster.answers(address);
    const observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    const owner = await cluster.commonOwner(observer, [address]);
    await server.stop();
    rmSync(leasesFile());
    server = startServer('172.18.8');
    for (const pid of cluster.agentPids(owner)) process.kill(pid, 'SIGKILL');
    const next = await cluster.lab.waitFor(
      async () => {
        const service = await cluster.client.get(SERVICES, { namespace: 'default', name: 'moved' });
        const [ingress] = service.status?.loadBalancer?.ingress ?? [];
        return ingress?.ip?.startsWith('172.18.8.') ? ingress.ip : undefined;
      },
      { what: 'an address of the new range in the status', timeoutMs: 30_000 },
    );
    await cluster.answers(next);
    // Nobody answers for the old one any more, the dead agent's node least of all.
    const asked = await cluster.lab.exec('client', ['ping', '-c', '1', '-W', '1', address]);
    expect(asked.code).not.toBe(0);
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    await cluster.agentsReady();
    await cluster.remove('moved');
    await server.stop();
    server = startServer();
  });

  it('tells when no server answers, and goes on when one does', async () => {
    await server.stop();
    await cluster.expose('waiting', {}, { [HWADDR]: '02:00:5e:10:00:77', [REQUESTED]: '172.18.7.77' });
    await cluster.warningAbout('waiting', /no DHCPv4 server answers on link eth0/);
    expect(await announced('waiting', 'False')).toBe('DhcpNoLease');
    server = startServer();
    expect(await cluster.addressOf('waiting')).toBe('172.18.7.77');
    expect(await announced('waiting', 'True')).toBe('AddressHeld');
    await cluster.answers('172.18.7.77');
    expect(readFileSync(leasesFile(), 'utf8')).toContain('02:00:5e:10:00:77 172.18.7.77');
    await cluster.remove('waiting');
  });
});
