// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_NEWS_PER_MESSAGE, type News } from './messages.ts';
import { NewsLog, NewsView } from './news.ts';

/** Lets the view ask until it has everything. */
function catchUp(log: NewsLog, view: NewsView): News[] {
  const all: News[] = [];
  while (view.version < log.version) {
    const messages = log.since(view.version);
    for (const message of messages) view.take(message, 0);
    all.push(...messages);
  }
  return all;
}

describe('news', () => {
  it('bring a view up to date from wherever it is, whatever is lost, doubled or late', () => {
    const changes = fc.array(fc.tuple(fc.nat(60), fc.constantFrom('', 'n1', 'n2')), { maxLength: 200 });
    fc.assert(
      fc.property(changes, fc.array(fc.nat(6), { maxLength: 30 }), (owners, fates) => {
        const log = new NewsLog();
        const view = new NewsView();
        const late: News[] = [];
        const take = (messages: readonly News[]) => messages.forEach((news) => void view.take(news, 0));
        owners.forEach(([number, node], index) => {
          log.setOwner(`a${number}`, node);
          const fate = fates[index % Math.max(1, fates.length)] ?? 0;
          if (fate === 1) take(log.since(view.version));
          if (fate === 2) late.push(...log.since(view.version));
          if (fate === 3) take(late.reverse());
        });
        catchUp(log, view);
        const expected = new Map(owners.map(([number, node]) => [`a${number}`, node]));
        for (const [address, node] of expected) expect(view.owners.get(address) ?? '').toBe(node);
      }),
    );
  });

  it('are split, and leave out what was overtaken', () => {
    const log = new NewsLog();
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 50; number++) log.setOwner(`a${number}`, `n${round}`);
    }
    const messages = catchUp(log, new NewsView());
    expect(messages.every(({ changes }) => changes.length <= MAX_NEWS_PER_MESSAGE)).toBe(true);
    expect(messages.flatMap(({ changes }) => changes)).toHaveLength(50);
  });

  it('stay few, however long the reign lasts', () => {
    const log = new NewsLog();
    const late = new NewsView();
    for (let round = 0; round < 10_000; round++) log.setOwner(`a${round % 7}`, `n${round}`);
    expect(catchUp(log, late).length).toBe(1);
    expect(late.owners.get('a0')).toBe('n9996');
    log.setOwner('a0', 'n0');
    expect(catchUp(log, late).flatMap(({ changes }) => changes)).toHaveLength(1);
  });

  it('carry how often a node has failed from one coordinator to the next', () => {
    const first = new NewsLog();
    expect(first.setLosses('n1', 1)).toBe(false);
    first.setMember('n1', 'up');
    first.setLosses('n1', 2);
    const view = new NewsView();
    for (const news of first.since(0)) view.take(news, 5_000);
    expect([...view.losses]).toEqual([['n1', { losses: 2, sinceMs: 5_000 }]]);
    view.restart();
    const second = new NewsLog();
    second.setMember('n1', 'up');
    second.setLosses('n1', 2);
    for (const news of second.since(0)) view.take(news, 9_000);
    expect([...view.losses]).toEqual([['n1', { losses: 2, sinceMs: 5_000 }]]);
  });

  it('of another coordinator replace what was known, when they come', () => {
    const first = new NewsLog();
    first.setOwner('a', 'n1');
    first.setMember('n1', 'lost');
    const view = new NewsView();
    catchUp(first, view);
    view.restart();
    expect(view.owners.get('a')).toBe('n1');
    const second = new NewsLog();
    second.setOwner('b', 'n2');
    catchUp(second, view);
    expect([...view.owners]).toEqual([['b', 'n2']]);
    expect(view.members.size).toBe(0);
  });
});
