// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import type { Link, LinkAddress } from './link.ts';
import { interfaceBySubnet } from './links.ts';

const own = (address: string, prefixLength: number, scope = 'global'): LinkAddress => ({
  family: address.includes(':') ? 6 : 4,
  address,
  prefixLength,
  scope,
  validSeconds: Number.POSITIVE_INFINITY,
  preferredSeconds: Number.POSITIVE_INFINITY,
  tentative: false,
});

const link = (name: string, addresses: readonly LinkAddress[], more: Partial<Link> = {}): Link => ({
  name,
  index: 1,
  kind: 'ether',
  isUp: true,
  mtu: 1500,
  addresses,
  ...more,
});

const links = [
  link('lo', [own('172.18.0.200', 32, 'host')], { kind: 'loopback' }),
  link('eth0', [own('172.18.0.3', 16), own('fd00:18::3', 64), own('fe80::3', 64, 'link')]),
  link('eth1', [own('172.18.5.1', 24)]),
  link('eth2', [own('10.0.0.1', 8)], { isUp: false }),
];

test('the link of an address is the one with the longest matching subnet', () => {
  expect(interfaceBySubnet(links, '172.18.0.201')).toBe('eth0');
  expect(interfaceBySubnet(links, '172.18.5.9')).toBe('eth1');
  expect(interfaceBySubnet(links, 'fd00:18::201')).toBe('eth0');
  // Neither a held address, nor a link-local prefix, nor a link without carrier is a subnet to answer on.
  expect(interfaceBySubnet(links, 'fe80::9')).toBeUndefined();
  expect(interfaceBySubnet(links, '10.1.1.1')).toBeUndefined();
  expect(interfaceBySubnet(links, 'banana')).toBeUndefined();
});
