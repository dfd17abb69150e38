// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAttributes } from './netlink.ts';
import { readTable } from './nft-tables.ts';

const NEW_TABLE = 0x0a00;

/** As a kernel 6.18 writes it: flags, name, use count. */
function body(family: number, name: string): Buffer {
  const attributes = encodeAttributes([
    [3, Buffer.from('00000001', 'hex')],
    [1, Buffer.from(`${name}\0`)],
  ]);
  return Buffer.concat([Buffer.from([family, 0, 0, 1]), attributes]);
}

describe('readTable', () => {
  it('reads family and name, wherever the name stands among the attributes', () => {
    expect(readTable({ type: NEW_TABLE, body: body(3, 'fairlead_guard') })).toEqual({
      family: 'arp',
      name: 'fairlead_guard',
    });
    expect(readTable({ type: NEW_TABLE, body: body(10, 'nat') })).toEqual({ family: 'ip6', name: 'nat' });
  });

  it('leaves out families that it does not know, and messages about other things', () => {
    expect(readTable({ type: NEW_TABLE, body: body(99, 'a') })).toBeUndefined();
    expect(readTable({ type: NEW_TABLE + 3, body: body(2, 'a') })).toBeUndefined();
  });

  it('ends on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const table = readTable({ type: NEW_TABLE, body: Buffer.from(bytes) });
        expect(table === undefined || typeof table.name === 'string').toBe(true);
      }),
    );
  });
});
