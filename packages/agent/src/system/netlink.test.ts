// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { address } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linksIn, removal, renewal } from './link-messages.ts';
import { listLinks } from './links.ts';
import { decode, decodeAttributes, encode, encodeAttributes } from './netlink.ts';

describe('messages', () => {
  it('come back as they were sent, however long, in whatever number', () => {
    const body = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    const message = fc.record({
      type: fc.nat(65_535),
      flags: fc.nat(255).map((flags) => flags & ~1),
      body,
    });
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const bytes = Buffer.concat(messages.map((each, index) => encode(each, index)));
        const seen = decode(bytes).map(({ type, flags, sequence, body: content }) => ({
          type,
          flags: flags & ~1,
          sequence,
          body: content,
        }));
        expect(seen).toEqual(messages.map((each, sequence) => ({ ...each, sequence })));
      }),
    );
  });

  it('have attributes, padded to four bytes', () => {
    const pairs = [
      [1, Buffer.from('abc')],
      [7, Buffer.alloc(0)],
      [3, Buffer.from([1, 2, 3, 4])],
    ] as const;
    const bytes = encodeAttributes(pairs);
    expect(bytes.length).toBe(8 + 4 + 8);
    expect([...decodeAttributes(Buffer.concat([Buffer.alloc(8), bytes]), 8)]).toEqual(pairs);
  });

  it('never make it through malformed', () => {
    expect(() => decode(Buffer.alloc(16))).toThrow('netlink message of 0 bytes');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeAttributes(Buffer.from(bytes), 8);
        linksIn([{ type: 16, body: Buffer.from(bytes) }], [{ type: 20, body: Buffer.from(bytes) }]);
      }),
    );
  });
});

describe('addresses', () => {
  it('are renewed with label, scope and lifetimes in IPv4', () => {
    const options = { label: 'lo:fl', scope: 'host', validSeconds: 8 } as const;
    expect(renewal(address('172.18.0.200'), 1, options)).toEqual({
      type: 20,
      flags: 0x500,
      body: Buffer.from(
        // family, length, flags, scope, link; local; address; label; preferred 0, valid 8
        '022000fe01000000' +
          '08000200ac1200c8' +
          '08000100ac1200c8' +
          '0a0003006c6f3a666c000000' +
          '1400060000000000080000000000000000000000',
        'hex',
      ),
    });
  });

  it('are renewed without duplicate detection and route in IPv6', () => {
    const options = { label: 'lo:fl', scope: 'global', validSeconds: 8 } as const;
    const attributes = decodeAttributes(renewal(address('fd00::1'), 1, options).body, 8);
    expect(attributes.get(8)?.readUInt32LE(0)).toBe(0x202);
    expect(attributes.has(3)).toBe(false);
  });

  it('are removed by address and link', () => {
    const { type, body } = removal(address('fd00::1'), 7);
    expect(type).toBe(21);
    expect(body.subarray(0, 8).toString('hex')).toBe('0a80000007000000');
  });
});

describe('the links of this machine', () => {
  it('are those that `ip` shows, with the same addresses and states', async () => {
    const shown = JSON.parse(spawnSync('ip', ['-json', 'address', 'show'], { encoding: 'utf8' }).stdout) as {
      ifname: string;
      ifindex: number;
      mtu: number;
      flags: string[];
      link_type: string;
      address?: string;
      addr_info: { local: string; prefixlen: number; scope: string; label?: string }[];
    }[];
    const links = await listLinks();
    const ours = links.map(({ name, index, mtu, isUp, kind, addresses }) => ({
      name,
      index,
      mtu,
      isUp,
      kind,
      addresses: addresses.map(({ address: local, prefixLength, scope, label }) => [
        local,
        prefixLength,
        scope,
        label,
      ]),
    }));
    expect(ours).toEqual(
      shown.map(({ ifname, ifindex, mtu, flags, link_type: type, addr_info: own }) => ({
        name: ifname,
        index: ifindex,
        mtu,
        isUp: flags.includes('UP') && flags.includes('LOWER_UP'),
        kind: type === 'loopback' || type === 'ether' ? type : 'other',
        addresses: own.map(({ local, prefixlen, scope, label }) => [local, prefixlen, scope, label]),
      })),
    );
  });
});
