// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGroupMac } from '../announce/mac.ts';
import { derivedMac, duidOf, iaidOf, linkLocalOf } from './identity.ts';
import { formatNotedLeases, type LeaseNote, parseNotedLeases } from './noted-lease.ts';
import { isOwnershipKey } from './ownership-key.ts';
import { readDhcpRequest } from './request.ts';

function service(annotations: Readonly<Record<string, string>> = {}, uid = 'u-1'): Service {
  return { metadata: { namespace: 'default', name: 'web', uid, annotations: { ...annotations } } } as Service;
}

const note: LeaseNote = {
  client: 'mac:02:00:5e:10:00:01',
  address: '192.0.2.9',
  server: '192.0.2.1',
  durationMs: 3_600_000,
  expiresWallMs: Date.parse('2026-11-21T10:00:00Z'),
};

describe('a wish', () => {
  it('has a station and a key of its own, the same on every node and for ever', () => {
    const one = readDhcpRequest(service(), 4).request;
    expect(readDhcpRequest(service(), 4).request).toEqual(one);
    expect(one.identity.mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
    expect(isOwnershipKey(one.key)).toBe(true);
    const others = [readDhcpRequest(service({}, 'u-2'), 4), readDhcpRequest(service(), 6)];
    for (const { request } of others) expect(request.key).not.toBe(one.key);
    // The same Service of another cluster in the same network is another station.
    expect(others[0]?.request.identity.mac).not.toBe(one.identity.mac);
  });

  it('stays the same when its hardware address is noted', () => {
    const { key, identity } = readDhcpRequest(service(), 4).request;
    const noted = readDhcpRequest(service({ 'kube-vip.io/hwaddr': identity.mac.toUpperCase() }), 4).request;
    expect(noted.key).toBe(key);
    expect(noted.identity).toEqual(identity);
  });

  it.each([
    [4, '192.0.2.7,2001:db8::7', '192.0.2.7'],
    [6, '192.0.2.7,2001:db8::7', '2001:db8::7'],
    [6, ' 192.0.2.7 ', undefined],
    [4, '', undefined],
  ] as const)('for IPv%i asks of "%s" for %s', (family, requestedIP, expected) => {
    const { request, problems } = readDhcpRequest(
      service({ 'kube-vip.io/requestedIP': requestedIP }),
      family,
    );
    expect(request.wanted).toBe(expected);
    expect(problems).toEqual([]);
  });

  it.each([
    ['kube-vip.io/hwaddr', 'banana'],
    ['kube-vip.io/hwaddr', 'ff:ff:ff:ff:ff:ff'],
    ['kube-vip.io/hwaddr', '00:00:00:00:00:00'],
    ['kube-vip.io/requestedIP', '192.0.2'],
    ['kube-vip.io/loadbalancerHostname', 'no spaces here'],
  ])('does without %s=%s, and says so', (name, value) => {
    const { request, problems } = readDhcpRequest(service({ [name]: value }), 4);
    expect(request).toEqual(readDhcpRequest(service(), 4).request);
    expect(problems).toMatchObject([{ reason: 'InvalidRequest', message: expect.stringContaining(value) }]);
  });

  it('is known by its host name where it sends one, as with kube-vip', () => {
    const named = (mac: string) =>
      readDhcpRequest(service({ 'kube-vip.io/loadbalancerHostname': 'lb', 'kube-vip.io/hwaddr': mac }), 4)
        .request;
    expect(named('02:00:00:00:00:01').key).toBe(named('02:00:00:00:00:02').key);
  });

  it('takes up a lease that was noted for the same client only', () => {
    const text = formatNotedLeases(new Map([[4, note]]));
    const noted = (mac: string) =>
      readDhcpRequest(service({ 'kube-vip.io/hwaddr': mac, 'fairlead.io/dhcp-lease': text }), 4).request
        .noted;
    expect(noted('02:00:5e:10:00:01')).toEqual(note);
    expect(noted('02:00:5e:10:00:02')).toBeUndefined();
  });
});

it('derives stations that no factory and no group has', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const mac = derivedMac(name);
      expect(isGroupMac(mac)).toBe(false);
      expect(Number.parseInt(mac.slice(0, 2), 16) & 0x02).toBe(0x02);
    }),
  );
});

it('makes DUID, IAID and link-local address of a hardware address', () => {
  const mac = '02:00:5e:10:00:01';
  expect(duidOf(mac)).toBe('0003000102005e100001');
  expect(iaidOf(mac)).toBe(0x5e100001);
  expect(linkLocalOf(mac)).toBe('fe80::5eff:fe10:1');
});

describe('a noted lease', () => {
  it('comes back as it was', () => {
    const endless = {
      ...note,
      durationMs: Number.POSITIVE_INFINITY,
      expiresWallMs: Number.POSITIVE_INFINITY,
    };
    const six = { ...note, address: '2001:db8::9', server: '00030001aabb' };
    for (const leases of [
      new Map([[4, note]]),
      new Map([[4, endless]]),
      new Map([
        [4, note],
        [6, six],
      ]),
    ] as const) {
      expect(parseNotedLeases(formatNotedLeases(leases as never))).toEqual(leases);
    }
  });

  it('counts as not there when somebody has spoilt it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseNotedLeases(text).size).toBe(0);
      }),
    );
    const text = formatNotedLeases(new Map([[4, note]]));
    const spoilt = ['192.0.2', '2026', '3600', 'mac:', 'seconds', 'ipv4'].map((part) =>
      text.replace(part, 'x'),
    );
    for (const one of spoilt.slice(0, 2)) expect(parseNotedLeases(one).size).toBe(0);
    for (const one of spoilt) expect(() => parseNotedLeases(one)).not.toThrow();
  });
});
