// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { describe, expect, it, vi } from 'vitest';
import { choosePool } from '../pools/choose-pool.ts';
import { parsePools } from '../pools/parse.ts';
import { createRig } from '../services/testing/fake-cluster.ts';
import { nextAddress, type PoolData, poolOf, readPool } from './testing/peer-cases.ts';
import { holding, onStage, type SubjectTraits, verdictOn, wanting } from './testing/scene.ts';

/*
 * The weak spots of kube-vip-cloud-provider in choosing an address, by their number in our register, each as a case that its
 * behaviour fails. Those that need an API server are in defects-server.test.ts, those of a Service's later life in
 * defects-life.test.ts.
 */

const RANGE = { 'range-global': '10.0.0.1-10.0.0.9' };

describe('C1: one broken neighbour stops every allocation', () => {
  it.each<readonly [string, string]>([
    ['an empty annotation', ''],
    ['a host name', 'lb.example.org'],
    ['a word', 'banana'],
    ['a space in a list', '10.0.0.1, 10.0.0.2'],
    ['a trailing comma', '10.0.0.1,'],
    ['a placeholder of DHCP', '0.0.0.0'],
  ])('%s', async (_what, annotation) => {
    // The peer lists by this label and gives up at the first annotation that it cannot read.
    const poison = wanting('poison', { namespace: 'tenant', annotation, labelled: true });
    const verdict = await verdictOn(wanting('subject'), { data: RANGE, others: [poison] });
    expect(verdict).toMatch(/^10\.0\.0\.[123]$/);
  });
});

it('C2: PreferDualStack with one family whose pool is used up counts as success, and an empty annotation is written', () =>
  onStage(
    { data: { 'range-global': '10.0.0.1-10.0.0.1' }, others: [holding('holder', '10.0.0.1')] },
    async (stage) => {
      stage.put(wanting('subject', { policy: 'PreferDualStack' }));
      await stage.until(() => expect(stage.warnings('subject').join()).toContain('the only IPv4 address'));
      expect(await stage.refusals()).toEqual(['PoolExhausted']);
      const { metadata } = stage.get('subject') ?? {};
      expect(metadata?.annotations).not.toHaveProperty(['kube-vip.io/loadbalancerIPs']);
      expect(metadata?.labels).not.toHaveProperty('implementation');
      stage.rig.setPools({ 'range-global': '10.0.0.1-10.0.0.3' });
      await stage.until(() => expect(stage.addressesOf('subject')).toBe('10.0.0.2'));
    },
  ));

describe('C3: an address that a user wrote is not seen as used', () => {
  it.each<readonly [string, SubjectTraits]>([
    ['spec.loadBalancerIP', { loadBalancerIP: '10.0.0.1' }],
    ['the annotation', { annotation: '10.0.0.1' }],
    ['an address in the status', { ingress: ['10.0.0.1'] }],
    ['another class', { loadBalancerIP: '10.0.0.1', loadBalancerClass: 'example.org/other' }],
  ])('%s', async (_what, traits) => {
    expect(await verdictOn(wanting('subject'), { data: RANGE, others: [wanting('user', traits)] })).toBe(
      '10.0.0.2',
    );
  });
});

describe('C4: a namespace pool looks at its own namespace alone', () => {
  it.each<readonly [string, PoolData]>([
    [
      'two namespace pools overlap',
      { 'range-default': '10.0.0.1-10.0.0.9', 'range-other': '10.0.0.1-10.0.0.9' },
    ],
    ['a namespace pool lies in the global one', { 'range-default': '10.0.0.1-10.0.0.2', ...RANGE }],
  ])('%s', async (_what, data) => {
    const others = [holding('holder', '10.0.0.1', { namespace: 'other' })];
    expect(await verdictOn(wanting('subject'), { data, others })).toBe('10.0.0.2');
  });
});

it('C5: cidr-global hides range-<namespace>', async () => {
  const data = { 'cidr-global': '10.9.0.0/24', 'range-default': '10.0.0.1-10.0.0.9' };
  const peersOrder = ['cidr-default', 'cidr-global', 'range-default', 'range-global'];
  expect(peersOrder.find((key) => key in data)).toBe('cidr-global');
  const choice = choosePool(parsePools(data), { namespace: 'default', labels: {}, requestedPool: undefined });
  expect(choice.ok && choice.pool.sources.map(({ key }) => key)).toEqual(['range-default']);
  expect(await verdictOn(wanting('subject'), { data })).toBe('10.0.0.1');
});

describe('C6: what a user asks for is taken as it is', () => {
  const others = [holding('holder', '10.0.0.5')];

  it.each<readonly [string, SubjectTraits, string]>([
    ['no address', { annotation: 'banana' }, 'InvalidRequest'],
    ['no address in the spec', { loadBalancerIP: 'banana' }, 'InvalidRequest'],
    ['a number too high', { annotation: '10.0.0.256' }, 'InvalidRequest'],
    ['the wrong family', { annotation: 'fd00::1', ipFamilies: ['IPv4'] }, 'InvalidRequest'],
    ['the address of another Service', { annotation: '10.0.0.5' }, 'AddressConflict'],
    ['one of two that is another Service’s', { annotation: '10.0.0.4,10.0.0.5' }, 'AddressConflict'],
    ['the address of another Service in the spec', { loadBalancerIP: '10.0.0.5' }, 'AddressConflict'],
    ['a free address of the pool', { annotation: '10.0.0.4' }, '10.0.0.4'],
    ['a free address elsewhere', { annotation: '10.77.0.4' }, '10.77.0.4'],
  ])('%s', async (_what, traits, verdict) => {
    const subject = wanting('subject', { createdAt: '2026-02-01T00:00:00Z', ...traits });
    expect(await verdictOn(subject, { data: RANGE, others })).toBe(verdict);
  });

  it.each<readonly [string, PoolData, SubjectTraits, string]>([
    ['outside all pools, and that is not allowed', {}, { annotation: '10.77.0.4' }, 'OutsidePool'],
    ['partly outside', {}, { annotation: '10.0.0.4,10.77.0.4' }, 'OutsidePool'],
    [
      'in the pool of another namespace',
      { 'range-other': '10.1.0.1-10.1.0.9' },
      { annotation: '10.1.0.4' },
      'OutsidePool',
    ],
    ['in a named pool', { 'pool-gold': '10.1.0.1-10.1.0.9' }, { annotation: '10.1.0.4' }, '10.1.0.4'],
    ['in the pool', {}, { annotation: '10.0.0.4' }, '10.0.0.4'],
    ['in the pool, in the spec', {}, { loadBalancerIP: '10.0.0.4' }, '10.0.0.4'],
  ])('with requested-outside-pool deny: %s', async (_what, more, traits, verdict) => {
    const data = { ...RANGE, 'requested-outside-pool': 'deny', ...more };
    expect(await verdictOn(wanting('subject', traits), { data })).toBe(verdict);
  });

  it.each<readonly [string, SubjectTraits, string]>([
    ['kept from use', { annotation: '10.0.0.4' }, 'AddressAvoided'],
    ['kept from use, in the spec', { loadBalancerIP: '10.0.0.4' }, 'AddressAvoided'],
    ['kept from use, of no pool', { annotation: '10.66.0.1' }, 'AddressAvoided'],
    ['not kept from use', { annotation: '10.0.0.6' }, '10.0.0.6'],
  ])('an address that is %s', async (_what, traits, verdict) => {
    const data = { ...RANGE, 'avoid-global': '10.0.0.1-10.0.0.5, 10.66.0.0/24' };
    expect(await verdictOn(wanting('subject', traits), { data })).toBe(verdict);
  });
});

describe('C10: an edited pool is mixed up with what it was before', () => {
  /** What comes after each state of the ConfigMap. */
  async function gives(states: readonly (readonly [PoolData, string])[]): Promise<void> {
    await onStage({ data: {} }, async (stage) => {
      for (const [i, [data, address]] of states.entries()) {
        stage.rig.setPools(data);
        stage.put(wanting(`s${i}`));
        await stage.until(() => expect(stage.addressesOf(`s${i}`)).toBe(address));
      }
    });
  }

  it('CIDR, then a range, then the same CIDR again', () =>
    gives([
      [{ 'cidr-default': '10.1.0.0/24' }, '10.1.0.1'],
      [{ 'range-default': '10.2.0.1-10.2.0.9' }, '10.2.0.1'],
      [{ 'cidr-default': '10.1.0.0/24' }, '10.1.0.2'],
    ]));

  it('skip-end-ips-in-cidr is switched on and off', () =>
    gives([
      [{ 'cidr-global': '10.1.0.8/29' }, '10.1.0.8'],
      [{ 'cidr-global': '10.1.0.16/29', 'skip-end-ips-in-cidr': 'true' }, '10.1.0.17'],
      [{ 'cidr-global': '10.1.0.16/29' }, '10.1.0.16'],
    ]));

  it('search-order is changed', () =>
    gives([
      [RANGE, '10.0.0.1'],
      [{ ...RANGE, 'search-order': 'desc' }, '10.0.0.9'],
      [RANGE, '10.0.0.2'],
    ]));
});

describe('C15: .0 and .255 are never given, network and broadcast address are', () => {
  it.each<readonly [string, string, readonly string[], string]>([
    ['.0 of a /31', '10.0.1.0/31', [], '10.0.1.0'],
    ['.255 of a /31', '10.0.0.254/31', ['10.0.0.254'], '10.0.0.255'],
    ['.255 as a /32', '10.0.0.255/32', [], '10.0.0.255'],
    ['.0 by itself', '10.0.1.0', [], '10.0.1.0'],
    ['not .0 of a larger network', '10.0.1.0/30', [], '10.0.1.1'],
  ])('%s', (_what, value, used, next) => {
    expect(nextAddress(poolOf({ 'cidr-global': value }), used)).toBe(next);
  });

  it('network and broadcast address of a /28 with skip-end-ips-in-cidr', () => {
    const data = { 'cidr-global': '10.0.0.16/28', 'skip-end-ips-in-cidr': 'true' };
    expect(nextAddress(poolOf(data), [])).toBe('10.0.0.17');
    expect(nextAddress(poolOf({ ...data, 'search-order': 'desc' }), [])).toBe('10.0.0.30');
  });

  it('a user may ask for them', async () => {
    const data = { 'cidr-global': '10.0.0.0/23' };
    expect(await verdictOn(wanting('subject', { annotation: '10.0.1.0' }), { data })).toBe('10.0.1.0');
  });
});

describe('C17: values are read strictly and wrong ones silently', () => {
  it.each<readonly [PoolData, readonly string[]]>([
    [{ 'range-global': ' 10.0.0.1 - 10.0.0.2 , 10.0.0.7 , \n' }, ['10.0.0.1-10.0.0.2', '10.0.0.7']],
    [{ 'cidr-global': '10.0.0.0/30,, 10.0.0.8/30 ' }, ['10.0.0.0-10.0.0.3', '10.0.0.8-10.0.0.11']],
  ])('white space and commas in %j', (data, ranges) => {
    expect(readPool(data)).toEqual({ ranges, problems: [] });
  });

  it.each<readonly [PoolData, SubjectTraits, string]>([
    [{ 'cidr-global': ' 0.0.0.0/32 ' }, {}, '0.0.0.0'],
    [{ 'cidr-global': '::/128' }, { ipFamilies: ['IPv6'] }, '::'],
    [{ 'cidr-global': '0.0.0.0/32,::/128' }, { policy: 'RequireDualStack' }, '0.0.0.0,::'],
    [{ 'cidr-global': '0.0.0.0/32,fd00::10/127' }, { policy: 'RequireDualStack' }, '0.0.0.0,fd00::10'],
  ])('DHCP by %j', async (data, traits, verdict) => {
    expect(await verdictOn(wanting('subject', traits), { data })).toBe(verdict);
  });

  it.each<readonly [string, string]>([
    ['search-order', 'DESC'],
    ['skip-end-ips-in-cidr', 'yes'],
    ['allow-share-global', 'on'],
    ['cidr-global', '10.0.0.0/40'],
    ['rang-global', '10.0.0.1'],
    ['interface-global', ''],
  ])('a problem is named: %s=%s', (key, value) => {
    const { problems } = readPool({ 'range-other': '10.9.0.1-10.9.0.2', [key]: value });
    expect(problems.join()).toContain(`${key}=${value}: `);
  });

  it.each([
    ['serch-order', 'search-order'],
    ['skip-end-ips-in-cidrs', 'skip-end-ips-in-cidr'],
    ['rnage-default', 'range-default'],
    ['allow-shared-global', 'allow-share-global'],
    ['Cidr-global', 'cidr-global'],
    ['range-Global', 'range-global'],
  ])('the key that may have been meant is named: %s -> %s', (key, meant) => {
    const { problems } = parsePools({ ...RANGE, [key]: '10.9.0.1' });
    expect(problems).toEqual([expect.objectContaining({ key, severity: 'warning', nearestKey: meant })]);
  });
});

it('C19: a namespace called global is mixed up with the pool of all', async () => {
  const others = [holding('holder', '10.0.0.1')];
  // The peer takes the pool for this namespace's own, and so looks at no other Services.
  const subject = wanting('subject', { namespace: 'global' });
  expect(await verdictOn(subject, { data: RANGE, others })).toBe('10.0.0.2');
});

describe('C18: a released address is given out again at once', () => {
  const REST_MS = 60_000;

  it('it rests while others are free, and is the last resort when none is', async () => {
    const clock = new ManualClock();
    const rig = createRig({ data: { 'range-global': '10.0.0.1-10.0.0.3' }, clock, restMs: REST_MS });
    rig.lead();
    const given = (name: string) =>
      rig.cluster.get(name)?.metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];
    const gets = async (name: string, address: string) => {
      rig.cluster.put(wanting(name));
      await clock.advanceAsync(10);
      await vi.waitFor(() => expect(given(name)).toBe(address));
    };
    const goes = async (name: string) => {
      rig.cluster.remove(name);
      await clock.advanceAsync(10);
      await vi.waitFor(() => expect(rig.cluster.get(name)).toBeUndefined());
    };
    await gets('a', '10.0.0.1');
    await goes('a');
    await gets('b', '10.0.0.2');
    await gets('c', '10.0.0.3');
    await gets('last resort', '10.0.0.1');
    await goes('c');
    await goes('b');
    await clock.advanceAsync(REST_MS);
    await gets('rested', '10.0.0.2');
    await rig.stop();
  });

  it('a user who asks for it gets it at once', async () => {
    const rig = createRig({ data: RANGE, restMs: REST_MS });
    rig.lead();
    rig.cluster.put(wanting('a'));
    await vi.waitFor(() => expect(rig.cluster.get('a')?.spec?.loadBalancerIP).toBe('10.0.0.1'));
    rig.cluster.remove('a');
    await vi.waitFor(() => expect(rig.cluster.get('a')).toBeUndefined());
    rig.cluster.put(wanting('b', { annotation: '10.0.0.1' }));
    await vi.waitFor(() => expect(rig.cluster.get('b')?.spec?.loadBalancerIP).toBe('10.0.0.1'));
    await rig.stop();
  });
});
