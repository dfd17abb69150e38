// SPDX-License-Identifier: Apache-2.0
import { isConflict } from '@fairlead/shared/kubernetes/client.ts';
import type { CoreEvent, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { EVENTS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { allocationConditionOf } from './services/conditions.ts';
import { tracesOf } from './services/testing/traces.ts';
import { SERVERS, tellWhatIsSkipped, until, useCluster } from './testing/servers.ts';
import { given, type Instance, type TestCluster } from './testing/test-cluster.ts';

/*
 * What stands in a Service from its first address to its last trace, on API servers: they clear, keep and refuse parts of a
 * Service by rules of their own when its type changes.
 */

tellWhatIsSkipped('life of a Service');

const FIRST = '172.18.0.200';

describe.each(SERVERS)('the life of a Service on %s', (_name, startCluster) => {
  let cluster: TestCluster;
  let instance: Instance;

  useCluster(startCluster, (started) => {
    cluster = started;
  });
  afterEach(async () => {
    for (const each of await cluster.all()) {
      await cluster.admin.remove(SERVICES, { namespace: 'default', name: each.metadata?.name ?? '' });
    }
    await until(async () => expect(await cluster.all()).toEqual([]));
    await instance.stop();
  });

  async function start(data: Record<string, string> = { 'range-global': `${FIRST}-172.18.0.209` }) {
    await cluster.setPools(data);
    instance = await cluster.start();
  }

  async function says(name: string, text: string | undefined, verdict: string): Promise<void> {
    await until(async () => {
      const service = await cluster.get(name);
      const condition = allocationConditionOf(service);
      expect([given(service), `${condition?.status} ${condition?.reason}`]).toEqual([text, verdict]);
    });
  }

  async function isClean(name: string): Promise<void> {
    await until(async () => expect(tracesOf(await cluster.get(name))).toEqual([]));
  }

  /** Changes the type, and the class along with it. */
  async function turn(name: string, type: string, loadBalancerClass?: string): Promise<void> {
    await retried(() =>
      cluster.edit(name, (each) => ({
        ...each,
        spec: { ...each.spec, type, ...(loadBalancerClass !== undefined && { loadBalancerClass }) },
      })),
    );
  }

  it('is told in its status, and leaves nothing in it', async () => {
    await start();
    const name = await cluster.expose();
    await says(name, FIRST, 'True Allocated');
    await turn(name, 'ClusterIP');
    await isClean(name);
    expect((await cluster.get(name)).metadata?.annotations).toEqual({ 'example.org/keep': 'yes' });
    await turn(name, 'LoadBalancer');
    await says(name, '172.18.0.201', 'True Allocated');
  });

  it('goes on when the type changes away and back at once', async () => {
    await start();
    const name = await cluster.expose();
    await says(name, FIRST, 'True Allocated');
    for (let i = 0; i < 10; i++) await turn(name, i % 2 === 0 ? 'NodePort' : 'LoadBalancer');
    await until(async () => {
      const service = await cluster.get(name);
      expect(allocationConditionOf(service)?.message).toBe(`has ${given(service)} from pool global`);
      expect(service.spec?.loadBalancerIP).toBe(given(service));
    });
  });

  it('ends for us when another class takes the Service, seen or not', async () => {
    await start();
    const name = await cluster.expose();
    await says(name, FIRST, 'True Allocated');
    await instance.stop();
    await turn(name, 'ClusterIP');
    await turn(name, 'LoadBalancer', 'example.org/other');
    instance = await cluster.start();
    await isClean(name);
    expect((await cluster.get(name)).spec?.loadBalancerClass).toBe('example.org/other');
  });

  it('is not disturbed by an agent that writes the status all the time', async () => {
    await start({ 'range-global': `${FIRST}-172.18.0.229` });
    const names = await Promise.all(Array.from({ length: 20 }, () => cluster.expose()));
    let writes = 0;
    const announce = async (name: string): Promise<void> => {
      const service = await cluster.get(name);
      const ip = given(service);
      if (ip === undefined) return;
      const status = { ...service.status, loadBalancer: { ingress: [{ ip, ports: [] }] } };
      await cluster.admin.replace(
        SERVICES,
        {
          ...service,
          metadata: { ...service.metadata, labels: { beat: String(writes++) } },
          status,
        } as Service,
        { subresource: 'status' },
      );
    };
    const limitMs = performance.now() + 1_000;
    while (performance.now() < limitMs) {
      await Promise.all(names.map((name) => announce(name).catch(ignoreConflict)));
    }
    // Each round took our label away, and it was put back.
    for (const name of names) {
      await until(async () => {
        const service = await cluster.get(name);
        // Those that were never without a conflict so far.
        if (service.status?.loadBalancer?.ingress === undefined) await announce(name).catch(ignoreConflict);
        expect(allocationConditionOf(service)).toMatchObject({ status: 'True' });
        expect(service.metadata?.labels?.implementation).toBe('kube-vip');
        expect(service.status?.loadBalancer?.ingress?.[0]?.ip).toBe(given(service));
      });
    }
    expect(writes).toBeGreaterThan(20);
  }, 30_000);

  it('tells of mistyped keys by Events on the ConfigMap', async () => {
    await start({ 'range-global': `${FIRST}-172.18.0.209`, 'serch-order': 'desc' });
    await until(async () => {
      const fieldSelector = 'involvedObject.kind=ConfigMap,involvedObject.name=kubevip';
      const { items } = await cluster.admin.list<CoreEvent>(EVENTS, {
        namespace: 'kube-system',
        fieldSelector,
      });
      const texts = items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
      expect(texts).toEqual([expect.stringMatching(/^Warning UnknownKey: serch-order=desc: .*search-order/)]);
    });
    expect(await instance.metrics()).toContain('fairlead_ipam_config_unknown_keys 1\n');
  });
});

async function retried(deed: () => Promise<void>): Promise<void> {
  for (;;) {
    const done = await deed().then(() => true, ignoreConflict);
    if (done === true) return;
  }
}

function ignoreConflict(error: unknown): undefined {
  if (!isConflict(error)) throw error;
}
