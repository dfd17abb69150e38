// SPDX-License-Identifier: Apache-2.0
import { address } from '@fairlead/shared/address/address.ts';
import { describe, expect, it } from 'vitest';
import { parsePools } from './parse.ts';
import {
  formatProblem,
  isAvoided,
  mayShare,
  type Pool,
  type Pools,
  poolContains,
  poolCovers,
  poolSize,
} from './pool.ts';

const POOLS = {
  'cidr-global': '192.0.2.0/24',
  'range-dev': '198.51.100.1-198.51.100.9',
  'pool-gold': '203.0.113.0/24, 2001:db8::/64',
} as const;

function parse(options: Record<string, string>): Pools {
  return parsePools({ ...POOLS, ...options });
}

function poolOf(pools: Pools, id: string): Pool {
  const pool = pools.byId.get(id);
  if (pool === undefined) throw new Error(`no pool ${id}`);
  return pool;
}

/** `severity key: problem`. */
function problemsOf(pools: Pools): readonly string[] {
  return pools.problems.map((problem) => `${problem.severity} ${formatProblem(problem)}`);
}

describe('pools', () => {
  it('are global, of a namespace, or named', () => {
    const pools = parse({});
    expect([...pools.byId.values()].map(({ kind, id, name }) => [kind, id, name])).toEqual([
      ['global', 'global', 'global'],
      ['namespace', 'dev', 'dev'],
      ['named', 'pool-gold', 'gold'],
    ]);
    expect(problemsOf(pools)).toEqual([]);
  });

  it('have defaults that change nothing', () => {
    for (const pool of parse({}).byId.values()) {
      expect(pool).toMatchObject({ selector: undefined, autoAssign: true, cooldownMs: undefined });
      expect(pool.onChange).toEqual({ kind: 'keep' });
      expect(pool.avoid.isEmpty()).toBe(true);
    }
  });

  it('keep apart a namespace and a named pool of one id: the namespace wins', () => {
    const pools = parsePools({ 'pool-x': '10.0.0.1', 'range-pool-x': '10.0.0.2', 'cidr-pool-x': '10.0.0.3' });
    expect(pools.byId.get('pool-x')).toMatchObject({ kind: 'namespace', name: 'pool-x' });
    expect(problemsOf(pools)).toEqual([expect.stringMatching(/^error pool-x=10\.0\.0\.1: cannot be used/)]);
  });

  it('of impossible namespaces are no pools', () => {
    const pools = parsePools({ 'cidr-Global': '10.0.0.0/24', 'interface-a.b': 'eth0' });
    expect(pools.byId.size).toBe(0);
    expect(pools.problems.map(({ key, severity, nearestKey }) => [key, severity, nearestKey])).toEqual([
      ['cidr-Global', 'warning', 'cidr-global'],
      ['interface-a.b', 'warning', undefined],
    ]);
  });
});

describe('avoid', () => {
  const pools = parse({
    'avoid-global': '192.0.2.1, 203.0.113.0/30,',
    'avoid-gold': '203.0.113.10-203.0.113.19',
    'avoid-dev': '198.51.100.9',
  });

  it.each([
    ['global', '192.0.2.1', true],
    ['global', '192.0.2.2', false],
    ['pool-gold', '203.0.113.1', true],
    ['pool-gold', '203.0.113.15', true],
    ['dev', '198.51.100.9', true],
    ['dev', '203.0.113.1', true],
    // What another pool avoids is none of its business.
    ['global', '198.51.100.9', false],
  ])('%s never gives %s: %j', (id, text, avoided) => {
    const pool = poolOf(pools, id);
    expect(isAvoided(pools, pool, address(text))).toBe(avoided);
    if (avoided) {
      expect(poolContains(pool, address(text))).toBe(false);
      expect(poolCovers(pool, address(text))).toBe(false);
    }
  });

  it('without a pool is what holds everywhere', () => {
    expect(isAvoided(pools, undefined, address('192.0.2.1'))).toBe(true);
    expect(isAvoided(pools, undefined, address('198.51.100.9'))).toBe(false);
  });

  it('makes the pools smaller', () => {
    expect(poolSize(poolOf(pools, 'pool-gold'), 4)).toBe(254n - 3n - 10n);
    expect(poolSize(poolOf(pools, 'dev'), 4)).toBe(8n);
  });

  it('uses the good entries of a list with a bad one', () => {
    const some = parse({ 'avoid-global': '192.0.2.1,banana,192.0.2.2' });
    expect(some.avoidEverywhere.size(4)).toBe(2n);
    expect(problemsOf(some)).toEqual([expect.stringContaining('error avoid-global=192.0.2.1,banana')]);
  });

  it('adds what two names of one pool say', () => {
    const both = parse({ 'avoid-gold': '203.0.113.1', 'avoid-pool-gold': '203.0.113.2' });
    expect(poolOf(both, 'pool-gold').avoid.size(4)).toBe(2n);
    expect(problemsOf(both)).toEqual([]);
  });

  it('of everything is told at the key that gives nothing then', () => {
    const none = parse({ 'avoid-dev': '198.51.100.0/24' });
    expect(none.byId.get('dev')).toMatchObject({ sources: [] });
    expect(problemsOf(none)).toEqual([
      expect.stringMatching(/^error range-dev=.*: gives no address: every one of them is to be avoided/),
    ]);
  });
});

describe('for a request, addresses ending in .0 and .255 are in the pool', () => {
  it.each(['203.0.113.0', '203.0.113.255'])('%s', (text) => {
    const pool = poolOf(parse({}), 'pool-gold');
    expect(poolCovers(pool, address(text))).toBe(true);
    expect(poolContains(pool, address(text))).toBe(false);
  });
});

describe('selector', () => {
  it('chooses by labels', () => {
    const { selector } = poolOf(parse({ 'selector-gold': ' tier in (gold, best),!test ' }), 'pool-gold');
    expect(selector?.matches({ tier: 'gold' })).toBe(true);
    expect(selector?.matches({ tier: 'gold', test: '' })).toBe(false);
    expect(selector?.matches({})).toBe(false);
  });

  it.each(['', '  ', 'tier in (gold', '=', 'a b', '-x=y'])(
    'that cannot be read (%j) serves nobody, and never everybody',
    (text) => {
      const pools = parse({ 'selector-dev': text });
      const pool = poolOf(pools, 'dev');
      expect(pool.selectorUnreadable).toBe(true);
      expect(pool.selector?.matches({})).toBe(false);
      expect(problemsOf(pools)).toEqual([expect.stringMatching(/^error selector-dev=/)]);
      expect(pools.problems[0]?.pool).toBe('dev');
    },
  );
});

describe('auto-assign', () => {
  it.each([
    ['false', false, undefined],
    [' F ', false, undefined],
    ['true', true, undefined],
    // Who writes the key wants the pool closed.
    ['no', false, 'error'],
    ['', false, 'error'],
  ])('%j: %j', (text, expected, severity) => {
    const pools = parse({ 'auto-assign-global': text });
    expect(poolOf(pools, 'global').autoAssign).toBe(expected);
    expect(pools.problems.map((problem) => problem.severity)).toEqual(
      severity === undefined ? [] : [severity],
    );
  });

  it('true has no effect on a named pool without a selector', () => {
    expect(problemsOf(parse({ 'auto-assign-gold': 'true' }))).toEqual([
      expect.stringMatching(/^warning auto-assign-gold=true: has no effect.*expected selector-gold/),
    ]);
    expect(problemsOf(parse({ 'auto-assign-gold': 'true', 'selector-pool-gold': 'a=b' }))).toEqual([]);
  });
});

describe('on-change', () => {
  it.each([
    ['keep', { kind: 'keep' }],
    ['move', { kind: 'move' }],
    ['drain', { kind: 'drain', drainMs: 600_000 }],
    [' drain   1h30m ', { kind: 'drain', drainMs: 5_400_000 }],
    ['drain 0s', { kind: 'drain', drainMs: 0 }],
  ])('%j', (text, policy) => {
    const pools = parse({ 'on-change-gold': text });
    expect(poolOf(pools, 'pool-gold').onChange).toEqual(policy);
    expect(problemsOf(pools)).toEqual([]);
  });

  it.each(['', 'banana', 'keep 3m', 'drain soon', 'drain 30m now', 'drain -5m', 'drain 9999h', 'Move'])(
    'that cannot be read (%j) keeps, whatever the global key says',
    (text) => {
      const pools = parse({ 'on-change-dev': text, 'on-change-global': 'move' });
      expect(poolOf(pools, 'dev').onChange).toEqual({ kind: 'keep' });
      expect(problemsOf(pools)).toEqual([expect.stringMatching(/^warning on-change-dev=.*read as keep/)]);
    },
  );

  it('is the own one, else the global one, also for pools that have gone', () => {
    const pools = parse({
      'on-change-global': 'move',
      'on-change-dev': 'keep',
      'on-change-old': 'drain',
      'on-change-pool-older': 'drain 1h',
    });
    const kinds = ['global', 'dev', 'pool-gold', 'old', 'pool-old', 'pool-older', 'older', 'request'].map(
      (id) => pools.onChange(id).kind,
    );
    expect(kinds).toEqual(['move', 'keep', 'move', 'drain', 'drain', 'drain', 'move', 'move']);
    expect(problemsOf(pools)).toEqual([]);
  });
});

describe('cooldown', () => {
  it('is the own one, else the global one, else none', () => {
    const pools = parse({ 'cooldown-global': '5m', 'cooldown-gold': '0s' });
    expect(['global', 'dev', 'pool-gold'].map((id) => poolOf(pools, id).cooldownMs)).toEqual([
      300_000, 300_000, 0,
    ]);
    expect(poolOf(parse({ 'cooldown-dev': '1h' }), 'global').cooldownMs).toBeUndefined();
  });

  it.each(['', '60', '-5s', 'soon', '99999h'])('that cannot be read (%j) counts as absent', (text) => {
    const pools = parse({ 'cooldown-dev': text, 'cooldown-global': '1m' });
    expect(poolOf(pools, 'dev').cooldownMs).toBe(60_000);
    expect(problemsOf(pools)).toEqual([expect.stringMatching(/^warning cooldown-dev=.*expected a duration/)]);
  });
});

describe('which pool an option means', () => {
  it.each(['gold', 'pool-gold'])('%s means the named pool', (suffix) => {
    expect(poolOf(parse({ [`cooldown-${suffix}`]: '9s' }), 'pool-gold').cooldownMs).toBe(9_000);
  });

  it('means the namespace where a named pool has its name', () => {
    const pools = parse({ 'pool-dev': '10.0.0.1', 'cooldown-dev': '1s', 'cooldown-pool-dev': '2s' });
    expect(poolOf(pools, 'dev').cooldownMs).toBe(1_000);
    expect(poolOf(pools, 'pool-dev').cooldownMs).toBe(2_000);
  });

  it('takes the full id where both names say something', () => {
    const pools = parse({ 'cooldown-gold': '1s', 'cooldown-pool-gold': '2s' });
    expect(poolOf(pools, 'pool-gold').cooldownMs).toBe(2_000);
    expect(problemsOf(pools)).toEqual([
      expect.stringMatching(/^warning cooldown-gold=1s: has no effect beside cooldown-pool-gold/),
    ]);
  });

  it.each([
    ['avoid-glod', '10.0.0.1', 'avoid-gold'],
    ['selector-golb', 'a=b', 'selector-gold'],
    ['auto-assign-glbal', 'false', 'auto-assign-global'],
    ['cooldown-nowhere-near', '1m', undefined],
  ])('%s means none and says so', (key, value, nearestKey) => {
    const pools = parse({ [key]: value });
    expect(pools.problems).toMatchObject([{ key, severity: 'warning' }]);
    expect(pools.problems[0]?.nearestKey).toBe(nearestKey);
    expect(problemsOf(pools)[0]).toContain('has no effect: there is no pool');
  });

  it('lets what holds for all stand without a global pool', () => {
    const all = { 'avoid-global': '10.0.0.1', 'on-change-global': 'move', 'cooldown-global': '1s' };
    expect(problemsOf(parsePools({ 'range-dev': '10.0.0.1-10.0.0.9', ...all }))).toEqual([]);
    expect(problemsOf(parsePools({ 'selector-global': 'a=b' }))).toHaveLength(1);
  });
});

describe('keys for namespaces', () => {
  it('shares by the word of the namespace, else the global one, else not', () => {
    const pools = parse({ 'allow-share-global': 'true', 'allow-share-dev': '0', 'allow-share-odd': 'maybe' });
    expect(['dev', 'other', 'odd'].map((namespace) => mayShare(pools, namespace))).toEqual([
      false,
      true,
      false,
    ]);
    expect(mayShare(parse({}), 'dev')).toBe(false);
    expect(problemsOf(pools)).toEqual([expect.stringMatching(/^warning allow-share-odd=maybe:/)]);
  });

  it.each(['', 'eth0,eth1', 'a/b', 'sixteen-letters-x'])('takes no interface %j', (value) => {
    const pools = parse({ 'interface-dev': value });
    expect(pools.interfaces.size).toBe(0);
    expect(problemsOf(pools)).toEqual([expect.stringMatching(/^warning interface-dev=/)]);
  });
});

describe('keys that hold for everything', () => {
  it.each([
    ['requested-outside-pool', 'deny', { requestedOutsidePool: 'deny' }, 0],
    ['requested-outside-pool', ' allow ', { requestedOutsidePool: 'allow' }, 0],
    ['requested-outside-pool', 'refuse', { requestedOutsidePool: 'deny' }, 1],
    ['data-plane', 'fairlead', { ownDataPlane: true }, 0],
    ['data-plane', 'kube-proxy', { ownDataPlane: false }, 0],
    ['data-plane', 'ipvs', { ownDataPlane: false }, 1],
  ])('%s=%s', (key, value, expected, count) => {
    const pools = parse({ [key]: value });
    expect(pools).toMatchObject(expected);
    expect(pools.problems).toHaveLength(count);
  });

  it('are allow and kube-proxy when absent', () => {
    expect(parse({})).toMatchObject({ requestedOutsidePool: 'allow', ownDataPlane: false });
  });

  it('leaves the ends of CIDRs out when it cannot be read whether to', () => {
    const pools = parse({ 'skip-end-ips-in-cidr': 'yes' });
    expect(poolCovers(poolOf(pools, 'global'), address('192.0.2.0'))).toBe(false);
  });
});
