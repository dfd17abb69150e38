// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { allocationConditionOf } from './services/conditions.ts';
import { SERVERS, tellWhatIsSkipped, until, useCluster } from './testing/servers.ts';
import { given, type Instance, type TestCluster } from './testing/test-cluster.ts';

tellWhatIsSkipped('cloud provider');

/** Promised: a repaired ConfigMap serves a waiting Service within this time. */
const REPAIR_LIMIT_MS = 1_000;

describe.each(SERVERS)('cloud provider on %s', (_name, startCluster) => {
  let cluster: TestCluster;
  let instance: Instance;

  useCluster(startCluster, (started) => {
    cluster = started;
  });
  afterEach(async () => {
    await instance.stop();
    await cluster.removeServices();
  });

  async function hasAddress(name: string, address: string): Promise<void> {
    await until(async () => expect(given(await cluster.get(name))).toBe(address));
  }

  it('gives an exposed Service its address, tells so, and takes it back', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    instance = await cluster.start();
    const name = await cluster.expose();
    await hasAddress(name, '172.18.0.200');
    expect(await cluster.get(name)).toMatchObject({
      metadata: {
        labels: { app: name, implementation: 'kube-vip' },
        annotations: { 'example.org/keep': 'yes' },
        finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
      },
      spec: { loadBalancerIP: '172.18.0.200' },
    });
    await until(async () =>
      expect([...(await cluster.events(name))].sort()).toEqual([
        'Normal EnsuredLoadBalancer: Ensured load balancer with 172.18.0.200',
        'Normal EnsuringLoadBalancer: Ensuring load balancer',
      ]),
    );
    expect(await instance.metrics()).toMatch(/fairlead_ipam_pool_free\{pool="global",family="IPv4"\} 20/);

    await cluster.edit(name, (each) => ({ ...each, spec: { ...each.spec, type: 'ClusterIP' } }));
    await until(async () => expect(given(await cluster.get(name))).toBeUndefined());
    const plain = await cluster.get(name);
    expect(plain.metadata?.labels).toEqual({ app: name });
    expect(plain.metadata?.finalizers).toBeUndefined();
    expect(plain.spec?.loadBalancerIP).toBeUndefined();

    const other = await cluster.expose();
    await hasAddress(other, '172.18.0.201');
    await cluster.admin.remove(SERVICES, { namespace: 'default', name: other });
    await until(async () => expect(await cluster.get(other).catch(ignoreNotFound)).toBeUndefined());
  });

  it.each<[string, Record<string, string> | undefined, RegExp]>([
    [
      'is not readable',
      { 'range-global': 'banana' },
      /range-global=banana: "banana" is not an address range/,
    ],
    ['is empty', { 'range-global': '' }, /range-global=: is empty/],
    ['has no pool', { 'range-other': '10.0.0.1-10.0.0.2' }, /no address pool for namespace default/],
    ['does not exist', undefined, /ConfigMap kube-system\/kubevip does not exist/],
  ])(
    'warns when the ConfigMap %s, and serves within a second of its repair',
    async (_what, data, message) => {
      await cluster.setPools(data);
      instance = await cluster.start();
      const name = await cluster.expose();
      await until(async () =>
        expect(await cluster.events(name)).toEqual([
          expect.stringMatching(/^Warning SyncLoadBalancerFailed: /),
        ]),
      );
      expect((await cluster.events(name))[0]).toMatch(message);
      expect(given(await cluster.get(name))).toBeUndefined();
      const repaired = { 'range-global': '172.18.0.200-172.18.0.201' };
      await (data === undefined ? cluster.setPools(repaired) : cluster.editPools(repaired));
      const sinceMs = performance.now();
      await hasAddress(name, '172.18.0.200');
      expect(performance.now() - sinceMs).toBeLessThan(REPAIR_LIMIT_MS);
    },
  );

  it('warns when the pool is exhausted, and serves the oldest waiter within a second', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.200' });
    instance = await cluster.start();
    const holder = await cluster.expose();
    await hasAddress(holder, '172.18.0.200');
    const waiters = [await cluster.expose(), await cluster.expose()] as const;
    for (const waiter of waiters) {
      await until(async () =>
        expect(await cluster.events(waiter)).toEqual([
          expect.stringMatching(/the only IPv4 address of range-global=172.18.0.200-172.18.0.200 .*in use/),
        ]),
      );
    }
    await cluster.admin.remove(SERVICES, { namespace: 'default', name: holder });
    const sinceMs = performance.now();
    await hasAddress(waiters[0], '172.18.0.200');
    expect(performance.now() - sinceMs).toBeLessThan(REPAIR_LIMIT_MS);
    expect(given(await cluster.get(waiters[1]))).toBeUndefined();
    await cluster.editPools({ 'range-global': '172.18.0.200-172.18.0.201' });
    await hasAddress(waiters[1], '172.18.0.201');
  });

  it('keeps a requested address, and refuses it to the next', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    instance = await cluster.start();
    const first = await cluster.expose({ loadBalancerIP: '172.18.0.210' });
    await hasAddress(first, '172.18.0.210');
    const second = await cluster.expose({ annotation: '172.18.0.210' });
    await until(async () =>
      expect((await cluster.events(second)).join()).toContain(
        `172.18.0.210 belongs to Service default/${first}`,
      ),
    );
    expect((await cluster.get(second)).metadata?.labels).not.toHaveProperty('implementation');
    await cluster.admin.remove(SERVICES, { namespace: 'default', name: first });
    await until(async () => expect((await cluster.get(second)).spec?.loadBalancerIP).toBe('172.18.0.210'));
  });

  it('keeps every address over a restart, and writes nothing', async () => {
    await cluster.setPools({ 'cidr-global': '10.30.0.0/16' });
    instance = await cluster.start();
    const names = await Promise.all(Array.from({ length: 60 }, () => cluster.expose()));
    // The condition is the last thing that is written.
    await until(async () =>
      expect(
        (await cluster.all()).filter((each) => allocationConditionOf(each)?.status === 'True'),
      ).toHaveLength(names.length),
    );
    const before = await cluster.all();
    expect(new Set(before.map(given)).size).toBe(names.length);
    await instance.stop();
    instance = await cluster.start();
    const last = await cluster.expose();
    await hasAddress(last, '10.30.0.61');
    const after = (await cluster.all()).filter((each) => each.metadata?.name !== last);
    expect(after.map((each) => each.metadata?.resourceVersion)).toEqual(
      before.map((each) => each.metadata?.resourceVersion),
    );
  });

  it('serves its class alone in class mode', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    instance = await cluster.start({ mode: { kind: 'class', name: 'kube-vip.io/kube-vip-class' } });
    const plain = await cluster.expose();
    const ours = await cluster.expose({ loadBalancerClass: 'kube-vip.io/kube-vip-class' });
    await hasAddress(ours, '172.18.0.200');
    expect(given(await cluster.get(plain))).toBeUndefined();
    await cluster.edit(ours, (each) => {
      const { loadBalancerClass: _class, ...spec } = each.spec ?? {};
      return { ...each, spec: { ...spec, type: 'ClusterIP' } };
    });
    await until(async () => expect((await cluster.get(ours)).metadata?.finalizers).toBeUndefined());
  });

  it('hands over to a standby when it stops, and when it is cut off', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    const first = await cluster.start();
    await until(async () => expect(first.provider.isLeader()).toBe(true));
    const second = await cluster.start();
    expect(second.provider.ready().every((check) => check.ok)).toBe(true);
    expect(second.provider.isLeader()).toBe(false);
    await hasAddress(await cluster.expose(), '172.18.0.200');
    await first.stop();
    await until(async () => expect(second.provider.isLeader()).toBe(true));
    await hasAddress(await cluster.expose(), '172.18.0.201');
    const third = await cluster.start();
    instance = third;
    second.cutOff();
    await until(async () =>
      expect([second, third].map((each) => each.provider.isLeader())).toEqual([false, true]),
    );
    await hasAddress(await cluster.expose(), '172.18.0.202');
  });
});

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
