// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { describe, expect, it } from 'vitest';
import { EXHAUSTED, nextAddress, type PoolData, poolOf } from './testing/peer-cases.ts';

/*
 * Which address of a pool comes next: the peer's cases for ranges (16) and CIDRs (19).
 */

type Case = readonly [what: string, value: string, used: readonly string[], next: string];

/** `10.0.0.1` to `10.0.0.9` written as `10.0.0.`, 1, 9. */
function each(prefix: string, first: number, last: number): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${prefix}${first + i}`);
}

function check(data: PoolData, used: readonly string[], next: string): void {
  const family: Family = [next, ...used].some((text) => text.includes(':')) ? 6 : 4;
  expect(nextAddress(poolOf(data), used, family)).toBe(next);
}

describe('of a range comes next', () => {
  const OCTET = '192.168.0.253-192.168.1.2';

  it.each<Case>([
    ['the first', '192.168.0.10-192.168.0.12', [], '192.168.0.10'],
    ['the second when the first is used', '192.168.0.10-192.168.0.12', ['192.168.0.10'], '192.168.0.11'],
    ['the gap', '192.168.0.10-192.168.0.12', ['192.168.0.10', '192.168.0.12'], '192.168.0.11'],
    ['the first when only others are used', '192.168.0.10-192.168.0.12', ['10.0.0.1'], '192.168.0.10'],
    ['nothing when all are used', '192.168.0.10-192.168.0.12', each('192.168.0.', 10, 12), EXHAUSTED],
    ['what lies behind .255 and .0', OCTET, ['192.168.0.253', '192.168.0.254'], '192.168.1.1'],
    [
      'nothing when only .255 and .0 are left',
      OCTET,
      [...each('192.168.0.', 253, 254), ...each('192.168.1.', 1, 2)],
      EXHAUSTED,
    ],
    ['not the .0 at its start', '192.168.0.0-192.168.0.2', [], '192.168.0.1'],
    ['not the .255 at its end', '192.168.0.254-192.168.0.255', ['192.168.0.254'], EXHAUSTED],
    [
      'the second range when the first is used up',
      '192.168.0.10-192.168.0.11,192.168.0.20-192.168.0.21',
      each('192.168.0.', 10, 11),
      '192.168.0.20',
    ],
    [
      'the lower range, wherever it stands',
      '192.168.0.20-192.168.0.21,192.168.0.10-192.168.0.11',
      [],
      '192.168.0.10',
    ],
    ['IPv6', 'fe80::10-fe80::12', ['fe80::10'], 'fe80::11'],
    ['IPv6 that ends in 00 and ff like any other', 'fe80::ff-fe80::100', ['fe80::ff'], 'fe80::100'],
    ['nothing of IPv6 when all are used', 'fe80::10-fe80::11', ['fe80::10', 'fe80::11'], EXHAUSTED],
    ['IPv6 beside IPv4', '192.168.0.10-192.168.0.11,fe80::10-fe80::11', ['192.168.0.10'], 'fe80::10'],
    [
      'a single address ending in .0 (the peer: never; its author named it)',
      '192.168.0.0-192.168.0.0',
      [],
      '192.168.0.0',
    ],
  ])('%s', (_what, value, used, next) => check({ 'range-global': value }, used, next));

  it.each<Case>([
    ['the last', '192.168.0.10-192.168.0.12', [], '192.168.0.12'],
    ['the one before the last', '192.168.0.10-192.168.0.12', ['192.168.0.12'], '192.168.0.11'],
    ['what lies before .0 and .255', OCTET, each('192.168.1.', 1, 2), '192.168.0.254'],
    ['nothing when all are used', '192.168.0.10-192.168.0.12', each('192.168.0.', 10, 12), EXHAUSTED],
    [
      'the higher range, wherever it stands',
      '192.168.0.20-192.168.0.21,192.168.0.10-192.168.0.11',
      [],
      '192.168.0.21',
    ],
    [
      'the lower range when the higher is used up',
      '192.168.0.10-192.168.0.11,192.168.0.20-192.168.0.21',
      each('192.168.0.', 20, 21),
      '192.168.0.11',
    ],
    ['the last of IPv6', 'fe80::10-fe80::12', ['fe80::12'], 'fe80::11'],
  ])('with search-order desc: %s', (_what, value, used, next) =>
    check({ 'range-global': value, 'search-order': 'desc' }, used, next),
  );
});

describe('of a CIDR comes next', () => {
  it.each<Case>([
    ['.1 of a /24', '192.168.0.0/24', [], '192.168.0.1'],
    ['.2 when .1 is used', '192.168.0.0/24', ['192.168.0.1'], '192.168.0.2'],
    ['the gap', '192.168.0.0/24', ['192.168.0.1', '192.168.0.3'], '192.168.0.2'],
    ['nothing of a full /24', '192.168.0.0/24', each('192.168.0.', 1, 254), EXHAUSTED],
    ['.1 of the second half of a /23', '192.168.0.0/23', each('192.168.0.', 1, 254), '192.168.1.1'],
    ['the network address when it does not end in .0', '192.168.0.200/30', [], '192.168.0.200'],
    ['the last of a /30', '192.168.0.200/30', each('192.168.0.', 200, 202), '192.168.0.203'],
    ['nothing of a /30 at the end of an octet', '192.168.0.255/30', each('192.168.0.', 252, 254), EXHAUSTED],
    ['the other of a /31', '192.168.0.200/31', ['192.168.0.200'], '192.168.0.201'],
    ['the one of a /32', '192.168.0.200/32', [], '192.168.0.200'],
    ['nothing of a used /32', '192.168.0.200/32', ['192.168.0.200'], EXHAUSTED],
    [
      'the second CIDR when the first is full',
      '192.168.0.200/31,192.168.0.210/31',
      each('192.168.0.', 200, 201),
      '192.168.0.210',
    ],
    [
      'what two overlapping CIDRs leave',
      '192.168.0.200/30,192.168.0.202/31',
      each('192.168.0.', 200, 202),
      '192.168.0.203',
    ],
    ['the prefix address of IPv6', 'fe80::/64', [], 'fe80::'],
    ['IPv6', 'fe80::10/127', ['fe80::10'], 'fe80::11'],
    ['nothing of a full IPv6 CIDR', 'fe80::10/127', ['fe80::10', 'fe80::11'], EXHAUSTED],
    [
      '.255 of a /31 (the peer: never; its author named both)',
      '192.168.0.254/31',
      ['192.168.0.254'],
      '192.168.0.255',
    ],
    ['.0 as a /32 (the peer: never; its author named it)', '192.168.1.0/32', [], '192.168.1.0'],
  ])('%s', (_what, value, used, next) => check({ 'cidr-global': value }, used, next));

  it.each<Case>([
    ['.254 of a /24', '192.168.0.0/24', [], '192.168.0.254'],
    ['.253 when .254 is used', '192.168.0.0/24', ['192.168.0.254'], '192.168.0.253'],
    [
      'the lower CIDR when the higher is full',
      '192.168.0.200/31,192.168.0.210/31',
      each('192.168.0.', 210, 211),
      '192.168.0.201',
    ],
    ['the highest of IPv6', 'fe80::/64', [], 'fe80::ffff:ffff:ffff:ffff'],
  ])('with search-order desc: %s', (_what, value, used, next) =>
    check({ 'cidr-global': value, 'search-order': 'desc' }, used, next),
  );

  it.each<Case>([
    ['.201 of .200/30', '192.168.0.200/30', [], '192.168.0.201'],
    ['then .202', '192.168.0.200/30', ['192.168.0.201'], '192.168.0.202'],
    ['then nothing', '192.168.0.200/30', each('192.168.0.', 201, 202), EXHAUSTED],
    ['both of a /31', '192.168.0.200/31', ['192.168.0.200'], '192.168.0.201'],
    [
      'the inner ones of the second CIDR',
      '192.168.0.200/30,192.168.0.220/30',
      each('192.168.0.', 201, 202),
      '192.168.0.221',
    ],
    ['the prefix address of IPv6', 'fe80::/64', [], 'fe80::'],
  ])('with skip-end-ips-in-cidr: %s', (_what, value, used, next) =>
    check({ 'cidr-global': value, 'skip-end-ips-in-cidr': 'true' }, used, next),
  );

  it('with both: the highest inner one', () => {
    const data = {
      'cidr-global': '192.168.0.200/30',
      'skip-end-ips-in-cidr': 'true',
      'search-order': 'desc',
    };
    expect(nextAddress(poolOf(data), [])).toBe('192.168.0.202');
  });
});
