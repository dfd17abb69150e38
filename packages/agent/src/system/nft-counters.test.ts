// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAttributes } from './netlink.ts';
import { readCounter } from './nft-counters.ts';

const NEW_OBJECT = 0x0a12;

function body(table: string, name: string, packets: bigint): Buffer {
  const number = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return bytes;
  };
  const attributes = encodeAttributes([
    [1, Buffer.from(`${table}\0`)],
    [2, Buffer.from(`${name}\0`)],
    [3, Buffer.from([0, 0, 0, 1])],
    [
      4,
      encodeAttributes([
        [1, number(999n)],
        [2, number(packets)],
      ]),
    ],
  ]);
  return Buffer.concat([Buffer.from([1, 0, 0, 7]), attributes]);
}

describe('readCounter', () => {
  it('reads the name and the packets, not the bytes', () => {
    const message = { type: NEW_OBJECT, body: body('ours', 'blocked.default.web', 1_234_567_890_123n) };
    expect(readCounter(message, 'ours')).toEqual({ name: 'blocked.default.web', packets: 1_234_567_890_123 });
  });

  it('leaves out other tables, since old kernels list the objects of all, and other messages', () => {
    expect(readCounter({ type: NEW_OBJECT, body: body('theirs', 'a', 1n) }, 'ours')).toBeUndefined();
    expect(readCounter({ type: NEW_OBJECT + 1, body: body('ours', 'a', 1n) }, 'ours')).toBeUndefined();
  });

  it('ends on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readCounter({ type: NEW_OBJECT, body: Buffer.from(bytes) }, 'ours')).toBeUndefined();
      }),
    );
  });
});
