// SPDX-License-Identifier: Apache-2.0
import { formatValue } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMac } from '../mac.ts';
import { decodeNdp, encodeNdp, multicastMac, type NdpFrame, solicitedNodeGroup } from './codec.ts';
import { NDP } from './protocol.ts';

const MAC = '02:00:5e:10:00:01';
const OTHER_MAC = '02:00:5e:10:00:02';

const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(formatMac);
/** Global unicast, so that every combination is valid; what is not valid has tests of its own. */
const addresses = fc.bigInt(0n, (1n << 124n) - 1n).map((value) => formatValue(6, (2n << 124n) | value));
const common = {
  destinationMac: macs,
  sourceMac: macs,
  source: addresses,
  destination: addresses,
  target: addresses,
};
const frames: fc.Arbitrary<NdpFrame> = fc.oneof(
  fc.record({ type: fc.constant('solicitation' as const), ...common }),
  fc.record({ type: fc.constant('solicitation' as const), ...common, linkMac: macs }),
  fc.record({
    type: fc.constant('advertisement' as const),
    ...common,
    linkMac: macs,
    isRouter: fc.boolean(),
    isSolicited: fc.boolean(),
    overrides: fc.boolean(),
  }),
);

const probe: NdpFrame = {
  type: 'solicitation',
  destinationMac: '33:33:ff:00:02:00',
  sourceMac: OTHER_MAC,
  source: '::',
  destination: 'ff02::1:ff00:200',
  target: 'fd00:18::200',
};

describe('NDP frames', () => {
  test('are read back as they were written', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeNdp(encodeNdp(frame))).toEqual(frame);
      }),
    );
  });

  test('are refused when any bit of header fields that are checked, or of the message, is wrong', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(7), (frame, position, bit) => {
        const bytes = Buffer.from(encodeNdp(frame));
        // From the IPv6 source on, everything is covered by the checksum.
        const at = 22 + (position % (bytes.length - 22));
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        expect(decodeNdp(bytes)).toBeUndefined();
      }),
    );
  });

  test('no bytes make the reader fail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, plausible) => {
        const frame = Buffer.from(bytes);
        if (plausible && frame.length > 60) {
          frame.writeUInt16BE(0x86dd, 12);
          frame.writeUInt8(0x60, 14);
          frame.writeUInt16BE(frame.length - 54, 18);
          frame.writeUInt16BE(0x3aff, 20);
          frame.writeUInt16BE(0x8700, 54);
        }
        decodeNdp(frame);
      }),
    );
  });

  test.each([
    ['a hop limit below 255', 21, 254],
    ['another next header', 20, 17],
    ['another EtherType', 13, 0x00],
    ['a code', 55, 1],
  ])('are refused with %s', (_, at, value) => {
    const bytes = Buffer.from(encodeNdp(probe));
    bytes.writeUInt8(value, at);
    expect(decodeNdp(bytes)).toBeUndefined();
  });

  test('are refused when RFC 4861 section 7.1 forbids them', () => {
    expect(decodeNdp(encodeNdp(probe))).toEqual(probe);
    expect(decodeNdp(encodeNdp({ ...probe, linkMac: OTHER_MAC }))).toBeUndefined();
    expect(decodeNdp(encodeNdp({ ...probe, target: 'ff02::1' }))).toBeUndefined();
    const bytes = Buffer.from(encodeNdp({ ...probe, source: 'fd00:18::1', linkMac: OTHER_MAC }));
    bytes.writeUInt8(0, 79);
    expect(decodeNdp(bytes)).toBeUndefined();
  });

  test('find the group and its hardware address', () => {
    expect(solicitedNodeGroup('fd00:18::12:3456')).toBe('ff02::1:ff12:3456');
    expect(multicastMac('ff02::1:ff12:3456')).toBe('33:33:ff:12:34:56');
  });
});

describe('NDP as a neighbour protocol', () => {
  test('announces to all nodes (golden bytes)', () => {
    const [frame] = NDP.announcements('fd00:18::200', MAC);
    expect(Buffer.from(frame ?? []).toString('hex')).toBe(
      '33330000000102005e10000186dd' +
        '6000000000203afffd000018000000000000000000000200ff020000000000000000000000000001' +
        '8800f85c20000000fd000018000000000000000000000200020102005e100001',
    );
  });

  test('answers the asker with a solicited advertisement', () => {
    const question = { address: 'fd00:18::200', askerMac: OTHER_MAC, askerAddress: 'fd00:18::100' };
    expect(decodeNdp(NDP.answer(question, MAC))).toEqual({
      type: 'advertisement',
      destinationMac: OTHER_MAC,
      sourceMac: MAC,
      source: 'fd00:18::200',
      destination: 'fd00:18::100',
      target: 'fd00:18::200',
      isRouter: false,
      isSolicited: true,
      overrides: true,
      linkMac: MAC,
    });
  });

  test('answers a probe for duplicates to everybody', () => {
    const message = NDP.read(encodeNdp(probe));
    expect(message).toEqual({
      question: { address: 'fd00:18::200', askerMac: OTHER_MAC, askerAddress: '::' },
    });
    const answer = decodeNdp(
      NDP.answer(message?.question ?? { address: '', askerMac: '', askerAddress: '' }, MAC),
    );
    expect(answer).toMatchObject({
      destination: 'ff02::1',
      destinationMac: '33:33:00:00:00:01',
      isSolicited: false,
    });
  });

  test('reads advertisements and the source of solicitations as claims', () => {
    const [announcement = new Uint8Array()] = NDP.announcements('fd00:18::200', MAC);
    expect(NDP.read(announcement)).toEqual({ claim: { address: 'fd00:18::200', mac: MAC } });
    const asked = NDP.read(encodeNdp({ ...probe, source: 'fd00:18::7', linkMac: OTHER_MAC }));
    expect(asked?.claim).toEqual({ address: 'fd00:18::7', mac: OTHER_MAC });
  });
});
