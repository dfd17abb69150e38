import { describe, expect, it } from 'vitest';
import type { ServiceTraits } from './testing/services.ts';
import { annotatedWith, type Data, FOUR, Stage, withFamilies } from './testing/stage.ts';

describe('a requested address', () => {
  const data: Data = {
    'range-global': FOUR,
    'avoid-global': '10.9.9.9, 10.0.0.3',
    'pool-gold': '10.2.0.0/24',
    'avoid-gold': '10.2.0.7',
    'pool-silver': '10.3.0.0/24',
    'selector-silver': 'tier=silver',
  };
  const deny: Data = { ...data, 'requested-outside-pool': 'deny' };
  it.each<[string, Data, string, string]>([
    ['in the pool', deny, '10.0.0.4', '10.0.0.4 from request'],
    ['in a named pool', deny, '10.2.0.9', '10.2.0.9 from request'],
    ['that a pool skips', { ...deny, 'cidr-global': '10.4.0.0/24' }, '10.4.0.255', '10.4.0.255 from request'],
    ['in no pool', data, '10.8.8.8', '10.8.8.8 from request; 10.8.8.8 lies in no pool of this Service'],
    ['in no pool, which is not allowed', deny, '10.8.8.8', 'OutsidePool: '],
    ['in a pool that is closed to it', deny, '10.3.0.9', 'OutsidePool: '],
    ['avoided everywhere', data, '10.9.9.9', 'AddressAvoided: '],
    ['avoided in its pool', data, '10.0.0.3', 'AddressAvoided: '],
    ['avoided in a named pool', data, '10.2.0.7', 'AddressAvoided: '],
  ])('%s', (_what, config, text, expected) => {
    const annotated = new Stage(config).add('a', { annotation: text });
    expect(annotated).toMatch(new RegExp(`^${expected}`));
    const inSpec = new Stage(config).add('a', { loadBalancerIP: text });
    expect(inSpec).toMatch(new RegExp(`^${expected}`));
    if (/^\w+: /.test(expected)) {
      expect(annotated).toContain(`${expected}kube-vip.io/loadbalancerIPs=${text}: `);
      expect(inSpec).toContain(`${expected}spec.loadBalancerIP=${text}: `);
    }
  });

  it('that was granted stays, whatever the ConfigMap says later', () => {
    const stage = new Stage({ 'range-global': FOUR });
    stage.add('a', { annotation: '10.0.0.3' });
    stage.add('b', { annotation: '10.8.8.8' });
    stage.pools({ ...deny, 'on-change-global': 'move' });
    expect(stage.sync('a')).toContain('10.0.0.3 from request');
    expect(stage.sync('b')).toContain('10.8.8.8 from request');
  });

  it('is judged anew when the user edits it', () => {
    const stage = new Stage(deny);
    stage.add('a', { annotation: '10.0.0.4' });
    stage.edit('a', annotatedWith('10.8.8.8'));
    expect(stage.sync('a')).toMatch(/^OutsidePool: /);
    stage.edit('a', annotatedWith('10.0.0.4'));
    expect(stage.sync('a')).toBe('10.0.0.4 from request');
  });

  it('in place of a pool address makes it a request', () => {
    const stage = new Stage(data);
    expect(stage.add('a')).toBe('10.0.0.1 from global');
    stage.edit('a', annotatedWith('10.0.0.2'));
    expect(stage.sync('a')).toBe('10.0.0.2 from request');
    expect(stage.get('a').spec?.loadBalancerIP).toBe('10.0.0.2');
  });

  it('cannot be smuggled in as a second address beside one that was accepted', () => {
    const both: Data = { 'range-global': '10.0.0.1-10.0.0.4,fd00::1-fd00::4' };
    const dual = { policy: 'RequireDualStack' } as const;
    const stage = new Stage(both);
    stage.add('thief', { ...dual, createdAt: '2025-01-01T00:00:00Z' });
    stage.add('owner', dual);
    expect(stage.sync('owner')).toBe('10.0.0.2,fd00::2 from global');
    stage.edit('thief', annotatedWith('10.0.0.1,fd00::2'));
    expect(stage.sync('owner')).toBe('10.0.0.2,fd00::2 from global');
    expect(stage.sync('thief')).toContain('AddressConflict: ');
    // Its own are still its own, until the edit is taken back or granted.
    expect(stage.add('next', dual)).toBe('10.0.0.3,fd00::3 from global');
    stage.edit('thief', annotatedWith('10.0.0.1,fd00::1'));
    expect(stage.sync('thief')).toBe('10.0.0.1,fd00::1 from global');
  });
});

describe('spec.loadBalancerIP of a dual-stack Service', () => {
  const data: Data = { 'range-global': '10.0.0.1-10.0.0.4,fd00::1-fd00::4' };
  it.each<[string, Data, ServiceTraits, string]>([
    ['gets the other family', data, { policy: 'RequireDualStack' }, '10.0.0.9,fd00::1 from request'],
    ['if there is one', { 'range-global': FOUR }, { policy: 'PreferDualStack' }, '10.0.0.9 from request'],
    ['or waits', { 'range-global': FOUR }, { policy: 'RequireDualStack' }, 'NoPool: spec.loadBalancerIP='],
    ['or waits for a pool', {}, { policy: 'RequireDualStack' }, 'NoPool: spec.loadBalancerIP='],
    ['also without a pool', {}, { policy: 'PreferDualStack' }, '10.0.0.9 from request'],
    ['not by DHCP', { 'cidr-global': '0.0.0.0/32' }, { policy: 'PreferDualStack' }, '10.0.0.9 from request'],
    ['not in one family', data, {}, '10.0.0.9 from request'],
    [
      'stays first',
      data,
      { policy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      '10.0.0.9,fd00::1 from request',
    ],
  ])('%s', (_what, config, traits, expected) => {
    expect(new Stage(config).add('a', { loadBalancerIP: '10.0.0.9', ...traits })).toContain(expected);
  });

  it('is followed when families are added and removed', () => {
    const stage = new Stage(data);
    stage.add('a', { loadBalancerIP: '10.0.0.9' });
    stage.edit('a', withFamilies('PreferDualStack', ['IPv4', 'IPv6']));
    expect(stage.sync('a')).toContain('10.0.0.9,fd00::1 from request');
    expect(stage.get('a').spec?.loadBalancerIP).toBe('10.0.0.9');
    stage.edit('a', withFamilies('SingleStack', ['IPv4']));
    expect(stage.sync('a')).toContain('10.0.0.9 from request');
  });

  it('in the annotation is taken literally', () => {
    const stage = new Stage(data);
    expect(stage.add('a', { annotation: '10.0.0.9', policy: 'RequireDualStack' })).toContain(
      '10.0.0.9 from request',
    );
  });
});
