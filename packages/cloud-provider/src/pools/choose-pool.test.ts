// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { choosePool, type PoolSubject, poolsOpenTo } from './choose-pool.ts';
import { parsePools } from './parse.ts';

const GLOBAL = { 'cidr-global': '192.0.2.0/24' };
const DEV = { 'range-dev': '198.51.100.1-198.51.100.9' };
const GOLD = { 'pool-gold': '203.0.113.0/24' };

interface Subject {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly asks?: string;
}

function subjectOf({ namespace = 'default', labels = {}, asks }: Subject): PoolSubject {
  return { namespace, labels, requestedPool: asks };
}

/** Id of the pool, or `reason: problem`. */
function choose(data: Record<string, string>, subject: Subject): string {
  const choice = choosePool(parsePools(data), subjectOf(subject));
  return choice.ok ? choice.pool.id : `${choice.reason}: ${choice.problem}`;
}

describe('without a wish', () => {
  it.each<[string, Record<string, string>, Subject, string]>([
    ['the own pool', { ...GLOBAL, ...DEV }, { namespace: 'dev' }, 'dev'],
    ['the global one for others', { ...GLOBAL, ...DEV }, {}, 'global'],
    [
      'the global one for a namespace called global',
      { ...GLOBAL, ...DEV },
      { namespace: 'global' },
      'global',
    ],
    ['no named pool without a selector', { ...GLOBAL, ...GOLD }, {}, 'global'],
    ['not for a namespace called as its id', { ...GLOBAL, ...GOLD }, { namespace: 'pool-gold' }, 'global'],
    [
      'a named pool whose selector matches, before all others',
      { ...GLOBAL, ...DEV, ...GOLD, 'selector-gold': 'tier=gold' },
      { namespace: 'dev', labels: { tier: 'gold' } },
      'pool-gold',
    ],
    [
      'not one whose selector does not match',
      { ...GLOBAL, ...GOLD, 'selector-gold': 'tier=gold' },
      { labels: { tier: 'silver' } },
      'global',
    ],
    [
      'the first by name of several that match',
      {
        'pool-b': '10.0.0.1',
        'pool-a': '10.0.0.2',
        'pool-c': '10.0.0.3',
        'selector-a': 'x',
        'selector-b': 'x',
      },
      { labels: { x: '' } },
      'pool-a',
    ],
    [
      'not one that serves on request',
      { ...GLOBAL, ...GOLD, 'selector-gold': 'tier=gold', 'auto-assign-gold': 'false' },
      { labels: { tier: 'gold' } },
      'global',
    ],
    [
      'the global one where the selector of the own one does not match',
      { ...GLOBAL, ...DEV, 'selector-dev': 'tier=gold' },
      { namespace: 'dev' },
      'global',
    ],
    ['the own one, unusable as it is', { ...GLOBAL, 'range-dev': 'banana' }, { namespace: 'dev' }, 'dev'],
  ])('%s', (_what, data, subject, expected) => {
    expect(choose(data, subject)).toBe(expected);
  });

  it.each<[string, Record<string, string>, Subject, RegExp]>([
    ['there is none', DEV, {}, /^NoPool: there is no address pool for namespace default$/],
    [
      'the own one serves on request: no way round it',
      { ...GLOBAL, ...DEV, 'auto-assign-dev': 'false' },
      { namespace: 'dev' },
      /^NoPool: the pool of namespace dev gives addresses only on request/,
    ],
    [
      'the global one serves on request',
      { ...GLOBAL, 'auto-assign-global': 'false' },
      {},
      /^NoPool: the global pool gives addresses only on request \(auto-assign-global: "false"\)/,
    ],
    [
      'the selector of the global one does not match',
      { ...GLOBAL, 'selector-global': 'a=b' },
      {},
      /^NoPool: the global pool serves only Services with labels a=b/,
    ],
    [
      'the selector of the only one does not match',
      { ...DEV, 'selector-dev': 'a=b' },
      { namespace: 'dev' },
      /^NoPool: the pool of namespace dev serves only Services with labels a=b/,
    ],
    [
      'the selector of the own one cannot be read: a typing error opens no other pool',
      { ...GLOBAL, ...DEV, 'selector-dev': 'a in (' },
      { namespace: 'dev' },
      /^NoPool: the selector of the pool of namespace dev cannot be read/,
    ],
  ])('none: %s', (_what, data, subject, expected) => {
    expect(choose(data, subject)).toMatch(expected);
  });
});

describe('with the wish for a pool', () => {
  const data = { ...GLOBAL, ...GOLD, 'pool-silver': '10.0.0.1', 'selector-silver': 'tier=silver' };

  it.each<[Subject, string | RegExp]>([
    [{ asks: 'gold' }, 'pool-gold'],
    [{ asks: ' pool-gold ' }, 'pool-gold'],
    [{ asks: 'silver', labels: { tier: 'silver' } }, 'pool-silver'],
    [{ asks: 'silver' }, /^InvalidRequest: .*pool-silver serves only Services with labels tier=silver/],
    [{ asks: 'glod' }, /^NoPool: .*there is no pool pool-glod; there are gold, silver; did you mean gold\?$/],
    // The pools of namespaces cannot be asked for.
    [{ asks: 'global' }, /^NoPool: .*there are gold, silver/],
    [{ asks: ' ' }, 'global'],
  ])('%j', (subject, expected) => {
    if (typeof expected === 'string') expect(choose(data, subject)).toBe(expected);
    else expect(choose(data, subject)).toMatch(expected);
  });

  it('is served by a pool on request, and not by one whose selector cannot be read', () => {
    expect(choose({ ...data, 'auto-assign-gold': 'false' }, { asks: 'gold' })).toBe('pool-gold');
    expect(choose({ ...data, 'selector-gold': '(' }, { asks: 'gold' })).toMatch(
      /^InvalidRequest: .*cannot be read/,
    );
  });

  it('says when there are no named pools, and does not list hundreds', () => {
    expect(choose(GLOBAL, { asks: 'gold' })).toMatch(/there are no named pools/);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`pool-n${i}`, '10.0.0.1']));
    expect(choose(many, { asks: 'gold' })).toMatch(/and 280 more$/);
  });
});

describe('the pools in which a Service may name an address', () => {
  const open = (data: Record<string, string>, subject: Subject) =>
    poolsOpenTo(parsePools(data), subjectOf(subject)).map(({ id }) => id);

  it.each<[Record<string, string>, Subject, readonly string[]]>([
    [{ ...GLOBAL, ...DEV, ...GOLD }, { namespace: 'dev' }, ['dev', 'pool-gold']],
    [{ ...GLOBAL, ...DEV, ...GOLD }, {}, ['global', 'pool-gold']],
    [{ ...GLOBAL, 'auto-assign-global': 'false' }, {}, ['global']],
    [{ ...GLOBAL, ...GOLD, 'selector-gold': 'a' }, {}, ['global']],
    [{ ...GLOBAL, ...GOLD, 'selector-gold': 'a' }, { labels: { a: '' } }, ['global', 'pool-gold']],
    [{ ...GLOBAL, 'selector-global': 'a' }, {}, []],
    [DEV, {}, []],
  ])('%j %j: %j', (data, subject, expected) => {
    expect(open(data, subject)).toEqual(expected);
  });
});
