// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readPool } from './testing/peer-cases.ts';

/*
 * What a value of the ConfigMap stands for: the peer's cases for ranges (9), CIDRs (11) and for lists parted by family
 * (6 and 6).
 */

type Case = readonly [what: string, value: string, ranges: readonly string[]];

describe('a list of ranges stands for', () => {
  it.each<Case>([
    ['one range', '192.168.0.10-192.168.0.12', ['192.168.0.10-192.168.0.12']],
    ['one address as a range', '192.168.0.10-192.168.0.10', ['192.168.0.10']],
    ['a range over an octet', '192.168.0.253-192.168.1.2', ['192.168.0.253-192.168.1.2']],
    [
      'several ranges',
      '192.168.0.10-192.168.0.12,192.168.0.20-192.168.0.22',
      ['192.168.0.10-192.168.0.12', '192.168.0.20-192.168.0.22'],
    ],
    [
      'several ranges, sorted by address and not by position',
      '192.168.0.20-192.168.0.22,192.168.0.10-192.168.0.12',
      ['192.168.0.10-192.168.0.12', '192.168.0.20-192.168.0.22'],
    ],
    [
      'overlapping ranges: merged',
      '192.168.0.10-192.168.0.15,192.168.0.12-192.168.0.20',
      ['192.168.0.10-192.168.0.20'],
    ],
    [
      'the same range twice: once',
      '192.168.0.10-192.168.0.12,192.168.0.10-192.168.0.12',
      ['192.168.0.10-192.168.0.12'],
    ],
    ['an IPv6 range', 'fe80::13-fe80::14', ['fe80::13-fe80::14']],
    [
      'ranges of both families',
      'fe80::13-fe80::14,192.168.0.10-192.168.0.11',
      ['192.168.0.10-192.168.0.11', 'fe80::13-fe80::14'],
    ],
  ])('%s', (_what, value, ranges) => {
    expect(readPool({ 'range-global': value })).toEqual({ ranges, problems: [] });
  });

  // The peer gives up the whole value at its first bad entry. Here the others serve, and the bad one is named.
  it.each<readonly [string, string, RegExp]>([
    ['no end', '192.168.0.10-', /"" is not an IP address/],
    ['no address', '192.168.0.10-banana', /"banana" is not an IP address/],
    ['an octet above 255', '192.168.0.10-192.168.0.300', /"192\.168\.0\.300"/],
    ['two families', '192.168.0.10-fe80::1', /expected one family/],
    ['the end before the start', '192.168.0.12-192.168.0.10', /ends before it starts/],
    ['no dash', 'banana', /"banana" is not an address range/],
  ])(
    'nothing where an entry has %s; the other entries count (the peer: all is lost)',
    (_what, bad, problem) => {
      const { ranges, problems } = readPool({ 'range-global': `${bad},192.168.0.20-192.168.0.22` });
      expect(ranges).toEqual(['192.168.0.20-192.168.0.22']);
      expect(problems).toEqual([expect.stringMatching(problem)]);
    },
  );
});

describe('a list of CIDRs stands for', () => {
  it.each<Case>([
    ['one CIDR', '192.168.0.200/30', ['192.168.0.200-192.168.0.203']],
    ['a /31: both', '192.168.0.200/31', ['192.168.0.200-192.168.0.201']],
    ['a /32', '192.168.0.200/32', ['192.168.0.200']],
    [
      'several CIDRs',
      '192.168.0.200/30,192.168.0.220/30',
      ['192.168.0.200-192.168.0.203', '192.168.0.220-192.168.0.223'],
    ],
    ['neighbours: merged', '192.168.0.200/30,192.168.0.204/30', ['192.168.0.200-192.168.0.207']],
    ['overlapping CIDRs: merged', '192.168.0.200/29,192.168.0.204/30', ['192.168.0.200-192.168.0.207']],
    ['an IPv6 CIDR', 'fe80::10/127', ['fe80::10-fe80::11']],
    ['both families', '192.168.0.200/30,fe80::10/127', ['192.168.0.200-192.168.0.203', 'fe80::10-fe80::11']],
    [
      'both families, IPv6 first',
      'fe80::10/127,192.168.0.200/30',
      ['192.168.0.200-192.168.0.203', 'fe80::10-fe80::11'],
    ],
  ])('%s', (_what, value, ranges) => {
    expect(readPool({ 'cidr-global': value })).toEqual({ ranges, problems: [] });
  });

  it('the aligned CIDR where host bits are set, and says so (the peer: silently)', () => {
    expect(readPool({ 'cidr-global': '192.168.0.220/29' })).toEqual({
      ranges: ['192.168.0.216-192.168.0.223'],
      problems: [expect.stringContaining('read as 192.168.0.216/29')],
    });
  });

  it.each<Case>([
    ['the inner addresses of a /30', '192.168.0.200/30', ['192.168.0.201-192.168.0.202']],
    [
      'the inner addresses of each',
      '192.168.0.200/30,192.168.0.220/30',
      ['192.168.0.201-192.168.0.202', '192.168.0.221-192.168.0.222'],
    ],
    ['both of a /31', '192.168.0.200/31', ['192.168.0.200-192.168.0.201']],
    ['a /32', '192.168.0.200/32', ['192.168.0.200']],
    ['all of an IPv6 CIDR', 'fe80::10/126', ['fe80::10-fe80::13']],
  ])('with skip-end-ips-in-cidr: %s', (_what, value, ranges) => {
    expect(readPool({ 'cidr-global': value, 'skip-end-ips-in-cidr': 'true' })).toEqual({
      ranges,
      problems: [],
    });
  });
});

describe('a list is parted by family', () => {
  it.each<readonly [key: string, value: string, v4: readonly string[], v6: readonly string[]]>([
    ['cidr-global', '10.0.0.0/30', ['10.0.0.0-10.0.0.3'], []],
    ['cidr-global', 'fd00::/126', [], ['fd00::-fd00::3']],
    ['cidr-global', '10.0.0.0/30,fd00::/126', ['10.0.0.0-10.0.0.3'], ['fd00::-fd00::3']],
    ['cidr-global', 'fd00::/126,10.0.0.0/30', ['10.0.0.0-10.0.0.3'], ['fd00::-fd00::3']],
    [
      'cidr-global',
      'fd00::/126,10.0.0.0/30,fd01::/126,10.0.1.0/30',
      ['10.0.0.0-10.0.0.3', '10.0.1.0-10.0.1.3'],
      ['fd00::-fd00::3', 'fd01::-fd01::3'],
    ],
    ['range-global', '10.0.0.1-10.0.0.2', ['10.0.0.1-10.0.0.2'], []],
    ['range-global', 'fd00::1-fd00::2', [], ['fd00::1-fd00::2']],
    ['range-global', '10.0.0.1-10.0.0.2,fd00::1-fd00::2', ['10.0.0.1-10.0.0.2'], ['fd00::1-fd00::2']],
    ['range-global', 'fd00::1-fd00::2,10.0.0.1-10.0.0.2', ['10.0.0.1-10.0.0.2'], ['fd00::1-fd00::2']],
    [
      'range-global',
      'fd00::1-fd00::2,10.0.0.1-10.0.0.2,fd01::1-fd01::2,10.0.1.1-10.0.1.2',
      ['10.0.0.1-10.0.0.2', '10.0.1.1-10.0.1.2'],
      ['fd00::1-fd00::2', 'fd01::1-fd01::2'],
    ],
  ])('%s: %s', (key, value, v4, v6) => {
    expect(readPool({ [key]: value }).ranges).toEqual([...v4, ...v6]);
  });

  it.each([
    ['cidr-global', 'banana/24,10.0.0.0/30,fd00::/126', ['10.0.0.0-10.0.0.3', 'fd00::-fd00::3']],
    ['range-global', '10.0.0.9,banana-10.0.0.7,fd00::1-fd00::2', ['10.0.0.9', 'fd00::1-fd00::2']],
  ])('%s: %s: the bad entry is a problem and the rest counts (the peer: an error)', (key, value, ranges) => {
    const result = readPool({ [key]: value });
    expect(result.ranges).toEqual(ranges);
    expect(result.problems).toHaveLength(1);
  });
});
