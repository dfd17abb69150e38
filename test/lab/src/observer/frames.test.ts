// SPDX-License-Identifier: Apache-2.0
import { address } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeProbe, formatMac, PROBE_NUMBERS, parseClaim, parseMac, stationOf } from './frames.ts';

const station = stationOf({ mac: '02:fa:1f:00:00:00', ipv4: '172.18.0.101', ipv6: 'fd00:18::65' });
const OWNER = '02fa1e000003';
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** ARP frame: destination, source, operation, sender MAC and IP, target MAC and IP. */
const arp = (
  to: string,
  from: string,
  operation: 1 | 2,
  senderIp: string,
  targetMac: string,
  targetIp: string,
) => hex(`${to} ${from} 0806 0001 0800 06 04 000${operation} ${from} ${senderIp} ${targetMac} ${targetIp}`);

describe('probes', () => {
  it('ask with ARP for IPv4', () => {
    expect(encodeProbe(address('172.18.0.200'), station, 5).toString('hex')).toBe(
      hex(`ffffffffffff 02fa1f000005 0806 0001 0800 06 04 0001
           02fa1f000005 ac120065 000000000000 ac1200c8`).toString('hex'),
    );
  });

  it('ask with a neighbour solicitation for IPv6, with a checksum that verifies', () => {
    const frame = encodeProbe(address('fd00:18::c8'), station, 5);
    expect(frame.subarray(0, 14).toString('hex')).toBe('3333ff0000c802fa1f00000586dd');
    expect(frame.readUInt8(21)).toBe(255); // hop limit
    const pseudo = Buffer.concat([frame.subarray(22, 54), hex('00000020 0000003a'), frame.subarray(54)]);
    let sum = 0;
    for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    expect(sum).toBe(0xffff);
  });
});

describe('claims', () => {
  it('are answers when they are addressed to the station, and name the probe', () => {
    const reply = arp('02fa1f000007', OWNER, 2, 'ac1200c8', '02fa1f000007', 'ac120065');
    expect(parseClaim(reply, station)).toEqual({
      kind: 'answer',
      address: '172.18.0.200',
      mac: '02:fa:1e:00:00:03',
      probe: 7,
    });
  });

  it('are announcements when the sender speaks about itself, as request or as reply', () => {
    for (const operation of [1, 2] as const) {
      const frame = arp('ffffffffffff', OWNER, operation, 'ac1200c8', 'ffffffffffff', 'ac1200c8');
      expect(parseClaim(frame, station)).toMatchObject({ kind: 'announcement', address: '172.18.0.200' });
    }
  });

  it('are mentions when a host asks for another one from the address', () => {
    const frame = arp('ffffffffffff', OWNER, 1, 'ac1200c8', '000000000000', 'ac120002');
    expect(parseClaim(frame, station)).toMatchObject({ kind: 'mention', address: '172.18.0.200' });
  });

  it('are not made by probes for duplicates, nor by our own frames', () => {
    expect(
      parseClaim(arp('ffffffffffff', OWNER, 1, '00000000', '000000000000', 'ac1200c8'), station),
    ).toBeUndefined();
    expect(parseClaim(encodeProbe(address('172.18.0.200'), station, 1), station)).toBeUndefined();
  });

  it('tell when somebody else sent the frame', () => {
    const frame = arp('ffffffffffff', OWNER, 2, 'ac1200c8', 'ffffffffffff', 'ac1200c8');
    frame.set(hex('02fa1e000004'), 6);
    expect(parseClaim(frame, station)).toMatchObject({
      mac: '02:fa:1e:00:00:03',
      sentBy: '02:fa:1e:00:00:04',
    });
  });

  it('come from neighbour advertisements', () => {
    const advertisement = (to: string, flags: string) =>
      hex(`${to} ${OWNER} 86dd 6000 0000 0020 3a ff fd000018000000000000000000000003
           fd000018000000000000000000000065 88 00 0000 ${flags}000000
           fd0000180000000000000000000000c8 02 01 ${OWNER}`);
    expect(parseClaim(advertisement('02fa1f000009', '60'), station)).toEqual({
      kind: 'answer',
      address: 'fd00:18::c8',
      mac: '02:fa:1e:00:00:03',
      probe: 9,
    });
    expect(parseClaim(advertisement('333300000001', '20'), station)).toMatchObject({ kind: 'announcement' });
  });

  it('never throw, whatever arrives', () => {
    const heads = fc.constantFrom('0806', '86dd', '0800');
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 120 }), (type, bytes) => {
        const frame = Buffer.concat([hex(`02fa1f000001 ${OWNER} ${type}`), Buffer.from(bytes)]);
        parseClaim(frame, station);
        parseClaim(Buffer.from(bytes), station);
      }),
    );
  });
});

describe('MAC addresses', () => {
  it('survive the round trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        expect(parseMac(formatMac(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('are refused when they are none', () => {
    expect(() => parseMac('02:00:00:00:00')).toThrow('six pairs');
  });

  it('leave room for all probe numbers in the last byte', () => {
    expect(PROBE_NUMBERS).toBeLessThanOrEqual(256);
  });
});
