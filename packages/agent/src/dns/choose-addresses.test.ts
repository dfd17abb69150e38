// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseAddresses, type DnsMode } from './choose-addresses.ts';
import { hostNameOf } from './host-name.ts';

const ANSWER = { ipv4: ['192.0.2.9', '192.0.2.10'], ipv6: ['2001:db8::9', '2001:db8::a'] };

describe('the addresses of a name', () => {
  it.each<[DnsMode, readonly string[], readonly string[]]>([
    ['first', [], ['192.0.2.9']],
    ['ipv4', [], ['192.0.2.9']],
    ['ipv6', [], ['2001:db8::9']],
    ['dual', [], ['192.0.2.9', '2001:db8::9']],
    // What the status names is kept.
    ['first', ['192.0.2.10'], ['192.0.2.10']],
    ['first', ['2001:db8::a'], ['2001:db8::a']],
    ['dual', ['192.0.2.10', '2001:db8::a'], ['192.0.2.10', '2001:db8::a']],
    // Unless the name does not stand for it any more.
    ['dual', ['192.0.2.77'], ['192.0.2.9', '2001:db8::9']],
  ])('with %s and a status of %j are %j', (mode, status, expected) => {
    expect(chooseAddresses(ANSWER, mode, new Set(status))).toEqual(expected);
  });

  it('are the same on every node, in whatever order its resolver answers', () => {
    const octets = fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { maxLength: 6 });
    const mode = fc.constantFrom<DnsMode>('first', 'ipv4', 'ipv6', 'dual');
    fc.assert(
      fc.property(octets, octets, mode, fc.nat(253), (four, six, how, pick) => {
        const answer = {
          ipv4: four.map((octet) => `192.0.2.${octet}`),
          ipv6: six.map((octet) => `2001:db8::${octet.toString(16)}`),
        };
        const other = { ipv4: answer.ipv4.toReversed(), ipv6: answer.ipv6.toReversed() };
        const status = new Set([`192.0.2.${pick}`]);
        const chosen = chooseAddresses(answer, how, status);
        expect(chooseAddresses(other, how, status)).toEqual(chosen);
        // Once it is in the status, it stays.
        expect(chooseAddresses(other, how, new Set(chosen))).toEqual(chosen);
        expect(chosen.every((address) => [...answer.ipv4, ...answer.ipv6].includes(address))).toBe(true);
        expect(chosen.length).toBeLessThanOrEqual(how === 'dual' ? 2 : 1);
      }),
    );
  });
});

it.each([
  ['LB.example.org', 'lb.example.org'],
  ['lb.example.org.', 'lb.example.org'],
  ['_lb.1.example', '_lb.1.example'],
  ['banana', undefined],
  ['10.0.0.300', undefined],
  ['a..b', undefined],
  ['-a.example', undefined],
  [`${'a'.repeat(64)}.example`, undefined],
  ['lb.example.org/24', undefined],
  ['', undefined],
] as const)('%j is the name %j', (text, expected) => expect(hostNameOf(text)).toBe(expected));
