// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressNumber, addressText, familyOf, type IpFamily } from '../validation/ip.ts';
import { ClusterIpPool } from './cluster-ips.ts';
import { NodePortPool } from './node-ports.ts';

/** A reproducible source of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One use of the pool, judged against the plain set of what is held. */
type Step = (pool: ClusterIpPool, held: Set<string>) => void;

describe('ClusterIpPool', () => {
  const any: fc.Arbitrary<Step> = fc.constant((pool, held) => {
    const ip = pool.takeAny();
    expect(ip === undefined).toBe(held.size === 30);
    if (ip === undefined) return;
    expect(held.has(ip)).toBe(false);
    held.add(ip);
  });
  const request: fc.Arbitrary<Step> = fc.integer({ min: 0, max: 40 }).map((offset) => (pool, held) => {
    const ip = `10.0.0.${offset}`;
    const fits = offset >= 1 && offset <= 30;
    expect(pool.take(ip) === undefined).toBe(fits && !held.has(ip));
    if (fits) held.add(ip);
  });
  const release: fc.Arbitrary<Step> = fc.nat().map((index) => (pool, held) => {
    const ip = [...held][index % Math.max(1, held.size)] ?? '';
    pool.release(ip);
    held.delete(ip);
  });

  test('behaves like a set of the addresses of its range', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(any, request, release), { maxLength: 120 }), fc.nat(), (steps, seed) => {
        const pool = new ClusterIpPool('10.0.0.0/27', randomFrom(seed));
        const held = new Set<string>();
        for (const step of steps) step(pool, held);
      }),
    );
  });

  test('hands out the low addresses, which are for requests, last', () => {
    const pool = new ClusterIpPool('10.0.0.0/27', randomFrom(7));
    const order = Array.from({ length: 30 }, () => Number(pool.takeAny()?.split('.')[3]));
    expect(order.slice(0, 14).every((last) => last > 16)).toBe(true);
    expect(new Set(order).size).toBe(30);
    expect(pool.takeAny()).toBeUndefined();
  });

  test('copes with an IPv6 range of any size', () => {
    for (const cidr of ['fd00::/64', 'fd00:10:96::/112', 'fd00::/126']) {
      const pool = new ClusterIpPool(cidr, randomFrom(1));
      const ips = Array.from({ length: 3 }, () => pool.takeAny());
      expect(new Set(ips).size).toBe(3);
      expect(ips.every((ip) => ip !== undefined && familyOf(ip) === 'IPv6')).toBe(true);
    }
  });
});

describe('NodePortPool', () => {
  test('hands out each of the 2,768 ports once, and then none', () => {
    const pool = new NodePortPool(30_000, 32_767, randomFrom(3));
    const ports = Array.from({ length: 2768 }, () => pool.takeAny());
    expect(new Set(ports).size).toBe(2768);
    expect(ports.every((port) => port !== undefined && port >= 30_000 && port <= 32_767)).toBe(true);
    expect(ports.slice(0, 2682).every((port) => (port ?? 0) >= 30_086)).toBe(true);
    expect(pool.takeAny()).toBeUndefined();
    pool.release(31_000);
    expect(pool.takeAny()).toBe(31_000);
  });

  test('refuses in the words of the real server', () => {
    const pool = new NodePortPool(30_000, 32_767, randomFrom(3));
    expect(pool.take(30_001)).toBeUndefined();
    expect(pool.take(30_001)).toBe('provided port is already allocated');
    expect(pool.take(80)).toBe(
      'provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });
});

describe('addresses as numbers', () => {
  test('text and number convert into each other', () => {
    const v4 = fc.ipV4().map((ip): [string, IpFamily] => [ip, 'IPv4']);
    const v6 = fc
      .bigInt({ min: 0n, max: (1n << 128n) - 1n })
      .map((number): [string, IpFamily] => [addressText(number, 'IPv6'), 'IPv6']);
    fc.assert(
      fc.property(fc.oneof(v4, v6), ([ip, family]) => {
        const number = addressNumber(ip);
        expect(familyOf(ip)).toBe(family);
        expect(number === undefined ? undefined : addressText(number, family)).toBe(ip);
      }),
    );
  });

  test('IPv6 text is canonical (RFC 5952)', () => {
    const canonical = (ip: string): string => addressText(addressNumber(ip) ?? 0n, 'IPv6');
    expect(canonical('2001:DB8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(canonical('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(canonical('::ffff:1.2.3.4')).toBe('::ffff:102:304');
    expect(canonical('::')).toBe('::');
  });
});
