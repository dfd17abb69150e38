// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode, decodeAttributes } from '../netlink.ts';
import { NetlinkWriter } from './netlink-writer.ts';

it('writes what can be read again, however often its buffer has to grow', () => {
  const attributes = fc.array(fc.tuple(fc.nat(0xffffffff), fc.string({ unit: 'grapheme-ascii' })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(attributes, fc.integer({ min: 1, max: 60 }), (pairs, repeats) => {
      const writer = new NetlinkWriter();
      for (let sequence = 1; sequence <= repeats * 20; sequence++) {
        writer.message({ type: 0xa06, flags: 0x400, sequence, family: 2 }, () => {
          for (const [number, text] of pairs) {
            writer.nested(4, () => {
              writer.number(1, number);
              writer.text(2, text);
            });
          }
        });
      }
      const messages = decode(writer.bytes);
      expect(messages).toHaveLength(repeats * 20);
      for (const { body } of messages) {
        // Of an attribute that comes several times the last is read.
        const last = decodeAttributes(decodeAttributes(body, 4).get(4) ?? Buffer.alloc(0), 0);
        expect(last.get(1)?.readUInt32BE(0)).toBe(pairs.at(-1)?.[0]);
        expect(last.get(2)?.toString('utf8')).toBe(`${pairs.at(-1)?.[1]}\0`);
      }
    }),
    { numRuns: 20 },
  );
});
