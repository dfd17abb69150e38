// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { formatRange } from '@fairlead/shared/address/range.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourceEntry } from './policy.ts';
import { disjoint, parseSourceEntry } from './sources.ts';
import { entryOf } from './testing/policies.ts';

describe('parseSourceEntry', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7', undefined],
    ['192.0.2.0/30', '192.0.2.0-192.0.2.3', undefined],
    ['2001:db8::/127', '2001:db8::-2001:db8::1', undefined],
    [' 192.0.2.7  until 2026-11-21T07:00:00Z ', '192.0.2.7', Date.UTC(2026, 10, 21, 7)],
    ['192.0.2.7 until 2026-11-21T09:00:00+02:00', '192.0.2.7', Date.UTC(2026, 10, 21, 7)],
  ])('reads %j', (text, range, untilMs) => {
    const entry = parseSourceEntry(text);
    expect(entry.ok && formatRange(entry.value.range)).toBe(range);
    expect(entry.ok && entry.value.untilMs).toBe(untilMs);
  });

  it.each([
    '',
    'banana',
    '192.0.2.0/33',
    '192.0.2.7 until',
    '192.0.2.7 until tomorrow',
    '1.2.3.4 until 2026-11-21',
  ])('refuses %j with a reason', (text) =>
    expect(parseSourceEntry(text)).toMatchObject({ ok: false, problem: expect.stringMatching(/./) }),
  );
});

describe('disjoint', () => {
  it('lets the longest of several ends count where they overlap', () => {
    const pieces = disjoint(
      [
        '10.0.0.0/24',
        '10.0.0.128/25 until 2030-01-01T00:00:00Z',
        '10.0.0.0/23 until 2027-01-01T00:00:00Z',
      ].map(entryOf),
    );
    expect(pieces.map(({ range, untilMs }) => [formatRange(range), untilMs])).toEqual([
      ['10.0.0.0-10.0.0.255', undefined],
      ['10.0.1.0-10.0.1.255', Date.UTC(2027, 0, 1)],
    ]);
  });

  const entries = fc.array(
    fc
      .record({
        first: fc.bigInt(0n, 60n),
        size: fc.bigInt(0n, 20n),
        untilMs: fc.option(fc.nat(3), { nil: undefined }),
      })
      .map(
        ({ first, size, untilMs }): SourceEntry => ({
          range: { family: 4, first, last: first + size },
          untilMs,
        }),
      ),
    { maxLength: 12 },
  );
  const endAt = (list: readonly SourceEntry[], value: bigint): number | undefined => {
    const ends = list
      .filter(({ range }) => range.first <= value && value <= range.last)
      .map(({ untilMs = Number.POSITIVE_INFINITY }) => untilMs);
    return ends.length === 0 ? undefined : Math.max(...ends);
  };

  it('says the same of every address, in pieces that neither overlap nor could be joined', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const pieces = disjoint(list);
        for (let value = 0n; value <= 85n; value += 1n) expect(endAt(pieces, value)).toBe(endAt(list, value));
        for (const [index, piece] of pieces.entries()) {
          const before = pieces[index - 1];
          if (before === undefined) continue;
          expect(before.range.last).toBeLessThan(piece.range.first);
          if (before.range.last + 1n === piece.range.first) expect(before.untilMs).not.toBe(piece.untilMs);
        }
      }),
    );
  });

  it('reaches to the last address there is', () => {
    const [piece] = disjoint([entryOf('::/0')]);
    expect(piece && formatRange(piece.range)).toBe(
      `::-${formatAddress(addressOf('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') ?? { family: 6, value: 0n })}`,
    );
  });
});
