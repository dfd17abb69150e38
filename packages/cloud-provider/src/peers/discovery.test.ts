// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { choosePool } from '../pools/choose-pool.ts';
import { parsePools } from '../pools/parse.ts';
import { formatKey } from '../pools/pool.ts';
import { EXHAUSTED, nextAddress, type PoolData, poolOf } from './testing/peer-cases.ts';

/*
 * From which key a namespace is served, and with what: the peer's cases for pools by CIDR (3) and range (3), and for the
 * addresses out of them (4 and 4).
 */

/** The keys that serve the namespace, or the reason code when none does. */
function keysFor(namespace: string, data: PoolData): readonly string[] {
  const choice = choosePool(parsePools(data), { namespace, labels: {}, requestedPool: undefined });
  return choice.ok ? choice.pool.sources.map(formatKey) : [choice.reason];
}

describe.each(['cidr', 'range'] as const)('pools by %s', (kind) => {
  const own = kind === 'cidr' ? '10.120.120.0/24' : '10.120.120.1-10.120.120.9';
  const all = kind === 'cidr' ? '10.121.121.0/24' : '10.121.121.1-10.121.121.9';

  it.each<readonly [string, PoolData, readonly string[]]>([
    ['its own key', { [`${kind}-basic`]: own, [`${kind}-global`]: all }, [`${kind}-basic=${own}`]],
    ['the global key', { [`${kind}-other`]: own, [`${kind}-global`]: all }, [`${kind}-global=${all}`]],
    ['nothing', { [`${kind}-other`]: own }, ['NoPool']],
  ])('a namespace is served from %s', (_what, data, keys) => {
    expect(keysFor('basic', data)).toEqual(keys);
  });
});

it.each<readonly [string, PoolData, readonly string[]]>([
  [
    'CIDRs before ranges',
    { 'range-basic': '10.0.0.1-10.0.0.9', 'cidr-basic': '10.1.0.0/30' },
    ['cidr-basic=10.1.0.0/30', 'range-basic=10.0.0.1-10.0.0.9'],
  ],
  [
    'its own range although there is a global CIDR (the peer never reaches the range)',
    { 'range-basic': '10.0.0.1-10.0.0.9', 'cidr-global': '10.1.0.0/24' },
    ['range-basic=10.0.0.1-10.0.0.9'],
  ],
])('a namespace is served from %s', (_what, data, keys) => {
  expect(keysFor('basic', data)).toEqual(keys);
});

describe('addresses out of a pool', () => {
  it.each<readonly [string, PoolData, readonly string[], string]>([
    ['the first of a CIDR', { 'cidr-global': '10.120.120.1/24' }, [], '10.120.120.1'],
    ['the second of a CIDR', { 'cidr-global': '10.120.120.1/24' }, ['10.120.120.1'], '10.120.120.2'],
    ['nothing of a CIDR in use', { 'cidr-global': '10.120.120.1/32' }, ['10.120.120.1'], EXHAUSTED],
    ['the next CIDR', { 'cidr-global': '10.120.120.1/32,10.121.121.1/32' }, ['10.120.120.1'], '10.121.121.1'],
    ['the first of a range', { 'range-global': '10.10.10.8-10.10.10.15' }, [], '10.10.10.8'],
    ['the second of a range', { 'range-global': '10.10.10.8-10.10.10.15' }, ['10.10.10.8'], '10.10.10.9'],
    ['nothing of a range in use', { 'range-global': '10.10.10.8-10.10.10.8' }, ['10.10.10.8'], EXHAUSTED],
    [
      'the next range',
      { 'range-global': '10.10.10.8-10.10.10.8,10.10.10.12-10.10.10.13' },
      ['10.10.10.8'],
      '10.10.10.12',
    ],
  ])('%s', (_what, data, used, next) => {
    expect(nextAddress(poolOf(data), used)).toBe(next);
  });
});
