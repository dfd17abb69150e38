// SPDX-License-Identifier: Apache-2.0
import { ApiError, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { CONFIG_MAPS } from '@fairlead/shared/kubernetes/resources.ts';
import { PoolConfig, type PoolConfigState } from '@fairlead/shared/pools/pool-config.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestCluster } from './testing/test-cluster.ts';

const NAMESPACE = 'kube-system';

describe('the ConfigMap with the pools', () => {
  let cluster: TestCluster;
  let config: PoolConfig;
  let told: Pick<PoolConfigState, 'name' | 'data'>[];
  let notices: string[];

  beforeEach(async () => {
    cluster = await TestCluster.embedded();
    told = [];
    notices = [];
  });
  afterEach(async () => {
    await config.stop();
    await cluster.close();
  });

  const follow = async (client: KubeClient = cluster.admin) => {
    const logger = Object.create(silentLogger, {
      info: { value: (_fields: unknown, text: string) => notices.push(text) },
    });
    config = new PoolConfig({
      client,
      logger,
      clock: systemClock,
      configMap: { namespace: NAMESPACE, name: 'kubevip', legacyName: 'plndr' },
      onChange: ({ name, data }) => told.push({ name, data }),
    });
    config.start();
    await config.synced(AbortSignal.timeout(10_000));
  };
  const write = (name: string, data: Record<string, string>) =>
    cluster.admin.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: NAMESPACE, name },
      data,
    });
  const remove = (name: string) => cluster.admin.remove(CONFIG_MAPS, { namespace: NAMESPACE, name });
  const lastTold = (expected: Partial<PoolConfigState>) =>
    vi.waitFor(() => expect(told.at(-1)).toEqual(expected), { timeout: 5_000, interval: 5 });

  it('is the old one until the new one exists, and again when that goes', async () => {
    await write('plndr', { 'cidr-default': '192.168.0.200/29', 'plndr-services': '{"services":[]}' });
    await follow();
    const old = { name: 'kube-system/plndr', data: { 'cidr-default': '192.168.0.200/29' } };
    expect(told).toEqual([old]);
    await write('kubevip', { 'cidr-global': '10.0.0.0/24' });
    await lastTold({ name: 'kube-system/kubevip', data: { 'cidr-global': '10.0.0.0/24' } });
    await remove('kubevip');
    await lastTold(old);
    await remove('plndr');
    await lastTold({ name: 'kube-system/kubevip', data: undefined });
    expect(notices).toEqual([
      'there is no ConfigMap kubevip; the pools in plndr are in use',
      'ConfigMap kubevip is in use; the pools in plndr are not',
      'there is no ConfigMap kubevip; the pools in plndr are in use',
    ]);
  });

  it('is told once, the right one, when both exist', async () => {
    await write('plndr', { 'cidr-global': '192.168.0.200/29' });
    await write('kubevip', {});
    await follow();
    expect(told).toEqual([{ name: 'kube-system/kubevip', data: {} }]);
    await vi.waitFor(() => expect(notices).toHaveLength(1));
  });

  it('is not the old one when that has only what is told to a balancer', async () => {
    await write('plndr', { 'plndr-services': '{"services":[]}' });
    await follow();
    expect(config.state).toEqual({ name: 'kube-system/kubevip', object: undefined, data: undefined });
    expect(told).toEqual([]);
  });

  it('does without rights to the old one', async () => {
    const { admin } = cluster;
    const list: KubeClient['list'] = (resource, options) =>
      options?.fieldSelector?.includes('plndr')
        ? Promise.reject(new ApiError(403, 'Forbidden', 'no'))
        : admin.list(resource, options);
    const client = { list, watch: admin.watch.bind(admin), health: admin.health } as KubeClient;
    await follow(client);
    expect(config.isSynced).toBe(true);
    await write('kubevip', { 'cidr-global': '10.0.0.0/24' });
    await lastTold({ name: 'kube-system/kubevip', data: { 'cidr-global': '10.0.0.0/24' } });
  });
});
