// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { printChanges } from './nft-text.ts';
import type { Part, Rule } from './ruleset.ts';
import { Transaction } from './transaction.ts';

const TABLE = { family: 'ip', name: 'fairlead' } as const;
const EMPTY: Part = { table: TABLE, sets: [], chains: [], elements: [] };

function script(before: Part | undefined, after: Part | undefined): readonly string[] {
  const transaction = new Transaction();
  transaction.move(before, after);
  return printChanges(transaction.changes).trimEnd().split('\n');
}

describe('Transaction', () => {
  const rule: Rule = { matches: [], statement: { kind: 'goto', chain: 'other' } };
  const full: Part = {
    ...EMPTY,
    sets: [{ kind: 'verdicts', name: 'map', key: ['port'] }],
    chains: [
      { name: 'one', rules: [rule] },
      { name: 'other', rules: [] },
    ],
    elements: [{ set: 'map', key: [80], data: { goto: 'one' } }],
  };

  it('adds what is referred to before what refers to it', () => {
    expect(script(undefined, full)).toEqual([
      'add map ip fairlead map { type inet_service : verdict; }',
      'add chain ip fairlead one',
      'add chain ip fairlead other',
      'add rule ip fairlead one goto other',
      'add element ip fairlead map { 80 : goto one }',
    ]);
  });

  it('removes what refers before what is referred to', () => {
    expect(script(full, undefined)).toEqual([
      'delete element ip fairlead map { 80 : goto one }',
      'flush chain ip fairlead one',
      'flush chain ip fairlead other',
      'delete map ip fairlead map',
      'delete chain ip fairlead one',
      'delete chain ip fairlead other',
    ]);
  });

  it('touches nothing that is the same', () => {
    expect(script(full, structuredClone(full))).toEqual(['']);
  });

  it('replaces an element that leads elsewhere, and a chain with other rules', () => {
    const other: Part = {
      ...full,
      chains: [
        { name: 'one', rules: [] },
        { name: 'other', rules: [] },
      ],
      elements: [{ set: 'map', key: [80], data: { goto: 'other' } }],
    };
    expect(script(full, other)).toEqual([
      'flush chain ip fairlead one',
      'delete element ip fairlead map { 80 : goto one }',
      'add element ip fairlead map { 80 : goto other }',
    ]);
  });
});
