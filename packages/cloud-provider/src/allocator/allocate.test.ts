// SPDX-License-Identifier: Apache-2.0
import { address, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolContains } from '../pools/pool.ts';
import { poolOf } from '../pools/testing/pool-of.ts';
import { allocate } from './allocate.ts';
import type { FamilyRequest } from './families.ts';
import { type Claim, type ClaimedAddress, Holdings, type Standing } from './holdings.ts';

const SINGLE_V4: FamilyRequest = { policy: 'SingleStack', families: [4] };
const SINGLE_V6: FamilyRequest = { policy: 'SingleStack', families: [6] };

function claimed(text: string, standing: Standing = 'accepted'): ClaimedAddress {
  return { ...address(text), standing };
}

function holdingsOf(used: readonly string[], restMs = 0): Holdings {
  const holdings = new Holdings({ restOf: () => restMs });
  used.forEach((text, i) => {
    holdings.observe({ service: `other/${i}`, addresses: [claimed(text)], createdAt: '' }, 0);
  });
  return holdings;
}

/** Addresses as text, or the reason of the failure with its families. */
function outcome(
  data: Record<string, string>,
  used: readonly string[] = [],
  families: FamilyRequest = SINGLE_V4,
): string {
  const request = { service: 'default/echo', families, preferred: [] };
  const result = allocate(poolOf(data), request, holdingsOf(used), 0);
  return result.ok
    ? result.addresses.map(formatAddress).join()
    : `${result.reason} ${result.families.join()}`;
}

describe('which address', () => {
  it.each<[Record<string, string>, string[], string]>([
    [{ 'range-global': '10.10.10.8-10.10.10.15' }, [], '10.10.10.8'],
    [{ 'range-global': '10.10.10.8-10.10.10.15' }, ['10.10.10.8', '10.10.10.9'], '10.10.10.10'],
    [{ 'range-global': '10.10.10.8-10.10.10.15' }, ['10.10.10.9'], '10.10.10.8'],
    [{ 'range-global': '10.10.10.8-10.10.10.9' }, ['10.10.10.8', '10.10.10.9'], 'PoolExhausted 4'],
    [{ 'range-global': '192.168.0.253-192.168.1.2' }, ['192.168.0.253', '192.168.0.254'], '192.168.1.1'],
    [
      { 'cidr-global': '192.168.0.255/30' },
      ['192.168.0.252', '192.168.0.253', '192.168.0.254'],
      'PoolExhausted 4',
    ],
    [{ 'cidr-global': '192.168.0.200/30', 'skip-end-ips-in-cidr': 'true' }, [], '192.168.0.201'],
    [
      { 'cidr-global': '192.168.0.200/30', 'skip-end-ips-in-cidr': 'true' },
      ['192.168.0.201'],
      '192.168.0.202',
    ],
    [{ 'cidr-global': '10.0.0.0/24' }, [], '10.0.0.1'],
    [{ 'cidr-global': '10.0.0.0/24', 'search-order': 'desc' }, [], '10.0.0.254'],
    [{ 'cidr-global': '10.0.0.0/23', 'search-order': 'desc' }, ['10.0.1.254'], '10.0.1.253'],
    [{ 'range-global': '10.0.0.254-10.0.1.1', 'search-order': 'desc' }, ['10.0.1.1'], '10.0.0.254'],
    [{ 'cidr-global': '10.0.0.0/31' }, [], '10.0.0.0'],
    [{ 'cidr-global': '10.0.0.0/31' }, ['10.0.0.0'], '10.0.0.1'],
    [{ 'cidr-global': '10.0.0.255/32' }, [], '10.0.0.255'],
    [{ 'cidr-global': '10.0.0.255/32,10.0.0.7/32', 'search-order': 'desc' }, [], '10.0.0.255'],
    [{ 'cidr-global': '10.0.0.0/30,10.0.0.2/31' }, ['10.0.0.1', '10.0.0.2'], '10.0.0.3'],
    // CIDRs come before ranges of the same scope, and ranges take over when they are full.
    [{ 'cidr-global': '10.0.5.0/30', 'range-global': '10.0.0.1-10.0.0.2' }, [], '10.0.5.1'],
    [
      { 'cidr-global': '10.0.5.0/30', 'range-global': '10.0.0.1-10.0.0.2' },
      ['10.0.5.1', '10.0.5.2', '10.0.5.3'],
      '10.0.0.1',
    ],
    // Addresses outside the pool, of another family or without meaning do not disturb.
    [{ 'range-global': '10.0.0.1-10.0.0.2' }, ['192.168.0.1', '::a00:1', '0.0.0.0'], '10.0.0.1'],
    [{ 'cidr-global': '0.0.0.0/32' }, ['0.0.0.0'], '0.0.0.0'],
  ])('%j with %j in use: %s', (data, used, expected) => {
    expect(outcome(data, used)).toBe(expected);
  });

  it.each<[Record<string, string>, string[], string]>([
    [{ 'range-global': 'fe80::10-fe80::20' }, [], 'fe80::10'],
    [{ 'range-global': 'fe80::10-fe80::20' }, ['fe80::10'], 'fe80::11'],
    [{ 'cidr-global': '2001:db8::/64' }, [], '2001:db8::'],
    [{ 'cidr-global': '2001:db8::/64', 'search-order': 'desc' }, [], '2001:db8::ffff:ffff:ffff:ffff'],
    [{ 'cidr-global': '2001:db8::/127' }, ['2001:db8::', '2001:db8::1'], 'PoolExhausted 6'],
    [{ 'cidr-global': '10.0.0.0/24' }, [], 'NoFamily 6'],
    [{ 'cidr-global': '::/128' }, [], '::'],
  ])('IPv6: %j with %j in use: %s', (data, used, expected) => {
    expect(outcome(data, used, SINGLE_V6)).toBe(expected);
  });
});

describe('families', () => {
  const both = { 'range-global': '10.120.120.1-10.120.120.2,fe80::10-fe80::11' };
  const onlyV4 = { 'range-global': '10.120.120.1-10.120.120.2' };
  const onlyV6 = { 'range-global': 'fe80::10-fe80::11' };
  const fullV4 = ['10.120.120.1', '10.120.120.2'];
  const fullV6 = ['fe80::10', 'fe80::11'];

  it.each<[FamilyRequest['policy'], Family[], Record<string, string>, string[], string]>([
    ['SingleStack', [], both, [], '10.120.120.1'],
    ['SingleStack', [], onlyV6, [], 'fe80::10'],
    ['SingleStack', [], both, fullV4, 'PoolExhausted 4'],
    ['SingleStack', [4], onlyV6, [], 'NoFamily 4'],
    ['SingleStack', [6], both, [], 'fe80::10'],
    ['SingleStack', [6], onlyV4, [], 'NoFamily 6'],
    ['RequireDualStack', [], both, [], '10.120.120.1,fe80::10'],
    ['RequireDualStack', [4, 6], both, [], '10.120.120.1,fe80::10'],
    ['RequireDualStack', [6, 4], both, [], 'fe80::10,10.120.120.1'],
    ['RequireDualStack', [6], both, [], 'fe80::10,10.120.120.1'],
    ['RequireDualStack', [4, 6], onlyV4, [], 'NoFamily 6'],
    ['RequireDualStack', [4, 6], both, fullV4, 'PoolExhausted 4'],
    ['RequireDualStack', [4, 6], both, fullV6, 'PoolExhausted 6'],
    ['PreferDualStack', [], both, [], '10.120.120.1,fe80::10'],
    ['PreferDualStack', [6, 4], both, [], 'fe80::10,10.120.120.1'],
    ['PreferDualStack', [4, 6], onlyV4, [], '10.120.120.1'],
    ['PreferDualStack', [4, 6], onlyV6, [], 'fe80::10'],
    ['PreferDualStack', [4, 6], both, fullV4, 'fe80::10'],
    ['PreferDualStack', [4, 6], both, fullV6, '10.120.120.1'],
    ['PreferDualStack', [4, 6], both, [...fullV4, ...fullV6], 'PoolExhausted 4,6'],
    // The only family it has is full: a failure, not a success without an address.
    ['PreferDualStack', [4, 6], onlyV4, fullV4, 'PoolExhausted 4'],
    ['RequireDualStack', [4, 6], { 'cidr-global': '0.0.0.0/32' }, [], '0.0.0.0'],
  ])('%s %j from %j with %j in use: %s', (policy, families, data, used, expected) => {
    expect(outcome(data, used, { policy, families })).toBe(expected);
  });

  it('tells which family PreferDualStack had to do without', () => {
    const request = {
      service: 'default/echo',
      families: { policy: 'PreferDualStack', families: [4, 6] } as const,
      preferred: [],
    };
    expect(allocate(poolOf(both), request, holdingsOf(fullV4), 0)).toMatchObject({
      ok: true,
      exhausted: [4],
    });
    expect(allocate(poolOf(onlyV6), request, holdingsOf([]), 0)).toMatchObject({ ok: true, exhausted: [] });
  });
});

describe('rest of released addresses', () => {
  const two = poolOf({ 'range-global': '10.0.0.1-10.0.0.2' });
  const take = (holdings: Holdings, nowMs: number) => {
    const result = allocate(two, { service: 'a/new', families: SINGLE_V4, preferred: [] }, holdings, nowMs);
    return result.ok ? result.addresses.map(formatAddress).join() : result.reason;
  };

  it('hands out another address first, and the released one again after its rest', () => {
    const holdings = holdingsOf(['10.0.0.1'], 60_000);
    holdings.forget('other/0', 1_000);
    expect(take(holdings, 1_000)).toBe('10.0.0.2');
    expect(take(holdings, 60_999)).toBe('10.0.0.2');
    expect(take(holdings, 61_000)).toBe('10.0.0.1');
  });

  it('gives nobody an address before its rest is over when the pool says so, and tells when that is', () => {
    const strict = poolOf({ 'range-global': '10.0.0.1-10.0.0.2', 'cooldown-global': '1m' });
    const holdings = new Holdings({ restOf: ({ value }) => (value % 2n === 1n ? 60_000 : 90_000) });
    for (const text of ['10.0.0.1', '10.0.0.2', '10.9.9.9']) {
      holdings.observe({ service: `a/${text}`, addresses: [claimed(text)], createdAt: '' }, 0);
    }
    const ask = (nowMs: number) =>
      allocate(strict, { service: 'a/new', families: SINGLE_V4, preferred: [] }, holdings, nowMs);
    expect(ask(0)).toEqual({ ok: false, reason: 'PoolExhausted', families: [4] });
    // Another pool's address does not matter.
    holdings.forget('a/10.9.9.9', 0);
    holdings.forget('a/10.0.0.2', 1_000);
    expect(ask(2_000)).toMatchObject({ ok: false, coolingUntilMs: 91_000 });
    holdings.forget('a/10.0.0.1', 10_000);
    expect(ask(10_000)).toMatchObject({ ok: false, coolingUntilMs: 70_000 });
    expect(ask(69_999)).toMatchObject({ ok: false, coolingUntilMs: 70_000 });
    expect(ask(70_000)).toMatchObject({ ok: true, addresses: [address('10.0.0.1')] });
  });

  it('hands out the longest resting address when nothing else is left', () => {
    const holdings = holdingsOf(['10.0.0.1', '10.0.0.2'], 60_000);
    holdings.forget('other/1', 1_000);
    holdings.forget('other/0', 2_000);
    expect(take(holdings, 3_000)).toBe('10.0.0.2');
  });

  it('gives a Service its own address back at once', () => {
    const holdings = holdingsOf(['10.0.0.1'], 60_000);
    holdings.forget('other/0', 1_000);
    const request = { service: 'a/b', families: SINGLE_V4, preferred: [address('10.0.0.1')] };
    expect(allocate(two, request, holdings, 1_000)).toMatchObject({
      ok: true,
      addresses: [address('10.0.0.1')],
    });
  });
});

describe('addresses that a pool never gives', () => {
  it.each<[Record<string, string>, string[], string]>([
    [{ 'range-global': '10.0.0.1-10.0.0.9', 'avoid-global': '10.0.0.1,10.0.0.3' }, ['10.0.0.2'], '10.0.0.4'],
    [
      { 'range-global': '10.0.0.1-10.0.0.9', 'avoid-global': '10.0.0.9', 'search-order': 'desc' },
      ['10.0.0.8'],
      '10.0.0.7',
    ],
    [{ 'range-global': '10.0.0.1-10.0.0.2', 'avoid-global': '10.0.0.2' }, ['10.0.0.1'], 'PoolExhausted 4'],
    [{ 'cidr-global': '10.0.0.0/31', 'avoid-global': '10.0.0.0' }, [], '10.0.0.1'],
    // A range of many, far behind which the first free one lies.
    [
      { 'range-global': '10.0.0.1-10.0.0.2,10.0.1.1-10.0.1.2,10.0.2.1-10.0.2.2' },
      ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2'],
      '10.0.2.1',
    ],
  ])('%j with %j in use: %s', (data, used, expected) => {
    expect(outcome(data, used)).toBe(expected);
  });

  it('are stepped over at once, half of a /64 as well', () => {
    const data = { 'cidr-global': '2001:db8::/64', 'avoid-global': '2001:db8::/65' };
    expect(outcome(data, [], SINGLE_V6)).toBe('2001:db8:0:0:8000::');
    expect(outcome(data, ['2001:db8:0:0:8000::'], SINGLE_V6)).toBe('2001:db8::8000:0:0:1');
    const upper = { ...data, 'avoid-global': '2001:db8:0:0:8000::/65', 'search-order': 'desc' };
    expect(outcome(upper, [], SINGLE_V6)).toBe('2001:db8::7fff:ffff:ffff:ffff');
  });
});

describe('against a naive model', () => {
  const subject = poolOf({
    'range-global': '10.0.0.250-10.0.1.8,10.0.1.12-10.0.1.14',
    'cidr-global': '10.0.2.0/30,10.0.3.0/32',
    'avoid-global': '10.0.0.252,10.0.1.4-10.0.1.5',
  });
  const candidates = ['10.0.0', '10.0.1', '10.0.2', '10.0.3']
    .flatMap((prefix) => Array.from({ length: 256 }, (_, i) => address(`${prefix}.${i}`)))
    .filter((candidate) => poolContains(subject, candidate));
  const step = fc.record({ service: fc.integer({ min: 0, max: 24 }), release: fc.boolean() });

  it('gives every address once, refuses only when none is left, and decides the same again', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(0, 5), (steps, restMs) => {
        const holdings = new Holdings({ restOf: () => restMs });
        const model = new Map<number, string>();
        steps.forEach(({ service, release }, nowMs) => {
          const name = `a/${service}`;
          if (release) {
            holdings.forget(name, nowMs);
            model.delete(service);
            return;
          }
          if (model.has(service)) return;
          const request = { service: name, families: SINGLE_V4, preferred: [] };
          const result = allocate(subject, request, holdings, nowMs);
          expect(allocate(subject, request, holdings, nowMs)).toEqual(result);
          expect(result.ok).toBe(model.size < candidates.length);
          if (!result.ok) return;
          const [chosen] = result.addresses.map(formatAddress);
          expect([...model.values()]).not.toContain(chosen);
          expect(candidates.map(formatAddress)).toContain(chosen);
          if (restMs === 0) {
            const cidrFirst = [...candidates.slice(-4), ...candidates.slice(0, -4)];
            const free = cidrFirst.map(formatAddress).find((text) => ![...model.values()].includes(text));
            expect(chosen).toBe(free);
          }
          const addresses = result.addresses.map(
            (each): ClaimedAddress => ({ ...each, standing: 'accepted' }),
          );
          holdings.observe({ service: name, addresses, createdAt: '' }, nowMs);
          model.set(service, chosen ?? '');
        });
        expect(holdings.size).toBe(model.size);
      }),
    );
  });

  it('does not depend on the order in which Services were observed', () => {
    const claim = fc.record({
      service: fc.integer({ min: 0, max: 5 }).map((i) => `a/${i}`),
      address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
      standing: fc.constantFrom<Standing>('accepted', 'serving', 'requested'),
      createdAt: fc.constantFrom('2026-01-01', '2026-01-02'),
    });
    const unique = fc.uniqueArray(claim, { selector: ({ service }) => service, minLength: 1 });
    const shuffled = unique.chain((claims) =>
      fc.tuple(fc.constant(claims), fc.shuffledSubarray(claims, { minLength: claims.length })),
    );
    const holders = (
      claims: readonly (Pick<Claim, 'service' | 'createdAt'> & { address: string; standing: Standing })[],
    ) => {
      const holdings = new Holdings({ restOf: () => 0 });
      for (const { service, createdAt, address: text, standing } of claims) {
        holdings.observe({ service, createdAt, addresses: [claimed(text, standing)] }, 0);
      }
      return ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text) => holdings.holderOf(address(text)));
    };
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(holders(one)).toEqual(holders(other));
      }),
    );
  });
});
