// SPDX-License-Identifier: Apache-2.0
import { address, FAMILIES } from '@fairlead/shared/address/address.ts';
import { formatRange } from '@fairlead/shared/address/range.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readKey } from './keys.ts';
import { parsePools } from './parse.ts';
import { formatProblem, isAvoided, type Pools, poolContains, poolCovers } from './pool.ts';

const suffix = fc.constantFrom('global', 'dev', 'gold', 'pool-gold', 'Bad', 'x', '');
const word = fc.constantFrom(
  ...['cidr', 'range', 'pool', 'interface', 'allow-share', 'avoid', 'selector', 'auto-assign', 'on-change'],
  ...['cooldown', 'search-order', 'skip-end-ips-in-cidr', 'requested-outside-pool', 'data-plane', 'cdir', ''],
);
const key = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(word, suffix).map(([a, b]) => (b === '' ? a : `${a}-${b}`)) },
  { weight: 1, arbitrary: fc.string() },
);
const part = fc.constantFrom(
  ...[
    '10.0.0.1',
    '10.0.0.0',
    '-',
    '/',
    ',',
    '24',
    '30',
    'fe80::',
    ' ',
    'banana',
    '.255',
    '%eth0',
    '\n',
    '::',
  ],
  ...[
    'true',
    'false',
    'keep',
    'drain',
    '5m',
    'a=b',
    'a in (',
    ')',
    '!',
    'asc',
    'deny',
    '0.0.0.0/32',
    '__proto__',
  ],
);
const good = fc.constantFrom('10.0.0.0/24', '10.0.0.7', '10.0.0.4-10.0.0.9', '2001:db8::/64', '10.0.1.0/31');
const value = fc.oneof(
  fc.string(),
  fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
  fc.array(good, { maxLength: 4 }).map((parts) => parts.join(',')),
  fc.constantFrom('true', 'false', 'move', 'drain 5m', '90s', 'a=b', 'deny', 'desc', 'eth0'),
);
const data = fc.dictionary(key, value, { maxKeys: 12 });

/** All that the pools say, as plain data. */
function contentOf(pools: Pools) {
  const ids = [...pools.byId.keys()].sort();
  return {
    pools: ids.map((id) => {
      const pool = pools.byId.get(id);
      return [
        id,
        pool?.sources.map((source) => [
          source.key,
          FAMILIES.flatMap((family) => source.addresses.ranges(family)).map(formatRange),
          source.namedEnds,
        ]),
        [
          pool?.kind,
          pool?.name,
          pool?.order,
          [...(pool?.dhcp ?? [])],
          pool?.selector?.text,
          pool?.autoAssign,
        ],
        [pool?.onChange, pool?.cooldownMs, FAMILIES.map((family) => pool?.avoid.ranges(family))],
      ];
    }),
    interfaces: [...pools.interfaces].sort(),
    sharing: [...pools.sharing].sort(),
    everywhere: FAMILIES.map((family) => pools.avoidEverywhere.ranges(family)),
    rest: [pools.requestedOutsidePool, pools.ownDataPlane, pools.onChange('gone')],
  };
}

describe('reading the ConfigMap, whatever stands in it', () => {
  it('never throws, and names the key and place of each problem', () => {
    fc.assert(
      fc.property(data, (map) => {
        const pools = parsePools(map);
        for (const problem of pools.problems) {
          expect(formatProblem(problem)).toContain(problem.key);
          expect(Object.keys(map)).toContain(problem.key);
          expect(problem.value).toBe(map[problem.key]);
          if (problem.offset !== undefined) expect(problem.value.charAt(problem.offset)).toMatch(/[^\s,]/);
        }
        expect(pools.problems.map((problem) => problem.key)).toEqual(
          pools.problems.map((problem) => problem.key).toSorted(),
        );
      }),
    );
  });

  it('does not depend on the order of the keys', () => {
    const shuffled = data.chain((map) =>
      fc.tuple(
        fc.constant(map),
        fc.shuffledSubarray(Object.entries(map), { minLength: Object.keys(map).length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([map, entries]) => {
        const other = parsePools(Object.fromEntries(entries));
        expect(contentOf(other)).toEqual(contentOf(parsePools(map)));
        expect(other.problems).toEqual(parsePools(map).problems);
      }),
    );
  });

  it('gives the same with a key more that cannot be used', () => {
    const bad = fc.oneof(
      fc.tuple(
        fc.string().filter((text) => readKey(text) === undefined && text !== '__proto__'),
        value,
      ),
      fc.constantFrom(
        ...(['interface-new', 'cooldown-dev', 'cooldown-new', 'avoid-dev', 'on-change-other'] as const).map(
          (text) => [text, '? ?'] as const,
        ),
        ['search-order', '?'] as const,
        ['data-plane', '?'] as const,
        ['allow-share-new', '?'] as const,
        ['cidr-New', '10.9.0.0/24'] as const,
      ),
    );
    fc.assert(
      fc.property(data, bad, (map, [badKey, badValue]) => {
        fc.pre(!(badKey in map));
        const before = contentOf(parsePools(map));
        const after = contentOf(parsePools({ ...map, [badKey]: badValue }));
        expect({ ...after, sharing: [] }).toEqual({ ...before, sharing: [] });
      }),
    );
  });

  it('gives what the good entries of a list give, whatever stands between them', () => {
    const entries = fc.array(good, { minLength: 1, maxLength: 5 });
    const noise = fc.array(fc.constantFrom('', ' ', 'banana', '10.0.0.300', '10.0.0.9-', '/24', '\n'), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(entries, noise, (list, bad) => {
        const clean = parsePools({ 'range-a': list.join(',') });
        const noisy = list.flatMap((entry, index) => [` ${entry} `, bad[index] ?? '']).join(',');
        expect(contentOf(parsePools({ 'range-a': noisy })).pools).toEqual(contentOf(clean).pools);
      }),
    );
  });

  it('never lets a pool give, or cover, an address to be avoided', () => {
    const near = fc.integer({ min: 0, max: 270 }).map((n) => address(`10.0.${n >> 8}.${n & 255}`));
    fc.assert(
      fc.property(data, near, (map, candidate) => {
        const pools = parsePools(map);
        for (const pool of pools.byId.values()) {
          if (poolContains(pool, candidate)) expect(poolCovers(pool, candidate)).toBe(true);
          if (isAvoided(pools, pool, candidate)) expect(poolCovers(pool, candidate)).toBe(false);
        }
      }),
    );
  });
});

describe('large ConfigMaps', () => {
  const dotted = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  const keys = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, n) => [`cidr-n${n}`, `${dotted(n << 8)}/24`]),
  );
  const list = Array.from({ length: 10_000 }, (_, n) => dotted(n * 3 + 1)).join(',');
  const wrong = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`cooldown-m${n}`, 'soon']));

  // Quadratic work would take minutes; the limit only has to tell that apart on any machine.
  it.each([
    ['1,000 keys', keys],
    ['a list of 10,000 entries', { 'range-global': list }],
    ['10,000 entries to avoid', { 'cidr-global': '10.0.0.0/8', 'avoid-global': list }],
    ['1,000 pools and 1,000 options that belong to none', { ...keys, ...wrong }],
    ['half a million bad entries', { 'range-global': 'x,'.repeat(1 << 19) }],
  ])('%s', (_what, map) => {
    const startMs = performance.now();
    const pools = parsePools(map);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    expect(pools.problems.length).toBeLessThanOrEqual(1_000);
  });

  it('tells a hundred bad entries of a value, and how many more there are', () => {
    const { problems } = parsePools({ 'range-global': 'x,'.repeat(5_000) });
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)?.problem).toBe('and 4900 more entries with problems');
  });
});
