// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { renderElements, renderGuard, renderSenders, sendersOf } from './kernel-guard.ts';
import { parseLinks } from './links.ts';

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
  const links = parseLinks(
    JSON.stringify([
      link('lo', 'loopback', [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: 'host' }]),
      link('eth0', 'ether', [
        { family: 'inet', local: '172.18.0.200', prefixlen: 32, scope: 'host', preferred_life_time: 0 },
        { family: 'inet', local: '172.18.0.3', prefixlen: 16, scope: 'global' },
        { family: 'inet6', local: 'fd00:18::3', prefixlen: 64, scope: 'global' },
        { family: 'inet6', local: 'fe80::3', prefixlen: 64, scope: 'link' },
      ]),
      link('eth1', 'ether', [{ family: 'inet', local: '10.9.0.1', prefixlen: 24, scope: 'global' }]),
    ]),
  );
  const senders = sendersOf(links, (address) => address === '10.9.0.1');
  expect(senders).toEqual({ ipv4: new Map([['eth0', '172.18.0.3']]), ipv6: new Map([['eth0', 'fe80::3']]) });
  expect(renderSenders(senders)).toBe(
    'flush map arp fairlead_guard senders\nadd element arp fairlead_guard senders { "eth0" : 172.18.0.3 }\n' +
      'flush map ip6 fairlead_guard senders\nadd element ip6 fairlead_guard senders { "eth0" : fe80::3 }\n',
  );
});

function link(name: string, kind: string, addresses: readonly object[]): object {
  return { ifname: name, ifindex: 1, link_type: kind, flags: ['UP', 'LOWER_UP'], addr_info: addresses };
}
