// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { describe, expect, it } from 'vitest';
import type { Rig } from './testing/fake-cluster.ts';
import {
  addressOf,
  aMoment,
  conditionOf,
  hasAddress,
  holderOf,
  leading,
  until,
  verdictOf,
  warnings,
} from './testing/leading.ts';
import { type PortText, portOf, service } from './testing/services.ts';

const day = (n: number) => ({ createdAt: `2026-01-0${n}T00:00:00Z` });

function withPorts(rig: Rig, name: string, ...ports: readonly PortText[]): void {
  rig.cluster.edit(name, (each) => ({ ...each, spec: { ...each.spec, ports: ports.map(portOf) } }));
}

/** Lets 10 ms pass at a time until the condition holds. */
async function within(clock: ManualClock, limitMs: number, condition: () => boolean): Promise<number> {
  for (let passedMs = 0; passedMs <= limitMs; passedMs += 10) {
    if (condition()) return passedMs;
    await clock.advanceAsync(10);
  }
  throw new Error(`not within ${limitMs} ms`);
}

describe('on-change', () => {
  it('moves Services at once, tells why, and touches no others', async () => {
    const data = { 'range-global': '10.0.0.1-10.0.0.3', 'on-change-global': 'move' };
    const rig = leading({ data: { ...data, 'range-other': '10.5.0.1-10.5.0.9' } });
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      rig.cluster.put(service(name, day(i + 1)));
      await hasAddress(rig, name, `10.0.0.${i + 1}`);
    }
    rig.cluster.put(service('o', { namespace: 'other' }));
    await until(() => expect(rig.cluster.writes).toBe(4));
    await aMoment();
    rig.setPools({
      'range-global': '10.0.0.2-10.0.0.4',
      'on-change-global': 'move',
      'range-other': '10.5.0.1-10.5.0.9',
    });
    await hasAddress(rig, 'a', '10.0.0.4');
    await aMoment();
    expect(['b', 'c'].map((name) => addressOf(rig, name))).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(rig.cluster.writes).toBe(5);
    expect(rig.events.filter(({ reason }) => reason === 'AddressMoved')).toEqual([
      expect.objectContaining({
        about: 'default/a',
        message: '10.0.0.1 is replaced: its pool may not give it any more',
      }),
    ]);
    expect(holderOf(rig, '10.0.0.1')).toBeUndefined();
  });

  it('lets a drained address go when its time is over, and not before', async () => {
    const clock = new ManualClock();
    const rig = leading({
      clock,
      data: { 'range-global': '10.0.0.1-10.0.0.1', 'on-change-global': 'drain 1m' },
    });
    rig.cluster.put(service('a'));
    await within(clock, 1_000, () => verdictOf(rig, 'a') === 'True Allocated');
    rig.setPools({ 'range-global': '10.0.0.5-10.0.0.9', 'on-change-global': 'drain 1m' });
    await within(clock, 1_000, () => addressOf(rig, 'a') === '10.0.0.5,10.0.0.1');
    await clock.advanceAsync(58_000);
    expect(addressOf(rig, 'a')).toBe('10.0.0.5,10.0.0.1');
    await within(clock, 3_000, () => addressOf(rig, 'a') === '10.0.0.5');
    expect(holderOf(rig, '10.0.0.1')).toBeUndefined();
    expect(rig.cluster.gets).toBe(0);
  });

  it('lets a drained address go after a restart, too', async () => {
    const clock = new ManualClock();
    const first = leading({ clock, data: { 'range-global': '10.0.0.1-10.0.0.1' } });
    first.cluster.put(service('a'));
    await within(clock, 1_000, () => verdictOf(first, 'a') === 'True Allocated');
    first.setPools({ 'range-global': '10.0.0.5-10.0.0.9', 'on-change-global': 'drain 1m' });
    await within(clock, 1_000, () => addressOf(first, 'a') === '10.0.0.5,10.0.0.1');
    await first.stop();
    await clock.advanceAsync(30_000);
    const data = { 'range-global': '10.0.0.5-10.0.0.9', 'on-change-global': 'drain 1m' };
    const second = leading({ clock, cluster: first.cluster, data });
    await clock.advanceAsync(20_000);
    expect(addressOf(second, 'a')).toBe('10.0.0.5,10.0.0.1');
    await within(clock, 20_000, () => addressOf(second, 'a') === '10.0.0.5');
  });

  it('serves a waiter with what a moved Service leaves', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.1', 'on-change-global': 'move' } });
    rig.cluster.put(service('a', day(1)));
    await hasAddress(rig, 'a', '10.0.0.1');
    rig.cluster.put(service('b', day(2)));
    await until(() => expect(verdictOf(rig, 'b')).toBe('False PoolExhausted'));
    rig.setPools({
      'range-global': '10.0.0.1-10.0.0.1',
      'on-change-global': 'move',
      'pool-gold': '10.1.0.1-10.1.0.1',
      'selector-gold': 'app=a',
    });
    await hasAddress(rig, 'a', '10.1.0.1');
    await hasAddress(rig, 'b', '10.0.0.1');
  });
});

describe('a strict cooldown', () => {
  it('is kept to the moment, and its end serves the oldest waiter before anybody new', async () => {
    const clock = new ManualClock();
    const rig = leading({
      clock,
      data: { 'range-global': '10.0.0.1-10.0.0.1', 'cooldown-global': '30s' },
    });
    rig.cluster.put(service('holder', day(1)));
    await within(clock, 1_000, () => verdictOf(rig, 'holder') === 'True Allocated');
    for (const [name, n] of [
      ['young', 4],
      ['old', 2],
      ['middle', 3],
    ] as const) {
      rig.cluster.put(service(name, day(n)));
    }
    await within(clock, 1_000, () => rig.reconciler.waiting === 3);
    rig.cluster.remove('holder');
    await within(clock, 1_000, () => rig.cluster.get('holder') === undefined);
    await clock.advanceAsync(29_000);
    expect(['old', 'middle', 'young'].map((name) => addressOf(rig, name))).toEqual(Array(3).fill(undefined));
    expect(conditionOf(rig, 'old')?.message).toContain('cooling down');
    await within(clock, 1_500, () => addressOf(rig, 'old') === '10.0.0.1');
    await clock.advanceAsync(1_000);
    expect(['middle', 'young'].map((name) => addressOf(rig, name))).toEqual([undefined, undefined]);
  });

  it('does not begin for an address that nobody got: its write was refused', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.1', 'cooldown-global': '1h' } });
    rig.cluster.faults.push('conflict', 'not reached');
    rig.cluster.put(service('a'));
    await hasAddress(rig, 'a', '10.0.0.1');
  });

  it('does not let a newcomer in between its end and the timer', async () => {
    const clock = new ManualClock();
    const rig = leading({
      clock,
      data: { 'range-global': '10.0.0.1-10.0.0.1', 'cooldown-global': '30s' },
    });
    rig.cluster.put(service('holder', day(1)));
    await within(clock, 1_000, () => verdictOf(rig, 'holder') === 'True Allocated');
    rig.cluster.put(service('waiter', day(2)));
    await within(clock, 1_000, () => rig.reconciler.waiting === 1);
    rig.cluster.remove('holder');
    await within(clock, 1_000, () => rig.cluster.get('holder') === undefined);
    rig.cluster.watchFlows = false;
    rig.cluster.put(service('newcomer', day(3)));
    // Time passes without any timer: the newcomer is the first to be looked at.
    clock.setTimer(() => rig.cluster.deliver(), 29_990);
    await clock.advanceAsync(31_000);
    rig.cluster.watchFlows = true;
    rig.cluster.deliver();
    await clock.advanceAsync(100);
    expect([addressOf(rig, 'waiter'), addressOf(rig, 'newcomer')]).toEqual(['10.0.0.1', undefined]);
  });
});

describe('sharing', () => {
  const shared = { 'range-global': '10.0.0.1-10.0.0.2', 'allow-share-global': 'true' };

  it('moves the one that edits its ports, and leaves the other alone', async () => {
    const rig = leading({ data: shared });
    rig.cluster.put(service('a', { ports: ['80'], ...day(1) }));
    await hasAddress(rig, 'a', '10.0.0.1');
    rig.cluster.put(service('b', { ports: ['81'], ...day(2) }));
    await hasAddress(rig, 'b', '10.0.0.1');
    withPorts(rig, 'a', '81');
    await hasAddress(rig, 'a', '10.0.0.2');
    await aMoment();
    expect(addressOf(rig, 'b')).toBe('10.0.0.1');
    expect(rig.events.find(({ reason }) => reason === 'AddressMoved')?.message).toBe(
      '10.0.0.1 is replaced: it belongs to Service default/b',
    );
  });

  it('takes the address from it when there is no other, and gives one when it fits again', async () => {
    const rig = leading({ data: { ...shared, 'range-global': '10.0.0.1-10.0.0.1' } });
    rig.cluster.put(service('a', { ports: ['80'], ...day(1) }));
    await hasAddress(rig, 'a', '10.0.0.1');
    rig.cluster.put(service('b', { ports: ['81'], ...day(2) }));
    await hasAddress(rig, 'b', '10.0.0.1');
    withPorts(rig, 'a', '81');
    await until(() => expect(verdictOf(rig, 'a')).toBe('False PoolExhausted'));
    expect(addressOf(rig, 'a')).toBeUndefined();
    expect(rig.cluster.get('a')?.spec?.loadBalancerIP).toBeUndefined();
    expect(warnings(rig)).toHaveLength(1);
    expect(warnings(rig)[0]).toContain('its address belongs to Service default/b; ');
    expect(rig.holdings.holdersOf({ family: 4, value: 0x0a000001n })).toEqual(['default/b']);
    // The other one lets the port go.
    withPorts(rig, 'b', '82');
    await hasAddress(rig, 'a', '10.0.0.1');
    expect(addressOf(rig, 'b')).toBe('10.0.0.1');
  });

  it('begins for those who wait when it is allowed, and moves the later one when it is not any more', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.1' } });
    rig.cluster.put(service('a', { ports: ['80'], ...day(1) }));
    await hasAddress(rig, 'a', '10.0.0.1');
    rig.cluster.put(service('b', { ports: ['81'], ...day(2) }));
    await until(() => expect(verdictOf(rig, 'b')).toBe('False PoolExhausted'));
    rig.setPools({ ...shared, 'range-global': '10.0.0.1-10.0.0.1' });
    await hasAddress(rig, 'b', '10.0.0.1');
    const ports = (name: string) =>
      rig.cluster.get(name)?.metadata?.annotations?.['fairlead.io/shared-ports'];
    await until(() => expect([ports('a'), ports('b')]).toEqual(['TCP/80', 'TCP/81']));
    rig.setPools({ 'range-global': '10.0.0.1-10.0.0.2' });
    await hasAddress(rig, 'b', '10.0.0.2');
    await aMoment();
    expect(addressOf(rig, 'a')).toBe('10.0.0.1');
  });

  it('lets a request in when the port comes free, by an edit or by a deletion', async () => {
    for (const free of [(rig: Rig) => withPorts(rig, 'a', '90'), (rig: Rig) => rig.cluster.remove('a')]) {
      const rig = leading({ data: shared });
      rig.cluster.put(service('a', { ports: ['80'], ...day(1) }));
      await hasAddress(rig, 'a', '10.0.0.1');
      rig.cluster.put(service('b', { ports: ['81'], ...day(2) }));
      await hasAddress(rig, 'b', '10.0.0.1');
      rig.cluster.put(service('c', { ports: ['80'], annotation: '10.0.0.1', ...day(3) }));
      await until(() => expect(verdictOf(rig, 'c')).toBe('False AddressConflict'));
      free(rig);
      await hasAddress(rig, 'c', '10.0.0.1');
    }
  });
});

describe('requests', () => {
  it('are counted by reason and told as Events', async () => {
    const rig = leading({
      data: {
        'range-global': '10.0.0.1-10.0.0.9',
        'avoid-global': '10.0.0.7',
        'requested-outside-pool': 'deny',
      },
    });
    const wishes = {
      avoided: '10.0.0.7',
      outside: '10.8.8.8',
      wrong: 'banana',
      fine: '10.0.0.8',
      later: '10.0.0.8',
    };
    for (const [i, [name, annotation]] of Object.entries(wishes).entries()) {
      rig.cluster.put(service(name, { annotation, ...day(i + 1) }));
    }
    await until(() =>
      expect(Object.keys(wishes).map((name) => verdictOf(rig, name))).toEqual([
        'False AddressAvoided',
        'False OutsidePool',
        'False InvalidRequest',
        'True Allocated',
        'False AddressConflict',
      ]),
    );
    const text = await rig.metrics();
    for (const reason of ['AddressAvoided', 'OutsidePool', 'InvalidRequest', 'AddressConflict']) {
      expect(text).toContain(`fairlead_ipam_failures_total{reason="${reason}"} 1`);
    }
    expect(warnings(rig)).toHaveLength(4);
    rig.setPools({ 'range-global': '10.0.0.1-10.0.0.9' });
    await hasAddress(rig, 'avoided', '10.0.0.7');
    await hasAddress(rig, 'outside', '10.8.8.8');
    expect(conditionOf(rig, 'outside')?.message).toBe(
      'has 10.8.8.8 as requested; 10.8.8.8 lies in no pool of this Service',
    );
    expect(rig.events.at(-1)?.message).toContain('10.8.8.8 lies in no pool of this Service');
  });
});

describe('who waits', () => {
  it('for one family more keeps what it has, and gets the other when it comes free', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.9,fd00::1-fd00::1' } });
    rig.cluster.put(service('holder', { ipFamilies: ['IPv6'], ...day(1) }));
    await hasAddress(rig, 'holder', 'fd00::1');
    rig.cluster.put(service('a', { policy: 'PreferDualStack', ...day(2) }));
    await hasAddress(rig, 'a', '10.0.0.1');
    expect(conditionOf(rig, 'a')?.message).toContain('no free IPv6 address in the pool');
    rig.cluster.put(service('b', { ipFamilies: ['IPv6'], ...day(3) }));
    await until(() => expect(verdictOf(rig, 'b')).toBe('False PoolExhausted'));
    rig.cluster.remove('holder');
    await hasAddress(rig, 'a', '10.0.0.1,fd00::1');
    expect(addressOf(rig, 'b')).toBeUndefined();
  });

  it('is counted by pool', async () => {
    const rig = leading({ data: { 'range-global': '10.0.0.1-10.0.0.1', 'range-shop': '10.1.0.1-10.1.0.1' } });
    for (const namespace of ['default', 'shop']) {
      for (const name of ['a', 'b', 'c'].slice(0, namespace === 'shop' ? 3 : 2)) {
        rig.cluster.put(service(name, { namespace }));
      }
    }
    rig.cluster.put(service('x', { annotations: { 'fairlead.io/address-pool': 'nope' } }));
    await until(() => expect(rig.reconciler.waiting).toBe(4));
    const text = await rig.metrics();
    expect(text).toContain('fairlead_ipam_waiting_services 4\n');
    expect(text).toContain('fairlead_ipam_pool_waiting{pool="global"} 1\n');
    expect(text).toContain('fairlead_ipam_pool_waiting{pool="shop"} 2\n');
    expect(text).toContain('fairlead_ipam_pool_waiting{pool=""} 1\n');
  });
});

it('an interface that changes in the ConfigMap is followed', async () => {
  const data = { 'range-global': '10.0.0.1-10.0.0.9' };
  const rig = leading({ data: { ...data, 'interface-default': 'eth1' } });
  rig.cluster.put(service('a'));
  await hasAddress(rig, 'a', '10.0.0.1');
  const link = (each: Service | undefined) => each?.metadata?.annotations?.['kube-vip.io/serviceInterface'];
  rig.setPools({ ...data, 'interface-default': 'eth2' });
  await until(() => expect(link(rig.cluster.get('a'))).toBe('eth2'));
  await aMoment();
  expect(rig.events).toHaveLength(2);
});
