// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerValue, toClientHeaders, toTargetHeaders } from './http-headers.ts';

describe('toTargetHeaders', () => {
  it('says who the client is, and keeps what else it said', () => {
    expect(toTargetHeaders(['Host', 'example.org', 'Accept', '*/*'], '192.0.2.1')).toEqual([
      ...['Host', 'example.org', 'Accept', '*/*'],
      ...['X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'example.org'],
    ]);
  });

  it('puts the client at the end of those that proxies before us named', () => {
    const raw = ['x-forwarded-for', '203.0.113.1', 'X-Forwarded-For', '203.0.113.2'];
    const headers = toTargetHeaders(raw, '192.0.2.1');
    expect(headerValue(headers, 'x-forwarded-for')).toBe('203.0.113.1, 203.0.113.2, 192.0.2.1');
  });

  it('drops what a client claims in our name', () => {
    const headers = toTargetHeaders(['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'bank'], '192.0.2.1');
    expect(headers).toEqual(['X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'http']);
  });

  it('drops what speaks of the connection, by name or because Connection says so', () => {
    const raw = [
      'Connection',
      'close, X-Trace',
      'x-trace',
      '1',
      'Keep-Alive',
      '5',
      'TE',
      'trailers',
      'A',
      '1',
    ];
    expect(toTargetHeaders(raw, '192.0.2.1').slice(0, 2)).toEqual(['A', '1']);
    expect(toTargetHeaders(['Expect', '100-continue'], '192.0.2.1')).not.toContain('Expect');
  });

  it('does not let Connection take away host or framing', () => {
    const raw = ['Connection', 'host, content-length', 'Host', 'example.org', 'Content-Length', '4'];
    expect(toTargetHeaders(raw, '192.0.2.1').slice(0, 4)).toEqual([
      'Host',
      'example.org',
      'Content-Length',
      '4',
    ]);
  });

  const raw = fc
    .array(
      fc.tuple(
        fc.constantFrom(
          'Connection',
          'connection',
          'Upgrade',
          'Transfer-Encoding',
          'Cookie',
          'X-A',
          'x-forwarded-for',
        ),
        fc.constantFrom('close', 'x-a', 'chunked', '10.0.0.1', 'x-forwarded-for'),
      ),
    )
    .map((all) => all.flat());

  it('leaves nothing hop by hop, keeps repeated headers in order, and the client is last', () => {
    fc.assert(
      fc.property(raw, (headers) => {
        const out = toTargetHeaders(headers, '192.0.2.1');
        const names = out.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
        for (const name of ['connection', 'upgrade', 'transfer-encoding']) expect(names).not.toContain(name);
        expect(headerValue(out, 'x-forwarded-for')).toMatch(/(^|, )192\.0\.2\.1$/);
        const cookies = (all: readonly string[]) => all.filter((_, index) => all[index - 1] === 'Cookie');
        expect(cookies(out)).toEqual(cookies(headers));
      }),
    );
  });
});

describe('toClientHeaders', () => {
  it('drops what speaks of the connection to the target and nothing else', () => {
    const raw = [
      'Set-Cookie',
      'a',
      'set-cookie',
      'b',
      'Connection',
      'x-hop',
      'X-Hop',
      '1',
      'Transfer-Encoding',
      'chunked',
    ];
    expect(toClientHeaders(raw)).toEqual(['Set-Cookie', 'a', 'set-cookie', 'b']);
  });
});
