// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import type { ConfigMap } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, NAMESPACES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { SERVERS, tellWhatIsSkipped, until, useCluster } from '../testing/servers.ts';
import { given, type Instance, type TestCluster } from '../testing/test-cluster.ts';

tellWhatIsSkipped('lists for balancers');

const ENABLED = { writeServiceConfigMaps: true } as const;

describe.each(SERVERS)('lists for balancers on %s', (_name, startCluster) => {
  let cluster: TestCluster;
  let instance: Instance;

  useCluster(startCluster, (started) => {
    cluster = started;
  });
  afterEach(async () => {
    await instance.stop();
    await cluster.removeServices();
    for (const namespace of ['default', 'kube-system']) {
      await cluster.admin.remove(CONFIG_MAPS, { namespace, name: 'plndr' }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  });

  const configMap = async (namespace = 'default'): Promise<ConfigMap | undefined> => {
    try {
      return await cluster.admin.get(CONFIG_MAPS, { namespace, name: 'plndr' });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const listed = async (namespace?: string): Promise<unknown> => {
    const text = (await configMap(namespace))?.data?.['plndr-services'];
    return text === undefined ? undefined : (JSON.parse(text) as { services: unknown }).services;
  };
  const entryOf = async (serviceName: string, vip: string, port = 80) => {
    const { metadata } = await cluster.get(serviceName);
    return { vip, port, type: 'TCP', uid: metadata?.uid, serviceName };
  };

  it('follow the Services of the namespace, and keep what else is in the ConfigMap', async () => {
    await cluster.setPools({ 'range-global': '10.0.0.1-10.0.0.9' });
    const metadata = { namespace: 'default', name: 'plndr', labels: { keep: 'this' } };
    await cluster.admin.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { a: 'b' },
    });
    instance = await cluster.start(ENABLED);
    const first = await cluster.expose();
    await until(async () => expect(await listed()).toEqual([await entryOf(first, '10.0.0.1')]));
    const second = await cluster.expose();
    await until(async () =>
      expect(await listed()).toEqual([await entryOf(first, '10.0.0.1'), await entryOf(second, '10.0.0.2')]),
    );
    await cluster.edit(first, (each) => ({
      ...each,
      spec: { ...each.spec, ports: [{ port: 8080, protocol: 'TCP' }] },
    }));
    await until(async () =>
      expect(await listed()).toEqual([
        await entryOf(first, '10.0.0.1', 8080),
        await entryOf(second, '10.0.0.2'),
      ]),
    );
    await cluster.edit(first, (each) => ({ ...each, spec: { ...each.spec, type: 'ClusterIP' } }));
    await until(async () => expect(await listed()).toEqual([await entryOf(second, '10.0.0.2')]));
    await cluster.admin.remove(SERVICES, { namespace: 'default', name: second });
    await until(async () => expect(await listed()).toEqual([]));
    expect(await configMap()).toMatchObject({ metadata: { labels: { keep: 'this' } }, data: { a: 'b' } });
  });

  it('are repaired when somebody edits or removes them, and corrected after an absence', async () => {
    await cluster.setPools({ 'range-global': '10.0.0.1-10.0.0.9' });
    instance = await cluster.start(ENABLED);
    const name = await cluster.expose();
    await until(async () => expect(await listed()).toEqual([await entryOf(name, '10.0.0.1')]));
    const edit = async (text: string) => {
      const current = await configMap();
      if (current === undefined) throw new Error('the ConfigMap is gone');
      await cluster.admin.replace(CONFIG_MAPS, { ...current, data: { 'plndr-services': text, c: 'd' } });
    };
    await edit('banana');
    await until(async () => expect(await listed()).toEqual([await entryOf(name, '10.0.0.1')]));
    expect((await configMap())?.data?.c).toBe('d');
    await cluster.admin.remove(CONFIG_MAPS, { namespace: 'default', name: 'plndr' });
    await until(async () => expect(await listed()).toEqual([await entryOf(name, '10.0.0.1')]));
    await instance.stop();
    await edit('{"services":[{"vip":"10.9.9.9","port":1,"type":"TCP","uid":"gone","serviceName":"gone"}]}');
    instance = await cluster.start(ENABLED);
    await until(async () => expect(await listed()).toEqual([await entryOf(name, '10.0.0.1')]));
  });

  it('leave the pools alone where they stand in the same ConfigMap', async () => {
    await cluster.setPools(undefined);
    const pools = { 'range-kube-system': '10.0.1.1-10.0.1.9', 'range-global': '10.0.0.1-10.0.0.9' };
    const metadata = { namespace: 'kube-system', name: 'plndr' };
    await cluster.admin.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: pools });
    instance = await cluster.start({
      ...ENABLED,
      configMap: { namespace: 'kube-system', name: 'kubevip', legacyName: 'plndr' },
    });
    const spec = { type: 'LoadBalancer', ports: [{ port: 53, protocol: 'UDP' }], selector: { a: 'b' } };
    const ref = { namespace: 'kube-system', name: 'dns' };
    await cluster.admin.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: ref, spec });
    await until(async () => {
      const { metadata: { uid } = {} } = await cluster.admin.get(SERVICES, ref);
      const entry = { vip: '10.0.1.1', port: 53, type: 'UDP', uid, serviceName: 'dns' };
      expect(await listed('kube-system')).toEqual([entry]);
    });
    expect((await configMap('kube-system'))?.data).toMatchObject(pools);
    const other = await cluster.expose();
    await until(async () => expect(given(await cluster.get(other))).toBe('10.0.0.1'));
    await cluster.admin.remove(SERVICES, ref);
    await until(async () => expect(await listed('kube-system')).toEqual([]));
    expect((await configMap('kube-system'))?.data).toEqual({ ...pools, 'plndr-services': '{"services":[]}' });
  });

  it('are written by the leader alone, and by nobody who was not told to', async () => {
    await cluster.setPools({ 'range-global': '10.0.0.1-10.0.0.9' });
    const plain = await cluster.start();
    await until(async () => expect(plain.provider.isLeader()).toBe(true));
    instance = await cluster.start(ENABLED);
    const name = await cluster.expose();
    await until(async () => expect(given(await cluster.get(name))).toBe('10.0.0.1'));
    const last = await cluster.expose();
    await until(async () => expect(given(await cluster.get(last))).toBe('10.0.0.2'));
    expect(await configMap()).toBeUndefined();
    await plain.stop();
    await until(async () =>
      expect(await listed()).toEqual([await entryOf(name, '10.0.0.1'), await entryOf(last, '10.0.0.2')]),
    );
  });

  it('do not hold up anything when the namespace goes', async () => {
    await cluster.setPools({ 'range-global': '10.0.0.1-10.0.0.9' });
    instance = await cluster.start(ENABLED);
    const metadata = { name: `shortlived-${process.pid}` };
    await cluster.admin.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata });
    const ref = { namespace: metadata.name, name: 'web' };
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    await cluster.admin.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: ref, spec });
    await until(async () => expect(await listed(ref.namespace)).toHaveLength(1));
    await cluster.admin.remove(NAMESPACES, metadata);
    const name = await cluster.expose();
    await until(async () => expect(await listed()).toHaveLength(1));
    expect(given(await cluster.get(name))).toBeDefined();
  });
});
