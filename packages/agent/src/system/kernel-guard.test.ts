// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { renderElements, renderGuard, renderSenders, sendersOf } from './kernel-guard.ts';
import type { Link, LinkAddress } from './link.ts';

const NO_SENDERS = { ipv4: new Map(), ipv6: new Map() };

test('elements are text in sets of addresses and integers in raw ones', () => {
  expect(renderElements('add', ['172.18.0.200', 'fd00:18::200', '10.0.0.1'])).toBe(
    'add element arp fairlead_guard managed { 172.18.0.200, 10.0.0.1 }\n' +
      'add element ip fairlead_guard managed { 0xac1200c8, 0x0a000001 }\n' +
      'add element ip6 fairlead_guard managed { 0xfd000018000000000000000000000200 }\n' +
      'add element ip6 fairlead_guard sources { fd00:18::200 }\n',
  );
  expect(renderElements('delete', [])).toBe('');
  expect(() => renderElements('add', ['banana'])).toThrow('"banana" is not an IP address');
});

test('the guard replaces whatever was there in one script', () => {
  const script = renderGuard(['172.18.0.200'], NO_SENDERS);
  expect(script.indexOf('delete table arp fairlead_guard')).toBeLessThan(
    script.indexOf('table arp fairlead_guard {'),
  );
  expect(script).toContain('add element arp fairlead_guard managed { 172.18.0.200 }');
});

test('the kernel asks with the first address of each link that is not managed', () => {
  const links = [
    link('lo', 'loopback', [own('127.0.0.1', 8, { scope: 'host' })]),
    link('eth0', 'ether', [
      own('172.18.0.200', 32, { scope: 'host', preferredSeconds: 0 }),
      own('172.18.0.3', 16),
      own('fd00:18::3', 64),
      own('fe80::3', 64, { scope: 'link' }),
    ]),
    link('eth1', 'ether', [own('10.9.0.1', 24)]),
  ];
  const senders = sendersOf(links, (address) => address === '10.9.0.1');
  expect(senders).toEqual({ ipv4: new Map([['eth0', '172.18.0.3']]), ipv6: new Map([['eth0', 'fe80::3']]) });
  expect(renderSenders(senders)).toBe(
    'flush map arp fairlead_guard senders\nadd element arp fairlead_guard senders { "eth0" : 172.18.0.3 }\n' +
      'flush map ip6 fairlead_guard senders\nadd element ip6 fairlead_guard senders { "eth0" : fe80::3 }\n',
  );
});

function link(name: string, kind: Link['kind'], addresses: readonly LinkAddress[]): Link {
  return { name, index: 1, kind, isUp: true, mtu: 1500, addresses };
}

function own(address: string, prefixLength: number, more: Partial<LinkAddress> = {}): LinkAddress {
  return {
    family: address.includes(':') ? 6 : 4,
    address,
    prefixLength,
    scope: 'global',
    validSeconds: Number.POSITIVE_INFINITY,
    preferredSeconds: Number.POSITIVE_INFINITY,
    tentative: false,
    ...more,
  };
}
