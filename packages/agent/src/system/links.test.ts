// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { interfaceBySubnet, parseLinks } from './links.ts';

const DUMP = JSON.stringify([
  {
    ifindex: 1,
    ifname: 'lo',
    flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
    mtu: 65536,
    link_type: 'loopback',
    address: '00:00:00:00:00:00',
    addr_info: [
      {
        family: 'inet',
        local: '172.18.0.200',
        prefixlen: 32,
        scope: 'host',
        deprecated: true,
        dynamic: true,
        label: 'lo:fl',
        valid_life_time: 8,
        preferred_life_time: 0,
      },
    ],
  },
  {},
  {
    ifindex: 7,
    link: 'eth0',
    ifname: 'eth0',
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    mtu: 1500,
    link_type: 'ether',
    address: '02:00:5E:10:00:01',
    addr_info: [
      {
        family: 'inet',
        local: '172.18.0.3',
        prefixlen: 16,
        scope: 'global',
        label: 'eth0',
        valid_life_time: 4294967295,
      },
      { family: 'inet6', local: 'fd00:18::3', prefixlen: 64, scope: 'global', tentative: true },
      { family: 'inet6', local: 'fe80::3', prefixlen: 64, scope: 'link' },
    ],
  },
  {
    ifindex: 8,
    ifname: 'eth1',
    flags: ['BROADCAST', 'UP', 'LOWER_UP'],
    link_type: 'ether',
    address: '02:00:5e:10:00:02',
    addr_info: [{ family: 'inet', local: '172.18.5.1', prefixlen: 24, scope: 'global' }],
  },
  {
    ifindex: 9,
    ifname: 'eth2',
    flags: ['BROADCAST', 'UP'],
    link_type: 'ether',
    addr_info: [{ family: 'inet', local: '10.0.0.1', prefixlen: 8, scope: 'global' }],
  },
]);

test('a dump is read with states, hardware addresses and lifetimes', () => {
  const [lo, eth0, , eth2] = parseLinks(DUMP);
  expect(lo).toMatchObject({ name: 'lo', kind: 'loopback', isUp: true });
  expect(lo?.mac).toBeUndefined();
  expect(lo?.addresses[0]).toMatchObject({ family: 4, label: 'lo:fl', validSeconds: 8, preferredSeconds: 0 });
  expect(eth0).toMatchObject({ index: 7, mac: '02:00:5e:10:00:01', mtu: 1500 });
  expect(eth0?.addresses[0]?.validSeconds).toBe(Number.POSITIVE_INFINITY);
  expect(eth0?.addresses[1]).toMatchObject({ family: 6, tentative: true });
  expect(eth2?.isUp).toBe(false);
  expect(parseLinks('')).toEqual([]);
});

test('the link of an address is the one with the longest matching subnet', () => {
  const links = parseLinks(DUMP);
  expect(interfaceBySubnet(links, '172.18.0.201')).toBe('eth0');
  expect(interfaceBySubnet(links, '172.18.5.9')).toBe('eth1');
  expect(interfaceBySubnet(links, 'fd00:18::201')).toBe('eth0');
  // Neither a held address, nor a link-local prefix, nor a link without carrier is a subnet to answer on.
  expect(interfaceBySubnet(links, 'fe80::9')).toBeUndefined();
  expect(interfaceBySubnet(links, '10.1.1.1')).toBeUndefined();
  expect(interfaceBySubnet(links, 'banana')).toBeUndefined();
});
