// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FamilyResult, NameBook, type NameResult } from './name-book.ts';

const NAME = 'lb.example.org';
const NONE: FamilyResult = { kind: 'addresses', addresses: [], ttlMs: 0 };
const GONE: FamilyResult = { kind: 'noSuchName' };
const DOWN: FamilyResult = { kind: 'failed', code: 'ETIMEOUT' };
const has = (address: string, ttlMs = 10_000): FamilyResult => ({
  kind: 'addresses',
  addresses: [address],
  ttlMs,
});

/** Asks once and takes the answer; returns after how long it asks again. */
function ask(book: NameBook, ipv4: FamilyResult, ipv6: FamilyResult = NONE): number {
  const nowMs = book.nextMs;
  expect(book.takeDue(nowMs)).toEqual([NAME]);
  expect(book.takeDue(nowMs)).toEqual([]);
  book.took(NAME, { ipv4, ipv6 }, nowMs);
  return book.nextMs - nowMs;
}

function wanting(): NameBook {
  const book = new NameBook();
  book.want(new Set([NAME]), 1_000);
  return book;
}

describe('a name', () => {
  it('is asked for at once, and again when its answer has had its time', () => {
    const book = wanting();
    expect(book.nextMs).toBe(1_000);
    expect(ask(book, has('192.0.2.7', 12_000), has('2001:db8::7', 30_000))).toBe(12_000);
    expect(ask(book, has('192.0.2.7', 0))).toBe(3_000);
    expect(ask(book, has('192.0.2.7', 86_400_000))).toBe(60_000);
    expect(book.stateOf(NAME)?.answer).toEqual({ ipv4: ['192.0.2.7'], ipv6: [] });
  });

  it.each([
    ['the resolver fails', DOWN],
    ['the name is gone', GONE],
    ['the name has no address any more', NONE],
  ])('keeps its last answer when %s, and says so', (_what, result) => {
    const book = wanting();
    ask(book, has('192.0.2.7'));
    const waits = [1, 2, 3, 4, 5, 6, 7].map(() => ask(book, result, result));
    expect(book.stateOf(NAME)?.answer).toEqual({ ipv4: ['192.0.2.7'], ipv6: [] });
    expect(book.stateOf(NAME)?.problems.ipv4).toBeDefined();
    expect(waits).toEqual([3_000, 6_000, 12_000, 24_000, 30_000, 30_000, 30_000]);
    ask(book, has('192.0.2.8'));
    expect(book.stateOf(NAME)).toEqual({
      answer: { ipv4: ['192.0.2.8'], ipv6: [] },
      problems: { ipv4: undefined, ipv6: undefined },
    });
  });

  it('keeps one family when only that fails, and drops one that is gone', () => {
    const book = wanting();
    ask(book, has('192.0.2.7'), has('2001:db8::7'));
    ask(book, has('192.0.2.8'), DOWN);
    expect(book.stateOf(NAME)).toMatchObject({
      answer: { ipv4: ['192.0.2.8'], ipv6: ['2001:db8::7'] },
      problems: { ipv4: undefined, ipv6: expect.stringContaining('ETIMEOUT') },
    });
    ask(book, has('192.0.2.8'), NONE);
    expect(book.stateOf(NAME)?.answer).toEqual({ ipv4: ['192.0.2.8'], ipv6: [] });
    // Some servers deny the name when asked for a family that it does not have.
    ask(book, has('192.0.2.8'), GONE);
    expect(book.stateOf(NAME)?.problems.ipv6).toBeUndefined();
  });

  it('is forgotten when nobody wants it, with the answer that is under way', () => {
    const book = wanting();
    book.takeDue(1_000);
    book.want(new Set(), 1_100);
    expect(book.took(NAME, { ipv4: has('192.0.2.7'), ipv6: NONE }, 1_200)).toBe(false);
    expect(book.stateOf(NAME)).toBeUndefined();
    expect(book.nextMs).toBe(Number.POSITIVE_INFINITY);
  });
});

it('never loses an answer without another one, and never asks too often', () => {
  const address = fc.integer({ min: 1, max: 254 }).map((octet) => has(`192.0.2.${octet}`, octet * 1_000));
  const result = fc.oneof(address, fc.constantFrom(NONE, GONE, DOWN));
  const results = fc.array(fc.record<NameResult>({ ipv4: result, ipv6: result }), { maxLength: 30 });
  fc.assert(
    fc.property(results, (all) => {
      const book = wanting();
      let isAnswered = false;
      for (const { ipv4, ipv6 } of all) {
        const waitMs = ask(book, ipv4, ipv6);
        expect(waitMs).toBeGreaterThanOrEqual(3_000);
        expect(waitMs).toBeLessThanOrEqual(60_000);
        const { answer } = book.stateOf(NAME) ?? {};
        if (isAnswered) expect((answer?.ipv4.length ?? 0) + (answer?.ipv6.length ?? 0)).toBeGreaterThan(0);
        isAnswered ||= answer !== undefined;
      }
    }),
  );
});
