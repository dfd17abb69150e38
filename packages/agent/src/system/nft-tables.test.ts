// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeTablesRequest, parseTables } from './nft-tables.ts';

const DONE = Buffer.from('14000000030002000100000000000000' + '00000000', 'hex');

/** As a kernel 6.18 writes it: name, flags, use count, handle. */
function tableMessage(family: number, name: string, flags = 2): Buffer {
  const text = Buffer.from(`${name}\0`);
  const attribute = Buffer.alloc(4 + ((text.length + 3) & ~3));
  attribute.writeUInt16LE(4 + text.length, 0);
  attribute.writeUInt16LE(1, 2);
  text.copy(attribute, 4);
  const use = Buffer.from('08000300' + '00000001', 'hex');
  const body = Buffer.concat([Buffer.from([family, 0, 0, 1]), use, attribute]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(0x0a00, 4);
  header.writeUInt16LE(flags, 6);
  return Buffer.concat([header, body]);
}

describe('parseTables', () => {
  it('reads families and names, wherever the name stands among the attributes', () => {
    const answer = Buffer.concat([tableMessage(3, 'fairlead_guard'), tableMessage(10, 'nat'), DONE]);
    expect(parseTables(answer)).toEqual({
      tables: [
        { family: 'arp', name: 'fairlead_guard' },
        { family: 'ip6', name: 'nat' },
      ],
      isLast: true,
      isInterrupted: false,
    });
    expect(parseTables(tableMessage(2, 'a'))).toMatchObject({ isLast: false });
  });

  it('says when the list was interrupted, and leaves out families it does not know', () => {
    expect(parseTables(tableMessage(2, 'a', 2 | 0x10)).isInterrupted).toBe(true);
    expect(parseTables(tableMessage(99, 'a')).tables).toEqual([]);
  });

  it('throws the error of the kernel', () => {
    const refused = Buffer.from('1400000002000000010000000000000' + '0ffffffff', 'hex');
    expect(() => parseTables(refused)).toThrow('error -1');
  });

  it('ends on any bytes, with a list or with an error that says what was wrong', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(parseTables(Buffer.from(bytes)).tables.length).toBeLessThan(20);
        } catch (error) {
          expect(String(error)).toMatch(/netlink message of \d+ bytes|the kernel does not list|RangeError/);
        }
      }),
    );
  });
});

it('asks for a dump of all families', () => {
  expect(encodeTablesRequest(7).toString('hex')).toBe(
    '14000000' + '010a' + '0103' + '07000000' + '00000000' + '00000000',
  );
});
