// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { Link, LinkAddress } from '../../system/link.ts';
import { formatEndpoint, listenAddress, ownAddress } from './own-endpoint.ts';

const nodeWith = (...addresses: readonly string[]): Node =>
  ({
    metadata: { name: 'a' },
    status: {
      addresses: [
        { type: 'Hostname', address: 'a' },
        { type: 'ExternalIP', address: '203.0.113.9' },
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
      ],
    },
  }) as Node;

const linkAddress = (address: string, changes: Partial<LinkAddress> = {}): LinkAddress => ({
  family: address.includes(':') ? 6 : 4,
  address,
  prefixLength: 24,
  scope: 'global',
  validSeconds: Number.POSITIVE_INFINITY,
  preferredSeconds: Number.POSITIVE_INFINITY,
  tentative: false,
  ...changes,
});

const linkWith = (...addresses: readonly LinkAddress[]): Link => ({
  name: 'eth0',
  index: 2,
  kind: 'ether',
  isUp: true,
  mtu: 1500,
  addresses,
});

const BARE = { setting: undefined, family: undefined, node: undefined, link: undefined };

describe('ownAddress', () => {
  it('is what is set', () => {
    expect(ownAddress({ ...BARE, setting: '192.0.2.9', node: nodeWith('192.0.2.1') })).toBe('192.0.2.9');
  });

  it('is the InternalIP, IPv4 first, or of the family that is asked for', () => {
    const node = nodeWith('2001:db8::1', '192.0.2.1');
    expect(ownAddress({ ...BARE, node })).toBe('192.0.2.1');
    expect(ownAddress({ ...BARE, node, family: 'ipv6' })).toBe('2001:db8::1');
    expect(ownAddress({ ...BARE, node: nodeWith('2001:db8::1') })).toBe('2001:db8::1');
    expect(ownAddress({ ...BARE, node: nodeWith('2001:db8::1'), family: 'ipv4' })).toBeUndefined();
  });

  it('is the permanent one of the link where the Node says nothing', () => {
    const link = linkWith(
      linkAddress('fe80::1', { scope: 'link' }),
      linkAddress('192.0.2.200', { validSeconds: 8 }),
      linkAddress('192.0.2.1'),
      linkAddress('2001:db8::1'),
    );
    expect(ownAddress({ ...BARE, link, node: nodeWith('not an address', '0.0.0.0') })).toBe('192.0.2.1');
    expect(ownAddress({ ...BARE, link, family: 'ipv6' })).toBe('2001:db8::1');
    expect(ownAddress(BARE)).toBeUndefined();
  });
});

it('writes endpoints as the group record has them', () => {
  expect(formatEndpoint('192.0.2.1', 7947)).toBe('192.0.2.1:7947');
  expect(formatEndpoint('2001:db8::1', 7947)).toBe('[2001:db8::1]:7947');
  expect([listenAddress('192.0.2.1'), listenAddress('2001:db8::1')]).toEqual(['0.0.0.0', '::']);
});
