// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMac } from '../mac.ts';
import { type ArpFrame, decodeArp, encodeArp } from './codec.ts';
import { ARP } from './protocol.ts';

const MAC = '02:00:5e:10:00:01';
const OTHER_MAC = '02:00:5e:10:00:02';

const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(formatMac);
const addresses = fc.bigInt(0n, 0xffff_ffffn).map((value) => formatValue(4, value));
const frames: fc.Arbitrary<ArpFrame> = fc.record({
  destinationMac: macs,
  sourceMac: macs,
  operation: fc.constantFrom('request', 'reply'),
  senderMac: macs,
  senderAddress: addresses,
  targetMac: macs,
  targetAddress: addresses,
});

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

describe('ARP frames', () => {
  test('are read back as they were written', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeArp(encodeArp(frame))).toEqual(frame);
      }),
    );
  });

  test('are never made of other bytes, and no bytes make the reader fail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const frame = decodeArp(bytes);
        if (frame !== undefined) expect(hex(bytes).startsWith(hex(encodeArp(frame)).slice(0, 84))).toBe(true);
      }),
    );
  });

  test.each([12, 14, 16, 18, 19, 20])('are refused when byte %i is another protocol', (at) => {
    const bytes = Buffer.from(encodeArp(announcement()));
    bytes.writeUInt8(0x7f, at);
    expect(decodeArp(bytes)).toBeUndefined();
  });

  test('are refused when cut short', () => {
    expect(decodeArp(encodeArp(announcement()).subarray(0, 41))).toBeUndefined();
    expect(decodeArp(encodeArp(announcement()).subarray(0, 42))).toBeDefined();
  });

  test('refuse addresses that are none', () => {
    expect(() => encodeArp({ ...announcement(), senderAddress: 'fd00::1' })).toThrow(
      '"fd00::1" is not an IPv4',
    );
    expect(() => encodeArp({ ...announcement(), senderMac: '02:00' })).toThrow(
      '"02:00" is not a hardware address',
    );
  });
});

describe('ARP as a neighbour protocol', () => {
  test('announces with a request and a reply (golden bytes)', () => {
    const [request, reply] = ARP.announcements('172.18.0.200', MAC);
    const padding = '00'.repeat(18);
    expect(hex(request)).toBe(
      `ffffffffffff02005e100001080600010800060400${'01'}02005e100001ac1200c8000000000000ac1200c8${padding}`,
    );
    expect(hex(reply)).toBe(
      `ffffffffffff02005e100001080600010800060400${'02'}02005e100001ac1200c802005e100001ac1200c8${padding}`,
    );
  });

  test('answers the asker alone (golden bytes)', () => {
    const question = { address: '172.18.0.200', askerMac: OTHER_MAC, askerAddress: '172.18.0.100' };
    expect(hex(ARP.answer(question, MAC))).toBe(
      `02005e10000202005e10000108060001080006040002` +
        `02005e100001ac1200c802005e100002ac120064${'00'.repeat(18)}`,
    );
  });

  test('reads a request as a question, and as a claim of its sender', () => {
    const frame = encodeArp({ ...announcement(), senderAddress: '172.18.0.100' });
    expect(ARP.read(frame)).toEqual({
      question: { address: '172.18.0.200', askerMac: MAC, askerAddress: '172.18.0.100' },
      claim: { address: '172.18.0.100', mac: MAC },
    });
  });

  test('reads a probe as a question without a claim', () => {
    const message = ARP.read(encodeArp({ ...announcement(), senderAddress: '0.0.0.0' }));
    expect(message?.question?.address).toBe('172.18.0.200');
    expect(message?.claim).toBeUndefined();
  });

  test('reads gratuitous frames as claims only', () => {
    for (const frame of ARP.announcements('172.18.0.200', MAC)) {
      expect(ARP.read(frame)).toEqual({ claim: { address: '172.18.0.200', mac: MAC } });
    }
  });

  test('ignores a sender that is a group', () => {
    expect(ARP.read(encodeArp({ ...announcement(), senderMac: 'ff:ff:ff:ff:ff:ff' }))).toBeUndefined();
  });
});

function announcement(): ArpFrame {
  return {
    destinationMac: 'ff:ff:ff:ff:ff:ff',
    sourceMac: MAC,
    operation: 'request',
    senderMac: MAC,
    senderAddress: '172.18.0.200',
    targetMac: '00:00:00:00:00:00',
    targetAddress: '172.18.0.200',
  };
}
