// SPDX-License-Identifier: Apache-2.0
import { CONDITION, IMPLEMENTATION_KUBE_VIP } from '@fairlead/shared/kubernetes/contract.ts';
import type { Condition, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

const ASKED = '172.18.0.190';
const RANGE = '172.18.0.180-172.18.0.199';
/** An address counts as abandoned when nobody answered for it this long, asked 25 times a second. */
const SILENCE_MS = 1_000;

const http = (port: number) => [{ name: 'http', port, targetPort: 80 }];
const asking = (address: string) => ({ 'kube-vip.io/loadbalancerIPs': address });

/** What the cloud provider decides, down to the wire: who gets an address, who does not, who shares one. */
describe('addresses', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let watched: string[];

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3 });
  });

  beforeEach(async () => {
    await cluster.setPools({ 'range-global': RANGE });
    observer = await cluster.lab.observeNeighbors();
    watched = [];
  });

  afterEach(async () => {
    await observer.stop();
    for (const address of watched) {
      expect(observer.judge({ address }).longestTwoOwnersMs, `two owners of ${address}`).toBe(0);
    }
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('asked for by two are the older one’s; the other one gets them when that has gone', async () => {
    watch(ASKED);
    await cluster.expose('older', { ports: http(80) }, asking(ASKED));
    await cluster.answers(ASKED, 80);
    await cluster.expose('younger', { ports: http(8080) }, asking(ASKED));
    const refusal = await until('younger', (service) => conditionOf(service)?.status === 'False');
    expect(conditionOf(refusal)).toMatchObject({
      reason: 'AddressConflict',
      message: expect.stringContaining(`${ASKED} belongs to Service default/older`),
    });
    await cluster.warningAbout('younger', new RegExp(`no node answers for ${ASKED}`));
    await until('younger', ({ status }) => (status?.loadBalancer?.ingress ?? []).length === 0);
    await isSilent(ASKED, 8080);
    await cluster.answers(ASKED, 80);
    const { zeroOwners } = observer.judge({ address: ASKED });
    expect(zeroOwners).toEqual([]);

    await cluster.remove('older');
    await until('younger', (service) => conditionOf(service)?.status === 'True');
    await cluster.answers(ASKED, 8080);
    expect(await cluster.addressOf('younger')).toBe(ASKED);
    await isSilent(ASKED, 80);
    await cluster.remove('younger');
  });

  it('go from the nodes and from the Service when its type becomes ClusterIP', async () => {
    await cluster.expose('plain');
    const address = await cluster.addressOf('plain');
    watch(address);
    await cluster.answers(address);
    await cluster.commonOwner(observer, [address]);
    const ref = { namespace: 'default', name: 'plain' };
    const before = await until('plain', (service) => conditionOf(service)?.status === 'True');
    expect(traces(before)).toMatchObject({
      annotations: expect.arrayContaining(['kube-vip.io/loadbalancerIPs']),
      label: true,
      finalizers: [expect.any(String)],
      address,
      ingress: [{ ip: address }],
      condition: { status: 'True' },
    });
    await cluster.client.patch(SERVICES, ref, { spec: { type: 'ClusterIP' } }, { type: 'merge' });
    const nothing = {
      annotations: [],
      label: false,
      finalizers: [],
      address: undefined,
      ingress: [],
      condition: undefined,
    };
    await cluster.lab.waitFor(
      async () => JSON.stringify(traces(await cluster.client.get(SERVICES, ref))) === JSON.stringify(nothing),
      { what: 'no trace of the address on the Service', timeoutMs: 20_000 },
    );
    for (const { name: node } of nodesOf(cluster.lab.plan)) {
      await cluster.lab.waitFor(async () => !(await cluster.addressesOnLo(node)).join().includes(address), {
        what: `${address} to be off ${node}`,
        timeoutMs: 20_000,
      });
    }
    await cluster.lab.waitFor(() => silentAtTheEndMs(address) >= SILENCE_MS, {
      what: `nobody to answer for ${address}`,
      timeoutMs: 20_000,
    });
    await cluster.remove('plain');
  });

  it('are shared by Services with different ports, and each of them answers', async () => {
    await cluster.setPools({ 'range-global': RANGE, 'allow-share-global': 'true' });
    await cluster.expose('web', { ports: http(80) });
    const address = await cluster.addressOf('web');
    watch(address);
    await cluster.expose('secure', { ports: http(443) });
    expect(await cluster.addressOf('secure')).toBe(address);
    await cluster.answers(address, 80);
    await cluster.answers(address, 443);
    await cluster.commonOwner(observer, [address]);
    // The port is taken: the third one gets an address of its own.
    await cluster.expose('other', { ports: http(443) });
    const elsewhere = await cluster.addressOf('other');
    expect(elsewhere).not.toBe(address);
    await cluster.answers(elsewhere, 443);
    await cluster.remove('web');
    await isSilent(address, 80);
    await cluster.answers(address, 443);
    expect(observer.judge({ address }).zeroOwners).toEqual([]);
    for (const name of ['secure', 'other']) await cluster.remove(name);
  });

  function watch(address: string): void {
    watched.push(address);
    observer.watch(address);
  }

  async function until(name: string, condition: (service: Service) => boolean): Promise<Service> {
    return await cluster.stage.until(SERVICES, { namespace: 'default', name }, condition, 20_000);
  }

  /** Waits until the client gets no answer from the port. */
  async function isSilent(address: string, port: number): Promise<void> {
    const url = `http://${address}:${port}/`;
    await cluster.lab.waitFor(
      async () =>
        (await cluster.lab.exec('client', ['curl', '-sf', '-o', '/dev/null', '-m', '0.5', url])).code !== 0,
      { what: `no answer from ${url}`, timeoutMs: 20_000 },
    );
  }

  /** How long nobody has answered for the address now. */
  function silentAtTheEndMs(address: string): number {
    const last = observer.judge({ address }).zeroOwners.at(-1);
    if (last === undefined) return 0;
    // A span begins with the last question that was answered.
    const { answered } = observer.judge({ address, sinceMs: last.fromMs + 1 });
    return answered === 0 ? last.toMs - last.fromMs : 0;
  }
});

function conditionOf({ status }: Service): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === CONDITION.addressAllocated);
}

/** All that the cloud provider and the agents write about an address, but for the node that had it last. */
function traces(service: Service): Readonly<Record<string, unknown>> {
  const { metadata, spec, status } = service;
  return {
    annotations: Object.keys(metadata?.annotations ?? {}).filter(
      (key) => key === 'kube-vip.io/loadbalancerIPs' || key.startsWith('fairlead.io/'),
    ),
    label: metadata?.labels?.implementation === IMPLEMENTATION_KUBE_VIP,
    finalizers: metadata?.finalizers ?? [],
    address: spec?.loadBalancerIP,
    ingress: status?.loadBalancer?.ingress ?? [],
    condition: conditionOf(service),
  };
}
