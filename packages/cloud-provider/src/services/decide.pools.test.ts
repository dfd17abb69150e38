import { describe, expect, it } from 'vitest';
import { wordOf } from './decide.ts';
import type { Assignment } from './decision.ts';
import { formatDrains } from './draining.ts';
import type { ServiceTraits } from './testing/services.ts';
import { type Data, FOUR, Stage, withFamilies } from './testing/stage.ts';
import { withAssignment } from './write.ts';

describe('which pool', () => {
  const data: Data = {
    'cidr-global': '10.0.0.0/24',
    'cidr-shop': '10.1.0.0/24',
    'pool-gold': '10.2.0.0/24',
    'selector-gold': 'tier=gold',
    'pool-silver': '10.3.0.0/24',
    'auto-assign-silver': 'false',
  };
  it.each<[string, ServiceTraits, string]>([
    ['global', {}, '10.0.0.1 from global'],
    ['that of the namespace', { namespace: 'shop' }, '10.1.0.1 from shop'],
    ['a named one by label', { namespace: 'shop', labels: { tier: 'gold' } }, '10.2.0.1 from pool-gold'],
    [
      'a named one by name',
      { annotations: { 'fairlead.io/address-pool': 'silver' } },
      '10.3.0.1 from pool-silver',
    ],
    [
      'one that is not there',
      { annotations: { 'fairlead.io/address-pool': 'gild' } },
      'NoPool: ConfigMap kube-system/kubevip: fairlead.io/address-pool=gild: there is no pool pool-gild; there are gold, silver; did you mean gold?',
    ],
    [
      'one that serves others',
      { annotations: { 'fairlead.io/address-pool': 'gold' } },
      'InvalidRequest: ConfigMap kube-system/kubevip: fairlead.io/address-pool=gold: pool-gold serves only Services with labels tier=gold',
    ],
  ])('%s', (_what, traits, expected) => {
    expect(new Stage(data).add('a', traits)).toContain(expected);
  });
});

describe('families', () => {
  const data: Data = { 'range-global': '10.0.0.1-10.0.0.4,fd00::1-fd00::1' };
  it('are followed, the others stay', () => {
    const stage = new Stage(data);
    expect(stage.add('a')).toBe('10.0.0.1 from global');
    stage.edit('a', withFamilies('PreferDualStack', ['IPv4', 'IPv6']));
    expect(stage.sync('a')).toBe('10.0.0.1,fd00::1 from global');
    stage.edit('a', withFamilies('SingleStack', ['IPv4']));
    expect(stage.sync('a')).toBe('10.0.0.1 from global');
    expect(stage.add('b', { ipFamilies: ['IPv6'] })).toBe('fd00::1 from global');
  });

  it('that cannot be had are waited for, and cost nothing that is there', () => {
    const stage = new Stage(data);
    stage.add('holder', { ipFamilies: ['IPv6'] });
    stage.add('a');
    stage.edit('a', withFamilies('RequireDualStack', ['IPv4', 'IPv6']));
    expect(stage.sync('a')).toBe('10.0.0.1 from global; no free IPv6 address in the pool');
    expect(stage.decide('a')).toMatchObject({ need: { of: 'pool' } });
    stage.pools({ 'range-global': FOUR });
    expect(stage.sync('a')).toBe('10.0.0.1 from global; no IPv6 address in the pool');
    stage.pools({ 'range-global': `${FOUR},fd00::1-fd00::2` });
    expect(stage.sync('a')).toBe('10.0.0.1,fd00::2 from global');
  });
});

describe('an address that its pool may not give any more', () => {
  const before: Data = { 'range-global': '10.0.0.1-10.0.0.1' };
  const after = { 'range-global': '10.0.0.5-10.0.0.6' };
  it.each<[string, Data, string]>([
    ['stays by default', after, '10.0.0.1 from global'],
    ['stays', { ...after, 'on-change-global': 'keep' }, '10.0.0.1 from global'],
    ['is replaced', { ...after, 'on-change-global': 'move' }, '10.0.0.5 from global'],
    [
      'is replaced and held on',
      { ...after, 'on-change-global': 'drain 5m' },
      '10.0.0.5,10.0.0.1 from global',
    ],
    [
      'is avoided',
      { ...before, 'avoid-global': '10.0.0.1', 'on-change-global': 'move' },
      '10.0.0.1 from global',
    ],
    [
      'belongs to a namespace that has its own pool now',
      { ...before, 'range-default': '10.7.0.1-10.7.0.9', 'on-change-global': 'move' },
      '10.7.0.1 from default',
    ],
    ['and there is no pool any more', { 'on-change-global': 'move' }, '10.0.0.1 from global'],
    [
      'and the other pool is named',
      { ...before, 'pool-x': '10.8.0.1', 'selector-x': 'app=a', 'on-change-global': 'move' },
      '10.8.0.1 from pool-x',
    ],
  ])('%s', (_what, data, expected) => {
    const stage = new Stage(before);
    stage.add('a');
    expect(stage.pools(data).sync('a').split(';')[0]).toBe(expected);
    // Nothing more happens.
    const decision = stage.decide('a');
    expect(decision.kind === 'assign' && withAssignment(stage.get('a'), decision)).toBeUndefined();
  });

  it('goes by the policy of the pool it came from, also when that has gone', () => {
    const stage = new Stage({ 'range-default': '10.1.0.1-10.1.0.9', 'range-global': FOUR });
    expect(stage.add('a')).toBe('10.1.0.1 from default');
    stage.pools({ 'range-global': FOUR, 'on-change-default': 'move' });
    expect(stage.sync('a')).toBe('10.0.0.1 from global');
  });

  it('stays until there is another', () => {
    const stage = new Stage({ 'range-global': '10.0.0.1-10.0.0.2' });
    stage.add('a');
    stage.add('b');
    const moved = { 'range-global': '10.0.0.9-10.0.0.9', 'on-change-global': 'move' };
    stage.pools(moved);
    expect(stage.sync('a')).toBe('10.0.0.9 from global');
    expect(stage.sync('b')).toBe('10.0.0.2 from global; no free IPv4 address in the pool');
    expect(stage.decide('b')).toMatchObject({ need: { of: 'pool' } });
    stage.pools({ ...moved, 'range-global': '10.0.0.9-10.0.0.10' });
    expect(stage.sync('b')).toBe('10.0.0.10 from global');
  });

  it('drains until its time is over', () => {
    const stage = new Stage(before);
    stage.add('a');
    stage.pools({ ...after, 'on-change-global': 'drain 5m' });
    expect(stage.sync('a')).toBe('10.0.0.5,10.0.0.1 from global');
    const { annotations } = stage.get('a').metadata ?? {};
    expect(annotations?.['fairlead.io/draining']).toBe('10.0.0.1=2026-01-01T12:05:00Z');
    expect(stage.get('a').spec?.loadBalancerIP).toBe('10.0.0.5');
    stage.wallMs += 299_000;
    expect(stage.sync('a')).toBe('10.0.0.5,10.0.0.1 from global');
    stage.wallMs += 1_000;
    expect(stage.sync('a')).toBe('10.0.0.5 from global');
    expect(stage.get('a').metadata?.annotations).not.toHaveProperty('fairlead.io/draining');
  });

  it('drains beside one that drains already, and comes back when the pool does', () => {
    const drain = { 'on-change-global': 'drain' };
    const stage = new Stage(before);
    stage.add('a');
    stage.pools({ ...after, ...drain }).sync('a');
    expect(stage.pools({ 'range-global': '10.0.0.8-10.0.0.8', ...drain }).sync('a')).toBe(
      '10.0.0.8,10.0.0.1,10.0.0.5 from global',
    );
    expect(stage.pools({ ...before, ...drain }).sync('a')).toBe('10.0.0.1,10.0.0.5,10.0.0.8 from global');
    stage.wallMs += 600_000;
    expect(stage.sync('a')).toBe('10.0.0.1 from global');
  });

  it('moves alone: the address of the other family stays', () => {
    const stage = new Stage({ 'range-global': '10.0.0.1-10.0.0.1,fd00::1-fd00::1' });
    stage.add('a', { policy: 'RequireDualStack' });
    stage.pools({ 'range-global': '10.0.0.5-10.0.0.6,fd00::1-fd00::1', 'on-change-global': 'move' });
    expect(stage.sync('a')).toBe('10.0.0.5,fd00::1 from global');
  });

  it('of the peer moves, too, and says so from then on', () => {
    const stage = new Stage({ 'range-global': '10.0.0.5-10.0.0.6', 'on-change-global': 'move' });
    const peers = { annotation: '10.0.0.1', loadBalancerIP: '10.0.0.1', labelled: true, finalizer: true };
    expect(stage.add('a', peers)).toBe('10.0.0.5 from global');
    expect(wordOf(stage.get('a'), stage.decide('a') as Assignment)?.message).toBe(
      'has 10.0.0.5 from pool global',
    );
  });
});

it('a drain that cannot be read counts as none', () => {
  const stage = new Stage({ 'range-global': FOUR });
  stage.add('a');
  stage.edit('a', (each) => ({
    ...each,
    metadata: {
      ...each.metadata,
      annotations: { ...each.metadata?.annotations, 'fairlead.io/draining': 'banana' },
    },
  }));
  expect(stage.sync('a')).toBe('10.0.0.1 from global');
  expect(formatDrains([])).toBeUndefined();
});
