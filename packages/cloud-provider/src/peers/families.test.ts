// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ServiceTraits } from '../services/testing/services.ts';
import { holding, verdictOn, wanting } from './testing/scene.ts';

/*
 * What a Service gets by policy, families, what the pool has and what of it is in use: the peer's cases about discovering
 * addresses (31, sharing included; those are in sharing.test.ts).
 */

type Policy = 'unset' | 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
type Families = '' | '4' | '6' | '46' | '64';

const RANGES = {
  4: '10.120.120.1-10.120.120.2',
  6: 'fe80::10-fe80::11',
} as const;
const POOLS = {
  v4: RANGES[4],
  v6: RANGES[6],
  both: `${RANGES[4]},${RANGES[6]}`,
  none: undefined,
} as const;

/** Services that hold all addresses of the family. */
function takers(families: Families) {
  const list = [...families].flatMap((family) =>
    family === '4' ? ['10.120.120.1', '10.120.120.2'] : ['fe80::10', 'fe80::11'],
  );
  return list.map((text, i) =>
    holding(`taker-${i}`, text, text.includes(':') ? { ipFamilies: ['IPv6'] } : {}),
  );
}

function subject(policy: Policy, families: Families) {
  const ipFamilies = [...families].map((family) => (family === '4' ? 'IPv4' : 'IPv6'));
  const traits: ServiceTraits = { ipFamilies, ...(policy !== 'unset' && { policy }) };
  const base = wanting('subject', traits);
  if (policy !== 'unset') return base;
  const { ipFamilyPolicy: _policy, ...spec } = base.spec ?? {};
  return { ...base, spec };
}

const V4 = '10.120.120.1';
const V6 = 'fe80::10';

type Case = readonly [
  pool: keyof typeof POOLS,
  policy: Policy,
  families: Families,
  inUse: Families,
  verdict: string,
];

describe.each(['range-global', 'range-default', 'cidr-global'] as const)('from %s', (key) => {
  it.each<Case>([
    ['v4', 'unset', '', '', V4],
    ['v6', 'unset', '', '', V6],
    ['both', 'unset', '', '', V4],
    ['both', 'unset', '6', '', V6],
    ['v4', 'SingleStack', '4', '', V4],
    ['v4', 'SingleStack', '6', '', 'NoPool'],
    ['v6', 'SingleStack', '6', '', V6],
    ['v6', 'SingleStack', '4', '', 'NoPool'],
    ['both', 'SingleStack', '4', '', V4],
    ['both', 'SingleStack', '6', '', V6],
    ['both', 'SingleStack', '4', '4', 'PoolExhausted'],
    ['both', 'SingleStack', '6', '6', 'PoolExhausted'],
    ['both', 'RequireDualStack', '46', '', `${V4},${V6}`],
    ['both', 'RequireDualStack', '64', '', `${V6},${V4}`],
    ['both', 'RequireDualStack', '', '', `${V4},${V6}`],
    ['v4', 'RequireDualStack', '46', '', 'NoPool'],
    ['v6', 'RequireDualStack', '46', '', 'NoPool'],
    ['both', 'RequireDualStack', '46', '4', 'PoolExhausted'],
    ['both', 'RequireDualStack', '46', '6', 'PoolExhausted'],
    ['both', 'RequireDualStack', '46', '46', 'PoolExhausted'],
    ['both', 'PreferDualStack', '46', '', `${V4},${V6}`],
    ['both', 'PreferDualStack', '64', '', `${V6},${V4}`],
    ['both', 'PreferDualStack', '', '', `${V4},${V6}`],
    ['v4', 'PreferDualStack', '46', '', V4],
    ['v6', 'PreferDualStack', '46', '', V6],
    ['v6', 'PreferDualStack', '64', '', V6],
    ['both', 'PreferDualStack', '46', '4', V6],
    ['both', 'PreferDualStack', '46', '6', V4],
    ['both', 'PreferDualStack', '46', '46', 'PoolExhausted'],
    // The peer calls this a success, and writes an empty annotation that then stops every later allocation.
    ['v4', 'PreferDualStack', '46', '4', 'PoolExhausted'],
    ['v6', 'PreferDualStack', '46', '6', 'PoolExhausted'],
    ['none', 'unset', '', '', 'NoPool'],
    ['none', 'RequireDualStack', '46', '', 'NoPool'],
  ])('%s pool, policy %s, families %j, in use %j: %s', async (pool, policy, families, inUse, verdict) => {
    const data = POOLS[pool] === undefined ? {} : { [key]: POOLS[pool] };
    expect(await verdictOn(subject(policy, families), { data, others: takers(inUse) })).toBe(verdict);
  });
});

describe('the DHCP placeholder', () => {
  it.each<readonly [Policy, Families]>([
    ['unset', ''],
    ['SingleStack', '4'],
    ['SingleStack', '6'],
    ['PreferDualStack', '46'],
    ['RequireDualStack', '64'],
  ])('is the single value 0.0.0.0, policy %s, families %j', async (policy, families) => {
    const data = { 'cidr-global': '0.0.0.0/32' };
    expect(await verdictOn(subject(policy, families), { data })).toBe('0.0.0.0');
  });
});

it('with search-order desc both families come from the top', async () => {
  const data = { 'range-global': POOLS.both, 'search-order': 'desc' };
  expect(await verdictOn(subject('RequireDualStack', '46'), { data })).toBe('10.120.120.2,fe80::11');
});
