// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scheduler } from '../model/frontend.ts';
import type { ProxyListener, ProxyTarget } from './listener.ts';
import { TargetBook } from './target-book.ts';
import { listenerOf, targetOf } from './testing/listeners.ts';

const NOBODY: ReadonlySet<string> = new Set();
const [A, B, C] = ['10.1.0.1:80', '10.1.0.2:80', '10.1.0.3:80'] as const;
const [a, b, c] = [1, 2, 3].map((host) => targetOf(`10.1.0.${host}`, 80));
const ALL = [a, b, c].filter((each) => each !== undefined);
const TWO = ALL.slice(0, 2);

function idOf(choice: ReturnType<TargetBook['choose']>): string {
  return typeof choice === 'string' ? choice : choice.id;
}

/** Chooses and opens, as a connection does. */
function connect(book: TargetBook, client = '10.0.0.1', nowMs = 0): string {
  const id = idOf(book.choose(client, NOBODY, nowMs));
  book.opened(id, client, nowMs);
  return id;
}

describe('TargetBook', () => {
  it('has nobody where there is no target, or none of weight', () => {
    expect(new TargetBook(listenerOf([])).choose('10.0.0.1', NOBODY, 0)).toBe('none');
    const weightless = new TargetBook(listenerOf(ALL.map((target) => ({ ...target, weight: 0 }))));
    expect(weightless.choose('10.0.0.1', NOBODY, 0)).toBe('none');
  });

  it('never chooses one that was tried', () => {
    const book = new TargetBook(listenerOf(ALL));
    expect(idOf(book.choose('10.0.0.1', new Set([A, C]), 0))).toBe(B);
    expect(book.choose('10.0.0.1', new Set([A, B, C]), 0)).toBe('none');
  });

  it('leaves those alone that failed, but chooses among them when all did', () => {
    const book = new TargetBook(listenerOf(TWO));
    for (const id of [A, A]) book.failed(id, 0);
    expect([connect(book), connect(book), connect(book)]).toEqual([B, B, B]);
    expect(book.stats(0).get(A)?.isOut).toBe(true);
    for (const id of [B, B]) book.failed(id, 0);
    expect(new Set([connect(book), connect(book)])).toEqual(new Set([A, B]));
  });

  it('comes back to a target after its pause, and forgets failures with the first success', () => {
    const book = new TargetBook(listenerOf(TWO));
    for (const id of [A, A]) book.failed(id, 0);
    expect(new Set([connect(book, '10.0.0.1', 500), connect(book, '10.0.0.1', 500)])).toEqual(
      new Set([A, B]),
    );
    book.succeeded(A);
    book.failed(A, 600);
    expect(book.stats(600).get(A)).toMatchObject({ isOut: false, failures: 3, served: 1 });
  });

  it('has no room above the limit of each target', () => {
    const book = new TargetBook(listenerOf(TWO, {}, { maxPerTarget: 1 }));
    expect([connect(book), connect(book)].sort()).toEqual([A, B]);
    expect(book.choose('10.0.0.1', NOBODY, 0)).toBe('full');
    book.closed(B, '10.0.0.1', 0);
    expect(idOf(book.choose('10.0.0.1', NOBODY, 0))).toBe(B);
  });

  it('keeps a client at its target while it comes, and lets it wait there when that is full', () => {
    const book = new TargetBook(listenerOf(ALL, { affinitySeconds: 10 }, { maxPerTarget: 2 }));
    const usual = connect(book);
    expect(connect(book, '10.0.0.1', 9_000)).toBe(usual);
    expect(book.choose('10.0.0.1', NOBODY, 9_000)).toBe('full');
    book.closed(usual, '10.0.0.1', 50_000);
    expect(connect(book, '10.0.0.1', 59_000)).toBe(usual);
  });

  it('gives a client another target when its own failed, and stays with that', () => {
    const book = new TargetBook(listenerOf(ALL, { affinitySeconds: 10 }));
    const usual = connect(book);
    for (const nowMs of [0, 0]) book.failed(usual, nowMs);
    const other = connect(book);
    expect(other).not.toBe(usual);
    expect(connect(book, '10.0.0.1', 5_000)).toBe(other);
  });

  it('keeps turns, counts and health of those that stay', () => {
    const book = new TargetBook(listenerOf(TWO));
    expect(connect(book)).toBe(A);
    book.failed(A, 0);
    book.update(listenerOf(ALL));
    expect(connect(book)).toBe(B);
    expect(book.stats(0).get(A)).toMatchObject({ failures: 1, open: 1 });
  });

  it('knows a removed target until its last connection ends, and its own again when it comes back before', () => {
    const book = new TargetBook(listenerOf(TWO));
    connect(book);
    book.update(listenerOf(TWO.slice(1)));
    expect(book.has(A)).toBe(false);
    expect(book.stats(0).get(A)?.open).toBe(1);
    book.update(listenerOf(TWO));
    expect(book.stats(0).get(A)?.open).toBe(1);
    book.update(listenerOf(TWO.slice(1)));
    book.closed(A, '10.0.0.1', 0);
    expect(book.stats(0).has(A)).toBe(false);
  });

  it('does not remember a client for a target that was taken away', () => {
    const book = new TargetBook(listenerOf(TWO, { affinitySeconds: 10 }));
    const usual = connect(book);
    const left = TWO.filter(({ id }) => id !== usual);
    book.update(listenerOf(left, { affinitySeconds: 10 }));
    book.closed(usual, '10.0.0.1', 1);
    book.update(listenerOf(left, { affinitySeconds: 10 }));
    expect(connect(book)).toBe(left[0]?.id);
  });

  const events = fc.array(
    fc.record({ what: fc.constantFrom('open', 'close', 'fail', 'serve', 'change'), which: fc.nat(7) }),
    { maxLength: 150, size: 'max' },
  );
  const spreads = fc.record({
    scheduler: fc.constantFrom<Scheduler>(
      'roundRobin',
      'weightedRoundRobin',
      'leastConnections',
      'sourceHash',
      'consistentHash',
    ),
    affinitySeconds: fc.constantFrom(undefined, 60),
  });

  it('counts right whatever happens, and chooses only targets that are there and have room', () => {
    fc.assert(
      fc.property(events, spreads, (all, spread) => {
        const watched = new WatchedBook(spread);
        for (const [nowMs, { what, which }] of all.entries()) {
          watched[what](which, nowMs);
          watched.check(nowMs);
        }
      }),
    );
  });
});

const MAX_PER_TARGET = 3;

/** A book, and what is known of it from what was done to it. */
class WatchedBook {
  readonly #parts: { readonly scheduler: Scheduler; readonly affinitySeconds: number | undefined };
  readonly #book: TargetBook;
  readonly #open: { readonly id: string; readonly client: string }[] = [];
  #targets: readonly ProxyTarget[] = ALL;

  constructor(parts: { readonly scheduler: Scheduler; readonly affinitySeconds: number | undefined }) {
    this.#parts = parts;
    this.#book = new TargetBook(this.#listener());
  }

  open(which: number, nowMs: number): void {
    const client = `10.0.0.${which}`;
    const choice = this.#book.choose(client, NOBODY, nowMs);
    if (typeof choice === 'string') return;
    expect(this.#targets).toContain(choice);
    expect(this.#openOf(choice.id)).toBeLessThan(MAX_PER_TARGET);
    this.#book.opened(choice.id, client, nowMs);
    this.#open.push({ id: choice.id, client });
  }

  close(which: number, nowMs: number): void {
    const [closed] = this.#open.splice(which % Math.max(1, this.#open.length), 1);
    if (closed !== undefined) this.#book.closed(closed.id, closed.client, nowMs);
  }

  /** The bits of `which` say who is there from now on. */
  change(which: number): void {
    this.#targets = ALL.filter((_, index) => ((which >> index) & 1) === 1);
    this.#book.update(this.#listener());
  }

  fail(which: number, nowMs: number): void {
    this.#book.failed(ALL[which % ALL.length]?.id ?? '', nowMs);
  }

  serve(which: number): void {
    this.#book.succeeded(ALL[which % ALL.length]?.id ?? '');
  }

  check(nowMs: number): void {
    const stats = this.#book.stats(nowMs);
    const known = [...this.#targets, ...this.#open].map(({ id }) => id);
    expect(new Set(stats.keys())).toEqual(new Set(known));
    for (const [id, { open }] of stats) expect(open).toBe(this.#openOf(id));
  }

  #openOf(target: string): number {
    return this.#open.filter(({ id }) => id === target).length;
  }

  #listener(): ProxyListener {
    return listenerOf(this.#targets, this.#parts, { maxPerTarget: MAX_PER_TARGET });
  }
}
