// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ProxiedEnds, proxyHeader, readProxyHeader } from './proxy-protocol.ts';

const ENDS: ProxiedEnds = {
  source: { address: '192.0.2.1', port: 40_000 },
  destination: { address: '198.51.100.7', port: 443 },
};
const ENDS_IPV6: ProxiedEnds = {
  source: { address: '2001:db8::1', port: 40_000 },
  destination: { address: '2001:db8::7', port: 443 },
};

describe('proxyHeader', () => {
  it('writes version 1 as the specification has it', () => {
    expect(proxyHeader(1, ENDS).toString()).toBe('PROXY TCP4 192.0.2.1 198.51.100.7 40000 443\r\n');
    expect(proxyHeader(1, ENDS_IPV6).toString()).toBe('PROXY TCP6 2001:db8::1 2001:db8::7 40000 443\r\n');
  });

  it('writes version 2 as the specification has it', () => {
    const signature = '0d0a0d0a000d0a515549540a';
    expect(proxyHeader(2, ENDS).toString('hex')).toBe(`${signature}2111000cc0000201c63364079c4001bb`);
    expect(proxyHeader(2, ENDS, 'udp').toString('hex')).toBe(`${signature}2112000cc0000201c63364079c4001bb`);
    const [source, destination] = ['20010db8000000000000000000000001', '20010db8000000000000000000000007'];
    expect(proxyHeader(2, ENDS_IPV6).toString('hex')).toBe(
      `${signature}21210024${source}${destination}9c4001bb`,
    );
  });

  it('says that it does not know a client without an address', () => {
    const unknown = { ...ENDS, source: { address: '', port: 0 } };
    expect(proxyHeader(1, unknown).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(readProxyHeader(proxyHeader(2, unknown))).toEqual({
      ok: true,
      value: { ends: undefined, length: 16 },
    });
  });

  it('is read as it was written, not before it is complete, and whatever follows it', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    const endpoint = (address: fc.Arbitrary<string>) => fc.record({ address, port });
    const v6 = fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 });
    const v6Text = v6.map((words) => words.map((word) => word.toString(16)).join(':'));
    const ends = fc.oneof(
      fc.record({ source: endpoint(fc.ipV4()), destination: endpoint(fc.ipV4()) }),
      fc.record({ source: endpoint(v6Text), destination: endpoint(v6Text) }),
    );
    fc.assert(
      fc.property(ends, fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 }), (each, version, rest) => {
        const header = proxyHeader(version as 1 | 2, each);
        for (let length = 0; length < header.length; length += 1) {
          expect(readProxyHeader(header.subarray(0, length))).toBeUndefined();
        }
        const read = readProxyHeader(Buffer.concat([header, rest]));
        expect(read).toEqual({ ok: true, value: { ends: each, length: header.length } });
      }),
    );
  });

  it('makes IPv6 of both when one end is, and reads it as what it was', () => {
    const mixed = { source: ENDS.source, destination: ENDS_IPV6.destination };
    for (const version of [1, 2] as const) {
      const read = readProxyHeader(proxyHeader(version, mixed));
      expect(read).toMatchObject({ ok: true, value: { ends: mixed } });
    }
    const mapped = 'PROXY TCP6 ::ffff:c000:201 2001:db8::7 40000 443\r\n';
    expect(readProxyHeader(Buffer.from(mapped))).toMatchObject({ ok: true, value: { ends: mixed } });
  });
});

describe('readProxyHeader', () => {
  const refused = (bytes: Buffer | string) => {
    const read = readProxyHeader(Buffer.from(bytes as string, 'latin1'));
    return read !== undefined && !read.ok;
  };

  it('refuses what is no header, with the first byte that shows it', () => {
    expect(refused('G')).toBe(true);
    expect(refused('PROXX')).toBe(true);
    expect(refused('PROXY TCP4 192.0.2.1 198.51.100.7 40000\r\n')).toBe(true);
    expect(refused('PROXY TCP4 192.0.2.1 198.51.100.7 40000 99999\r\n')).toBe(true);
    expect(refused('PROXY TCP4 nobody 198.51.100.7 40000 443\r\n')).toBe(true);
    expect(refused('PROXY SCTP 192.0.2.1 198.51.100.7 40000 443\r\n')).toBe(true);
  });

  it('waits for the end of a line only as long as one may be', () => {
    expect(readProxyHeader(Buffer.from(`PROXY ${'A'.repeat(100)}`))).toBeUndefined();
    expect(refused(`PROXY ${'A'.repeat(101)}`)).toBe(true);
  });

  it('refuses a length that nobody means', () => {
    const header = Buffer.from(proxyHeader(2, ENDS));
    header.writeUInt16BE(60_000, 14);
    expect(refused(header)).toBe(true);
    header.writeUInt16BE(4, 14);
    expect(refused(header)).toBe(true);
  });

  it('skips additions, and what is said of families that it does not know', () => {
    const header = Buffer.concat([proxyHeader(2, ENDS), Buffer.from('0400010a', 'hex')]);
    header.writeUInt16BE(16, 14);
    expect(readProxyHeader(header)).toEqual({ ok: true, value: { ends: ENDS, length: 32 } });
    header[13] = 0x31;
    expect(readProxyHeader(header)).toEqual({ ok: true, value: { ends: undefined, length: 32 } });
    expect(readProxyHeader(Buffer.from('PROXY UNKNOWN some words\r\nx'))).toEqual({
      ok: true,
      value: { ends: undefined, length: 26 },
    });
  });

  it('never throws, whatever comes', () => {
    const starts = fc.constantFrom('', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n\0\r\nQUIT\n!');
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        const read = readProxyHeader(Buffer.concat([Buffer.from(start, 'latin1'), rest]));
        if (read?.ok === true) expect(read.value.length).toBeLessThanOrEqual(start.length + rest.length);
      }),
    );
  });
});
