// SPDX-License-Identifier: Apache-2.0

import { formatValue } from '@fairlead/shared/address/address.ts';
import { cidrContains, parseCidr } from '@fairlead/shared/address/cidr.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolRules } from './pool-rules.ts';

const cidrs = (data: Readonly<Record<string, string>>) => poolRules(data).rules.map(({ cidr }) => cidr);
const told = (data: Readonly<Record<string, string>>) =>
  poolRules(data).problems.map(({ key, severity, problem }) => `${key} ${severity}: ${problem}`);

describe('the rules that pools ask for', () => {
  it.each([
    [
      'of the case study',
      { 'range-global': '172.18.100.10-172.18.100.30' },
      [
        '172.18.100.10/31',
        '172.18.100.12/30',
        '172.18.100.16/29',
        '172.18.100.24/30',
        '172.18.100.28/31',
        '172.18.100.30/32',
      ],
    ],
    ['with bits of hosts', { 'cidr-testing': '192.168.0.220/29' }, ['192.168.0.216/29']],
    [
      'of several namespaces that touch',
      { 'cidr-a': '192.0.2.0/25', 'range-b': '192.0.2.128-192.0.2.255' },
      ['192.0.2.0/24'],
    ],
    ['of both families', { 'cidr-global': '2001:db8::/64, 192.0.2.7/32' }, ['192.0.2.7/32', '2001:db8::/64']],
    ['with a name', { 'pool-front': '192.0.2.0/28' }, ['192.0.2.0/28']],
    ['that come by DHCP', { 'cidr-global': '0.0.0.0/32' }, []],
  ])('%s', (_, data, expected) => {
    expect(cidrs(data)).toEqual(expected);
  });

  it('leave out what is no pool, and say nothing of it', () => {
    const data = {
      'interface-global': 'eth0',
      'avoid-global': '192.0.2.1',
      'plndr-services': '{}',
      other: '1.2.3.4/32',
    };
    expect(poolRules(data)).toEqual({ rules: [], problems: [] });
    expect(poolRules(undefined)).toEqual({ rules: [], problems: [] });
  });

  it('name the keys that ask for them, and not more than fit', () => {
    const [rule] = poolRules({ 'cidr-a': '192.0.2.0/24', 'range-b': '192.0.2.7-192.0.2.9' }).rules;
    expect(rule?.comment).toBe('fairlead starboard [cidr-a,range-b]');
    const many = Object.fromEntries(
      Array.from({ length: 99 }, (_, index) => [`cidr-team${index}`, '192.0.2.0/24']),
    );
    const comment = poolRules(many).rules[0]?.comment ?? '';
    expect(comment.length).toBeLessThan(256);
    expect(comment).toMatch(/^fairlead starboard \[cidr-team0,.*, and \d+ more\]$/);
    const long = poolRules({ [`pool-${'x'.repeat(248)}`]: '192.0.2.0/24' }).rules[0]?.comment ?? '';
    expect(long.length).toBeLessThan(256);
  });

  it('leave out values that cannot be used, and nothing else', () => {
    const data = {
      'cidr-a': '192.0.2.0/33',
      'cidr-b': 'banana,192.0.2.0/28',
      'cidr-Global': '198.51.100.0/28',
      'range-c': '192.0.2.9-192.0.2.1',
      'cidr-d': '::/0,0.0.0.0/0',
      'range-e': '126.255.255.250-127.0.0.5',
    };
    expect(cidrs(data)).toEqual(['126.255.255.250/31', '126.255.255.252/30', '192.0.2.0/28']);
    expect(told(data)).toEqual([
      expect.stringContaining('cidr-Global warning: has no effect: no namespace can be called "Global"'),
      expect.stringContaining('cidr-a error: "192.0.2.0/33" has the prefix length "33"'),
      expect.stringContaining('cidr-b error: "banana" is not a CIDR'),
      expect.stringMatching(
        /^cidr-d error: 0\.0\.0\.0-255\.255\.255\.255 is left out: expected at most as many IPv4 addresses as a \/8/,
      ),
      expect.stringContaining('cidr-d error: ::-ffff'),
      expect.stringContaining('range-c error: "192.0.2.9-192.0.2.1" ends before it starts'),
      expect.stringContaining('range-e error: 127.0.0.0-127.0.0.5 left out'),
    ]);
  });

  it('never fail, and each address of a readable pool has exactly one', () => {
    const entry = fc.oneof(
      fc
        .tuple(fc.nat(255), fc.nat(255), fc.integer({ min: 24, max: 32 }))
        .map(([a, b, length]) => `198.18.${a}.${b}/${length}`),
      fc
        .tuple(fc.nat(255), fc.nat(120), fc.nat(120))
        .map(([a, first, more]) => `198.19.${a}.${first}-198.19.${a}.${first + more}`),
      fc.string({ maxLength: 12 }),
    );
    const key = fc
      .tuple(fc.constantFrom('cidr', 'range', 'pool', 'avoid'), fc.stringMatching(/^[a-z]{1,3}$/))
      .map((words) => words.join('-'));
    fc.assert(
      fc.property(
        fc.dictionary(
          key,
          fc.array(entry, { maxLength: 6 }).map((list) => list.join(',')),
        ),
        (data) => {
          const { rules } = poolRules(data);
          for (const text of Object.entries(data).flatMap(([name, value]) =>
            name.startsWith('avoid') ? [] : value.split(','),
          )) {
            const match = /^(198\.1[89]\.\d+\.\d+)[/-]/.exec(text.trim());
            if (match === null) continue;
            const address = parseCidr(`${match[1]}/32`);
            if (!address.ok) continue;
            const holders = rules.filter(({ cidr }) => {
              const read = parseCidr(cidr);
              return read.ok && cidrContains(read.value, { family: 4, value: address.value.network });
            });
            expect(holders, formatValue(4, address.value.network)).toHaveLength(1);
          }
        },
      ),
    );
  });
});
