// SPDX-License-Identifier: Apache-2.0
import { address, formatAddress } from '@fairlead/shared/address/address.ts';
import { expect, it } from 'vitest';
import { type ClaimedAddress, type Handover, Holdings, type Standing } from './holdings.ts';

const X = '10.0.0.1';

function claim(service: string, text: string, standing: Standing, createdAt = '2026-01-01') {
  const addresses: ClaimedAddress[] = [{ ...address(text), standing }];
  return { service, addresses, createdAt };
}

function summary({ freed, affected }: Handover) {
  return { freed: freed.map(formatAddress), affected };
}

it('lets the better title win, then the older Service, then the name', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.observe(claim('a/young', X, 'requested', '2026-02-01'), 0);
  holdings.observe(claim('a/old', X, 'requested', '2026-01-01'), 0);
  expect(holdings.holderOf(address(X))).toBe('a/old');
  holdings.observe(claim('a/young', X, 'serving', '2026-02-01'), 0);
  expect(holdings.holderOf(address(X))).toBe('a/young');
  holdings.observe(claim('b/youngest', X, 'accepted', '2026-03-01'), 0);
  expect(holdings.holderOf(address(X))).toBe('b/youngest');
  holdings.observe(claim('a/youngest', X, 'accepted', '2026-03-01'), 0);
  expect(holdings.holderOf(address(X))).toBe('a/youngest');
});

it('passes an address on to the next claimant, and says whom that concerns', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.observe(claim('a/first', X, 'accepted'), 0);
  expect(holdings.observe(claim('a/second', X, 'requested'), 0).freed).toEqual([]);
  expect(holdings.isAvailableTo('a/second', address(X))).toBe(false);
  expect(summary(holdings.forget('a/first', 0))).toEqual({ freed: [], affected: ['a/second'] });
  expect(holdings.isAvailableTo('a/second', address(X))).toBe(true);
  expect(summary(holdings.forget('a/second', 0))).toEqual({ freed: [X], affected: [] });
  expect(holdings.size).toBe(0);
});

it('says who loses an address to a better title', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.observe(claim('a/request', X, 'requested'), 0);
  expect(summary(holdings.observe(claim('a/owner', X, 'accepted'), 0)).affected).toEqual(['a/request']);
});

it('counts a reservation as held until it ends, and keeps what was written meanwhile', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.reserve('a/new', [{ ...address(X), standing: 'accepted' }], 0);
  holdings.observe(claim('a/older', X, 'requested', '2020-01-01'), 0);
  expect(holdings.holderOf(address(X))).toBe('a/new');
  holdings.observe({ service: 'a/new', addresses: [], createdAt: '2026-01-01' }, 0);
  expect(holdings.holderOf(address(X))).toBe('a/new');
  holdings.observe(claim('a/new', X, 'accepted'), 0);
  expect(summary(holdings.reserve('a/new', [], 0))).toEqual({ freed: [], affected: [] });
  expect(holdings.holderOf(address(X))).toBe('a/new');
});

it('lets nobody have what two keep, and tells the one when the other lets go', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.observe(claim('a/one', X, 'kept'), 0);
  holdings.observe(claim('a/two', X, 'kept'), 0);
  expect(['a/one', 'a/two'].filter((service) => holdings.isAvailableTo(service, address(X)))).toEqual([]);
  expect(holdings.forget('a/two', 0).affected).toEqual(['a/one']);
  expect(holdings.isAvailableTo('a/one', address(X))).toBe(true);
});

it('never holds the DHCP placeholders', () => {
  const holdings = new Holdings({ restOf: () => 0 });
  holdings.observe(claim('a/one', '0.0.0.0', 'accepted'), 0);
  expect(holdings.size).toBe(0);
  expect(holdings.isAvailableTo('a/two', address('0.0.0.0'))).toBe(true);
});

it('lets an address rest that others may have seen, and not one that was never written', () => {
  const holdings = new Holdings({ restOf: () => 60_000 });
  const reserved = { ...address(X), standing: 'accepted' } as const;
  const isResting = () => [...holdings.resting(4)].length > 0;
  holdings.reserve('a/one', [reserved], 0);
  expect(summary(holdings.reserve('a/one', [], 0)).freed).toEqual([X]);
  expect(isResting()).toBe(false);
  expect(holdings.isTaken(address(X))).toBe(false);
  holdings.observe(claim('a/one', X, 'accepted'), 0);
  expect(isResting()).toBe(false);
  holdings.reserve('a/one', [reserved], 0);
  holdings.reserve('a/one', [], 0);
  expect(isResting()).toBe(false);
  holdings.forget('a/one', 0);
  expect(isResting()).toBe(true);
});
