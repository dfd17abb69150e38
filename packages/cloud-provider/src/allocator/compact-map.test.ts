// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompactMap, hashText, hashValue } from './compact-map.ts';

interface Entry {
  readonly key: number;
  readonly word: string;
}

describe('CompactMap', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 40 }),
    word: fc.option(fc.string({ maxLength: 2 }), { nil: undefined }),
  });

  it('agrees with Map, also when keys have few hashes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 64 }), (steps, hashes) => {
        const map = new CompactMap<number, Entry>({ keyOf: ({ key }) => key, hash: (key) => key % hashes });
        const model = new Map<number, Entry>();
        for (const { key, word } of steps) {
          if (word === undefined) {
            map.delete(key);
            model.delete(key);
          } else {
            map.set({ key, word });
            model.set(key, { key, word });
          }
          expect(map.size).toBe(model.size);
        }
        for (let key = 0; key <= 40; key++) expect(map.get(key)).toEqual(model.get(key));
        const byKey = (a: Entry, b: Entry) => a.key - b.key;
        expect([...map.values()].sort(byKey)).toEqual([...model.values()].sort(byKey));
      }),
    );
  });

  it('keeps 50,000 entries apart', () => {
    const map = new CompactMap<bigint, bigint>({ keyOf: (value) => value, hash: hashValue });
    for (let i = 0n; i < 50_000n; i++) map.set((1n << 90n) + i);
    for (let i = 0n; i < 50_000n; i += 2n) map.delete((1n << 90n) + i);
    expect(map.size).toBe(25_000);
    expect(map.get((1n << 90n) + 17n)).toBe((1n << 90n) + 17n);
    expect(map.get((1n << 90n) + 18n)).toBeUndefined();
  });
});

describe('the hashes', () => {
  /** Share of 2^16 slots that 2^15 keys fill; the best that chance can do is 0.39. */
  const fill = (hashes: readonly number[]) => new Set(hashes.map((hash) => hash & 0xffff)).size / 0x1_0000;
  const numbers = Array.from({ length: 0x8000 }, (_, i) => i);

  it.each<[string, (i: number) => number]>([
    ['neighbours', (i) => hashValue(BigInt(i))],
    ['every 256th', (i) => hashValue(BigInt(i) << 8n)],
    ['neighbours of an IPv6 /64', (i) => hashValue((0x20010db8n << 96n) + BigInt(i))],
    ['one in each /96', (i) => hashValue((0x20010db8n << 96n) + (BigInt(i) << 32n))],
    ['Services of one namespace', (i) => hashText(`default/web-${i}`)],
    ['Services of many namespaces', (i) => hashText(`team-${i}/web`)],
  ])('spread %s', (_, hash) => {
    expect(fill(numbers.map(hash))).toBeGreaterThan(0.3);
  });
});
