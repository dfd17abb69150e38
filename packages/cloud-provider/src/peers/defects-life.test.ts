// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { describe, expect, it, vi } from 'vitest';
import { createRig, FakeCluster } from '../services/testing/fake-cluster.ts';
import type { PoolData } from './testing/peer-cases.ts';
import { onStage, type Stage, wanting } from './testing/scene.ts';

/*
 * The weak spots of kube-vip-cloud-provider in what happens to a Service after it got its address, by their number in our
 * register, each as a case that its behaviour fails.
 */

const RANGE = { 'range-global': '10.0.0.1-10.0.0.9' };
const BOTH = { 'range-global': '10.0.0.1-10.0.0.9,fd00::1-fd00::9' };
const INTERFACE = 'kube-vip.io/serviceInterface';

function edited(spec: NonNullable<Service['spec']>): (each: Service) => Service {
  return (each) => ({ ...each, spec: { ...each.spec, ...spec } });
}

function has(stage: Stage, name: string, addresses: string | undefined): Promise<void> {
  return stage.until(() => expect([name, stage.addressesOf(name)]).toEqual([name, addresses]));
}

describe('C7: what was decided once is never looked at again', () => {
  it('a family that is added gets its address, one that is removed gives it back', () =>
    onStage({ data: BOTH }, async (stage) => {
      stage.put(wanting('subject'));
      await has(stage, 'subject', '10.0.0.1');
      stage.rig.cluster.edit(
        'subject',
        edited({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }),
      );
      await has(stage, 'subject', '10.0.0.1,fd00::1');
      stage.rig.cluster.edit('subject', edited({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] }));
      await has(stage, 'subject', '10.0.0.1');
      stage.put(wanting('other', { ipFamilies: ['IPv6'] }));
      await has(stage, 'other', 'fd00::1');
    }));

  it('a family that is added waits for a free address and keeps the other', () =>
    onStage({ data: RANGE }, async (stage) => {
      stage.put(wanting('subject'));
      await has(stage, 'subject', '10.0.0.1');
      stage.rig.cluster.edit(
        'subject',
        edited({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] }),
      );
      stage.put(wanting('witness'));
      await has(stage, 'witness', '10.0.0.2');
      await has(stage, 'subject', '10.0.0.1');
      stage.rig.setPools(BOTH);
      await has(stage, 'subject', '10.0.0.1,fd00::1');
    }));

  it.each<readonly [string, PoolData, string]>([
    ['keep, without a word', {}, '10.0.0.1'],
    ['keep', { 'on-change-global': 'keep' }, '10.0.0.1'],
    ['move', { 'on-change-global': 'move' }, '10.5.0.1'],
    ['drain', { 'on-change-global': 'drain' }, '10.5.0.1,10.0.0.1'],
  ])('a pool that goes elsewhere, on-change: %s', (_what, policy, addresses) =>
    onStage({ data: { ...RANGE, ...policy } }, async (stage) => {
      stage.put(wanting('subject'));
      await has(stage, 'subject', '10.0.0.1');
      stage.rig.setPools({ 'range-global': '10.5.0.1-10.5.0.9', ...policy });
      stage.put(wanting('witness'));
      await stage.until(() => expect(stage.addressesOf('witness')).toMatch(/^10\.5\.0\./));
      await has(stage, 'subject', addresses);
      expect(stage.get('subject')?.spec?.loadBalancerIP).toBe(addresses.split(',')[0]);
    }),
  );

  it('a drained address goes when its time is over, and then rests or is free', async () => {
    const clock = new ManualClock();
    const policy = { 'on-change-global': 'drain 30s' };
    const rig = createRig({ data: { ...RANGE, ...policy }, clock });
    rig.lead();
    const annotation = () =>
      rig.cluster.get('subject')?.metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];
    rig.cluster.put(wanting('subject'));
    await clock.advanceAsync(10);
    await vi.waitFor(() => expect(annotation()).toBe('10.0.0.1'));
    rig.setPools({ 'range-global': '10.5.0.1-10.5.0.9', ...policy });
    await clock.advanceAsync(1_000);
    await vi.waitFor(() => expect(annotation()).toBe('10.5.0.1,10.0.0.1'));
    await clock.advanceAsync(27_000);
    expect(annotation()).toBe('10.5.0.1,10.0.0.1');
    await clock.advanceAsync(5_000);
    await vi.waitFor(() => expect(annotation()).toBe('10.5.0.1'));
    expect(rig.holdings.holderOf({ family: 4, value: 0x0a000001n })).toBeUndefined();
    await rig.stop();
  });
});

it('C11: the write of an old leader that does not know of its successor changes nothing', async () => {
  const cluster = new FakeCluster();
  cluster.watchFlows = false;
  cluster.put(wanting('subject'));
  cluster.deliver();
  const given: (string | undefined)[] = [];
  cluster.onWrite = (_before, after) => given.push(after.spec?.loadBalancerIP);
  // Both believe that they lead, and both decide from the same state; they have different pools in force.
  const [old, successor] = [RANGE, { 'range-global': '10.7.0.1-10.7.0.9' }].map((data) =>
    createRig({ cluster, data }),
  );
  successor?.lead();
  old?.lead();
  await vi.waitFor(() => expect(cluster.get('subject')?.metadata?.finalizers).toBeDefined());
  cluster.deliver();
  cluster.watchFlows = true;
  cluster.put(wanting('witness'));
  await vi.waitFor(() => expect(cluster.get('witness')?.metadata?.finalizers).toBeDefined());
  await Promise.all([old?.stop(), successor?.stop()]);
  expect(new Set(given.slice(0, -1)).size).toBe(1);
  expect(cluster.get('subject')?.spec?.loadBalancerIP).toBe(given[0]);
});

it('C16: a Service that is no LoadBalancer any more keeps label and annotation, and with them the address', () =>
  onStage({ data: { 'range-global': '10.0.0.1' } }, async (stage) => {
    stage.put(wanting('subject'));
    await has(stage, 'subject', '10.0.0.1');
    stage.put(wanting('waiter'));
    await stage.until(() => expect(stage.warnings('waiter')).toHaveLength(1));
    stage.rig.cluster.edit('subject', edited({ type: 'ClusterIP' }));
    await has(stage, 'waiter', '10.0.0.1');
    await stage.until(() => {
      const { metadata, spec, status } = stage.get('subject') ?? {};
      expect(metadata?.labels).toEqual({ app: 'subject' });
      expect(metadata?.annotations).toEqual({ 'example.org/keep': 'yes' });
      expect(metadata?.finalizers ?? []).toEqual([]);
      expect(spec?.loadBalancerIP).toBeUndefined();
      expect(status?.conditions ?? []).toEqual([]);
    });
    stage.rig.cluster.edit('subject', edited({ type: 'LoadBalancer' }));
    await stage.until(() => expect(stage.warnings('subject')).toHaveLength(1));
    stage.rig.cluster.remove('waiter');
    await has(stage, 'subject', '10.0.0.1');
  }));

describe('C20: an interface is written once and for all', () => {
  const interfaceOf = (stage: Stage) => stage.get('subject')?.metadata?.annotations?.[INTERFACE];

  it('it follows the ConfigMap', () =>
    onStage({ data: { ...RANGE, 'interface-global': 'eth0' } }, async (stage) => {
      stage.put(wanting('subject'));
      await stage.until(() => expect(interfaceOf(stage)).toBe('eth0'));
      stage.rig.setPools({ ...RANGE, 'interface-global': 'eth0', 'interface-default': 'eth1' });
      await stage.until(() => expect(interfaceOf(stage)).toBe('eth1'));
      stage.rig.setPools(RANGE);
      await stage.until(() => expect(interfaceOf(stage)).toBeUndefined());
      await has(stage, 'subject', '10.0.0.1');
    }));

  it('the one that a user wrote stays', () =>
    onStage({ data: { ...RANGE, 'interface-global': 'eth0' } }, async (stage) => {
      stage.put(wanting('subject', { annotations: { [INTERFACE]: 'eth7' } }));
      await has(stage, 'subject', '10.0.0.1');
      stage.rig.setPools({ ...RANGE, 'interface-global': 'eth1' });
      stage.put(wanting('witness'));
      await has(stage, 'witness', '10.0.0.2');
      expect(interfaceOf(stage)).toBe('eth7');
    }));
});

it('C21: nothing tells how full a pool is, and what was refused', () =>
  onStage({ data: { 'range-global': '10.0.0.1-10.0.0.2' } }, async (stage) => {
    for (const name of ['a', 'b', 'c']) {
      stage.put(wanting(name));
      await stage.until(() =>
        expect([...stage.warnings(name), stage.addressesOf(name)].join('')).not.toBe(''),
      );
    }
    const text = await stage.rig.metrics();
    const pool = '{pool="global",family="IPv4"}';
    for (const line of [
      `fairlead_ipam_pool_addresses${pool} 2`,
      `fairlead_ipam_pool_used${pool} 2`,
      `fairlead_ipam_pool_free${pool} 0`,
      'fairlead_ipam_waiting_services 1',
      'fairlead_ipam_failures_total{reason="PoolExhausted"} 1',
      'fairlead_ipam_allocations_total{origin="pool"} 2',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    expect(text).toMatch(/^fairlead_ipam_allocation_seconds_count 2$/m);
  }));
