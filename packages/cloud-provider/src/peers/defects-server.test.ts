// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SERVERS, until, useCluster } from '../testing/servers.ts';
import { given, type Instance, TestCluster } from '../testing/test-cluster.ts';

/*
 * The weak spots of kube-vip-cloud-provider that show only with an API server, by their number in our register, each as a
 * case that its behaviour fails. Also against a real server when KUBEBUILDER_ASSETS names one.
 */

const CLASS = 'kube-vip.io/kube-vip-class';
const CLASS_MODE = { mode: { kind: 'class', name: CLASS } } as const;
const CONFIG_MAP = { namespace: 'kube-system', name: 'kubevip' };
/** Far below the 5 to 300 s (1000 s in class mode) after which the peer looks again. */
const WAKE_UP_LIMIT_MS = 1_000;

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

describe.each(SERVERS)('on %s', (_name, startCluster) => {
  let cluster: TestCluster;
  let instances: Instance[] = [];

  useCluster(startCluster, (started) => {
    cluster = started;
  });
  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.stop();
    instances = [];
    await cluster.removeServices();
  });

  async function start(special: Parameters<TestCluster['start']>[0] = {}): Promise<Instance> {
    const instance = await cluster.start(special);
    instances.push(instance);
    return instance;
  }

  function hasAddress(name: string, address: string): Promise<void> {
    return until(async () => expect(given(await cluster.get(name))).toBe(address));
  }

  function isGone(name: string): Promise<void> {
    return until(async () => expect(await cluster.get(name).catch(ignoreNotFound)).toBeUndefined());
  }

  async function remove(name: string): Promise<void> {
    await cluster.admin.remove(SERVICES, { namespace: 'default', name });
  }

  /** As `kubectl edit` would: the class cannot stay when the type goes. */
  function toClusterIP(name: string): Promise<void> {
    return cluster.edit(name, (each) => {
      const { loadBalancerClass: _class, ...spec } = each.spec ?? {};
      return { ...each, spec: { ...spec, type: 'ClusterIP' } };
    });
  }

  describe('C8: in class mode a Service that is no LoadBalancer any more keeps its finalizer and can never be deleted', () => {
    it('while the cloud provider runs', async () => {
      await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.201' });
      await start(CLASS_MODE);
      const name = await cluster.expose({ loadBalancerClass: CLASS });
      await hasAddress(name, '172.18.0.200');
      await toClusterIP(name);
      await until(async () => {
        const { metadata, spec } = await cluster.get(name);
        expect(metadata?.finalizers).toBeUndefined();
        expect(metadata?.labels).not.toHaveProperty('implementation');
        expect(spec?.loadBalancerIP).toBeUndefined();
      });
      await remove(name);
      await isGone(name);
    });

    it('while the cloud provider is away, deleted meanwhile', async () => {
      await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.201' });
      const first = await start(CLASS_MODE);
      const name = await cluster.expose({ loadBalancerClass: CLASS });
      await hasAddress(name, '172.18.0.200');
      await first.stop();
      await toClusterIP(name);
      await remove(name);
      expect((await cluster.get(name)).metadata?.deletionTimestamp).toBeDefined();
      await start(CLASS_MODE);
      await isGone(name);
    });
  });

  describe('C9: Events of class mode are seen by nobody', () => {
    it('a Service that was served', async () => {
      await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.201' });
      await start(CLASS_MODE);
      const name = await cluster.expose({ loadBalancerClass: CLASS });
      await until(async () =>
        expect([...(await cluster.events(name))].sort()).toEqual([
          expect.stringMatching(/^Normal EnsuredLoadBalancer: .*172\.18\.0\.200/),
          expect.stringMatching(/^Normal EnsuringLoadBalancer: /),
        ]),
      );
    });

    it('a Service that was not', async () => {
      await cluster.setPools({ 'range-other': '172.18.0.200-172.18.0.201' });
      await start(CLASS_MODE);
      const name = await cluster.expose({ loadBalancerClass: CLASS });
      await until(async () =>
        expect((await cluster.events(name)).join()).toMatch(
          /^Warning SyncLoadBalancerFailed: .*no address pool.* namespace default/,
        ),
      );
    });
  });

  it('C11: two workers, or an old leader, choose the same address', async () => {
    const COUNT = 60;
    await cluster.setPools({ 'range-global': `10.0.0.1-10.0.0.${COUNT}` });
    const services = createReflector<Service>({
      client: cluster.admin,
      resource: SERVICES,
      namespace: 'default',
      logger: silentLogger,
      clock: systemClock,
    });
    const twins: string[] = [];
    const holders = new Map<string, string>();
    services.subscribe(({ type, object }) => {
      const { name = '' } = object.metadata ?? {};
      const address = given(object);
      if (address === undefined || type === 'deleted') return;
      const holder = holders.get(address) ?? name;
      if (holder !== name) twins.push(`${address} of ${holder} was given to ${name}`);
      holders.set(address, name);
    });
    services.start();
    // Before there is a leader, so that many workers choose at the same time.
    const names = await Promise.all(Array.from({ length: COUNT }, () => cluster.expose()));
    const first = await start();
    const second = await start();
    // A user who edits the same Services brings about conflicts; the leader leaves in the middle.
    const edits = names.map((name) =>
      cluster
        .edit(name, (each) => ({
          ...each,
          metadata: { ...each.metadata, labels: { ...each.metadata?.labels, edited: 'yes' } },
        }))
        .catch(() => undefined),
    );
    await until(async () => expect(holders.size).toBeGreaterThan(5));
    await (first.provider.isLeader() ? first : second).stop();
    await Promise.all(edits);
    await until(async () => {
      const addresses = (await cluster.all()).map(given).filter((address) => address !== undefined);
      expect(addresses).toHaveLength(COUNT);
      // The watch is behind the list.
      expect(holders.size).toBe(COUNT);
    }, 20_000);
    await services.stop();
    expect(twins).toEqual([]);
  }, 40_000);

  describe('C13: who waits is not woken', () => {
    async function servedInTime(name: string, act: () => Promise<void>, address: string): Promise<void> {
      await until(async () => expect(await cluster.events(name)).not.toEqual([]));
      expect(given(await cluster.get(name))).toBeUndefined();
      await act();
      const sinceMs = performance.now();
      await hasAddress(name, address);
      expect(performance.now() - sinceMs).toBeLessThan(WAKE_UP_LIMIT_MS);
    }

    it.each([
      ['default mode', {}, {}],
      ['class mode', CLASS_MODE, { loadBalancerClass: CLASS }],
    ] as const)(
      'by a released address, a larger pool, and a first ConfigMap: %s',
      async (_what, special, traits) => {
        await cluster.setPools(undefined);
        await start(special);
        const first = await cluster.expose(traits);
        await servedInTime(
          first,
          () => cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.200' }),
          '172.18.0.200',
        );
        const second = await cluster.expose(traits);
        await servedInTime(second, () => remove(first), '172.18.0.200');
        const third = await cluster.expose(traits);
        const grow = () => cluster.editPools({ 'range-global': '172.18.0.200-172.18.0.201' });
        await servedInTime(third, grow, '172.18.0.201');
      },
    );
  });

  it('C19: a ConfigMap that is missing is created', async () => {
    await cluster.setPools(undefined);
    await start();
    const name = await cluster.expose();
    await until(async () => expect((await cluster.events(name)).join()).toContain('kubevip does not exist'));
    expect(await cluster.admin.get(CONFIG_MAPS, CONFIG_MAP).catch(ignoreNotFound)).toBeUndefined();
  });
});

describe('counted by the embedded API server', () => {
  let cluster: TestCluster;
  let instance: Instance;
  beforeAll(async () => {
    cluster = await TestCluster.embedded();
  });
  afterAll(() => cluster.close());
  afterEach(() => instance.stop());

  it('C14: each allocation lists all Services', async () => {
    await cluster.setPools({ 'cidr-global': '10.30.0.0/16' });
    instance = await cluster.start();
    await vi.waitFor(() => expect(instance.provider.isLeader()).toBe(true));
    const BATCH = 30;
    /** Requests for one more batch, by kind. */
    const cost = async (known: number) => {
      const before = cluster.requests.length;
      await Promise.all(Array.from({ length: BATCH }, () => cluster.expose()));
      // The test lists Services by itself: it waits by reading metrics instead.
      await vi.waitFor(
        async () => expect(await instance.metrics()).toContain(`origin="pool"} ${known + BATCH}`),
        { timeout: 10_000 },
      );
      const made = cluster.requests.slice(before);
      const count = (request: string) => made.filter((each) => each === request).length;
      return {
        lists: count('list services') + count('list configmaps'),
        gets: count('get services') + count('get configmaps'),
        updates: count('update services'),
        statuses: count('update services/status'),
      };
    };
    const first = await cost(0);
    expect(first).toMatchObject({ lists: 0, gets: 0, updates: BATCH });
    expect(first.statuses).toBeLessThanOrEqual(BATCH);
    for (let known = BATCH; known < 4 * BATCH; known += BATCH) {
      expect(await cost(known)).toMatchObject({ lists: 0, gets: 0, updates: BATCH });
    }
  });

  it('C19: an error in reading the ConfigMap leads to creating one', async () => {
    await cluster.setPools(undefined);
    cluster.faults?.setRules([{ select: { resources: ['configmaps'] }, status: 500, rate: 0.5 }], 3);
    const before = cluster.requests.length;
    instance = await cluster.start();
    const name = await cluster.expose();
    await until(async () => expect((await cluster.events(name)).join()).toContain('kubevip does not exist'));
    cluster.faults?.setRules([], 3);
    expect(
      cluster.requests.slice(before).filter((each) => /^(create|update|patch) configmaps$/.test(each)),
    ).toEqual([]);
  });
});
