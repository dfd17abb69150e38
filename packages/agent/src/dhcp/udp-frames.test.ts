// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from './udp-frames.ts';

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:'),
);
const frame: fc.Arbitrary<UdpFrame> = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const address = fc
    .bigInt(family === 4 ? { min: 0n, max: 0xffff_ffffn } : { min: 1n << 96n, max: (1n << 128n) - 1n })
    .map((value) => formatValue(family, value));
  return fc.record({
    family: fc.constant(family),
    sourceMac: mac,
    destinationMac: mac,
    source: address,
    destination: address,
    sourcePort: fc.nat(0xffff),
    destinationPort: fc.nat(0xffff),
    payload: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  });
});

it('reads what it wrote', () => {
  fc.assert(
    fc.property(frame, (wanted) => {
      expect(decodeUdpFrame(encodeUdpFrame(wanted))).toEqual(wanted);
    }),
  );
});

it('leaves the padding of short frames out', () => {
  fc.assert(
    fc.property(frame, fc.nat(60), (wanted, padding) => {
      const bytes = Buffer.concat([encodeUdpFrame(wanted), Buffer.alloc(padding)]);
      expect(decodeUdpFrame(bytes)).toEqual(wanted);
    }),
  );
});

it('never throws, whatever the bytes', () => {
  const noise = fc
    .tuple(frame, fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 10 }), fc.nat(700))
    .map(([wanted, edits, length]) => {
      const bytes = Buffer.from(encodeUdpFrame(wanted));
      for (const [at, value] of edits) if (at < bytes.length) bytes.writeUInt8(value, at);
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), noise), (bytes) => {
      expect(() => decodeUdpFrame(bytes)).not.toThrow();
    }),
  );
});

it.each<readonly [string, (bytes: Buffer) => void]>([
  ['a fragment', (bytes) => bytes.writeUInt16BE(0x2000, 20)],
  ['another protocol', (bytes) => bytes.writeUInt8(6, 23)],
  ['a damaged header', (bytes) => bytes.writeUInt8(1, 22)],
  ['a length beyond the frame', (bytes) => bytes.writeUInt16BE(900, 38)],
])('does not take %s', (_what, damage) => {
  const bytes = Buffer.from(
    encodeUdpFrame({
      family: 4,
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '02:00:00:00:00:02',
      source: '192.0.2.1',
      destination: '192.0.2.2',
      sourcePort: 67,
      destinationPort: 68,
      payload: Buffer.from('x'),
    }),
  );
  damage(bytes);
  expect(decodeUdpFrame(bytes)).toBeUndefined();
});
