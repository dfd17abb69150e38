// SPDX-License-Identifier: Apache-2.0
import { address } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Holdings } from '../allocator/holdings.ts';
import { parsePools } from '../pools/parse.ts';
import { poolContains } from '../pools/pool.ts';
import { figuresOf } from './pool-figures.ts';
import { restOf } from './rest.ts';

function holding(texts: readonly string[], restMs = 0): Holdings {
  const holdings = new Holdings({ restOf: () => restMs });
  texts.forEach((text, i) => {
    const claimed = { ...address(text), standing: 'accepted' as const };
    holdings.observe({ service: `default/s${i}`, addresses: [claimed], createdAt: '' }, 0);
  });
  return holdings;
}

it('counts what is held, cools down and is free, in each pool and family', () => {
  const pools = parsePools({
    'cidr-global': '10.0.0.0/24, fd00::/126',
    'range-shop': '10.0.0.10-10.0.0.12',
    'pool-gold': '10.0.1.255',
  });
  const holdings = holding(
    ['10.0.0.11', '10.0.0.12', '10.0.0.255', '10.0.1.255', 'fd00::1', '192.0.2.1'],
    60_000,
  );
  holdings.forget('default/s1', 0);
  expect(figuresOf(pools, holdings)).toEqual([
    { pool: 'global', family: 4, size: 254, used: 1, cooling: 1, free: 252 },
    { pool: 'shop', family: 4, size: 3, used: 1, cooling: 1, free: 1 },
    { pool: 'pool-gold', family: 4, size: 1, used: 1, cooling: 0, free: 0 },
    { pool: 'global', family: 6, size: 4, used: 1, cooling: 0, free: 3 },
  ]);
});

it('counts as one who asks each pool about each address', () => {
  const end = fc.integer({ min: 0, max: 40 });
  const range = fc
    .tuple(end, end)
    .map(([a, b]) => `10.0.0.${200 + Math.min(a, b)}-10.0.0.${200 + Math.max(a, b)}`);
  const list = fc.array(range, { minLength: 1, maxLength: 3 }).map((ranges) => ranges.join());
  const keys = fc.constantFrom('range-global', 'range-a', 'range-b', 'pool-c');
  const held = fc.uniqueArray(end.map((value) => `10.0.0.${200 + value}`));
  fc.assert(
    fc.property(fc.dictionary(keys, list), held, (data, texts) => {
      const pools = parsePools(data);
      const counted = figuresOf(pools, holding(texts)).map(({ pool, used }) => [pool, used]);
      const asked = [...pools.byId.values()].map((pool) => [
        pool.id,
        texts.filter((text) => poolContains(pool, address(text))).length,
      ]);
      expect(Object.fromEntries(counted)).toEqual(
        Object.fromEntries(asked.filter(([id]) => counted.some(([pool]) => pool === id))),
      );
      expect(counted.length).toBe(asked.length);
    }),
  );
});

it('an address rests as long as its pool says, the longest of several', () => {
  const pools = parsePools({
    'cidr-global': '10.0.0.0/24',
    'cooldown-shop': '2m',
    'range-shop': '10.0.0.10-10.0.0.12',
    'cooldown-gold': '0s',
    'pool-gold': '10.0.0.11-10.0.0.13',
  });
  const rests = ['10.0.0.1', '10.0.0.10', '10.0.0.11', '10.0.0.13', '192.0.2.1'].map((text) =>
    restOf(pools, address(text), 60_000),
  );
  expect(rests).toEqual([60_000, 120_000, 120_000, 0, 60_000]);
});
