// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { NftTable } from '../../system/nft.ts';
import type { Chain, Change, NftElement, NftSet, Part } from './ruleset.ts';

/**
 * Collects the steps from what is there to what is wanted, part by part, and brings them into an order that nftables accepts:
 * nothing may be referred to that is not there. What is the same before and after is not touched: a rule that is
 * written anew begins its turns anew, and a set forgets the clients it has learnt.
 */
export class Transaction {
  readonly #tables: Change[] = [];
  readonly #definitions: Change[] = [];
  readonly #rules: Change[] = [];
  readonly #leaving = new ElementChanges('deleteElements');
  readonly #coming = new ElementChanges('addElements');
  readonly #emptied: Change[] = [];
  readonly #removed: Change[] = [];

  /** Builds a table anew, whatever was there. */
  replaceTable(table: NftTable): void {
    this.#tables.push({ do: 'replaceTable', table });
  }

  /** A part that was as `before` and is to be as `after`; undefined: not there. */
  move(before: Part | undefined, after: Part | undefined): void {
    const table = (after ?? before)?.table;
    if (table === undefined) return;
    this.#moveSets(table, before?.sets ?? [], after?.sets ?? []);
    this.#moveChains(table, before?.chains ?? [], after?.chains ?? []);
    this.#moveElements(table, before?.elements ?? [], after?.elements ?? []);
  }

  /** The steps, in order; empty when there is nothing to do. */
  get changes(): readonly Change[] {
    const elements = [...this.#leaving.changes, ...this.#coming.changes];
    return [this.#tables, this.#definitions, this.#rules, elements, this.#emptied, this.#removed].flat();
  }

  #moveSets(table: NftTable, before: readonly NftSet[], after: readonly NftSet[]): void {
    const { added, removed } = compare(before, after, ({ name }) => name);
    for (const set of added) this.#definitions.push({ do: 'addSet', table, set });
    for (const set of removed) this.#removed.push({ do: 'deleteSet', table, set });
  }

  #moveChains(table: NftTable, before: readonly Chain[], after: readonly Chain[]): void {
    const { added, removed, kept } = compare(before, after, ({ name }) => name);
    for (const chain of added) {
      this.#definitions.push({ do: 'addChain', table, chain });
      this.#addRules(table, chain);
    }
    for (const [old, chain] of kept) {
      if (isDeepStrictEqual(old.rules, chain.rules)) continue;
      this.#rules.push({ do: 'flushChain', table, chain });
      this.#addRules(table, chain);
    }
    for (const chain of removed) {
      // Chains may lead to each other, so all are emptied before the first one goes.
      this.#emptied.push({ do: 'flushChain', table, chain });
      this.#removed.push({ do: 'deleteChain', table, chain });
    }
  }

  #addRules(table: NftTable, { name, rules }: Chain): void {
    for (const rule of rules) this.#rules.push({ do: 'addRule', table, chain: name, rule });
  }

  #moveElements(table: NftTable, before: readonly NftElement[], after: readonly NftElement[]): void {
    const { added, removed, kept } = compare(before, after, ({ set, key }) => `${set} ${key.join(' ')}`);
    for (const element of removed) this.#leaving.put(table, element);
    for (const [old, element] of kept) {
      if (isDeepStrictEqual(old.data, element.data)) continue;
      this.#leaving.put(table, old);
      this.#coming.put(table, element);
    }
    for (const element of added) this.#coming.put(table, element);
  }
}

interface Comparison<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly kept: readonly (readonly [before: T, after: T])[];
}

function compare<T>(before: readonly T[], after: readonly T[], keyOf: (each: T) => string): Comparison<T> {
  // A new front end, and there may be ten thousand of them.
  if (before.length === 0) return { added: after, removed: [], kept: [] };
  const [old, wanted] = [byKey(before, keyOf), byKey(after, keyOf)];
  const added: T[] = [];
  const kept: (readonly [T, T])[] = [];
  for (const [key, each] of wanted) {
    const was = old.get(key);
    if (was === undefined) added.push(each);
    else kept.push([was, each]);
  }
  return { added, kept, removed: [...old].flatMap(([key, each]) => (wanted.has(key) ? [] : [each])) };
}

function byKey<T>(all: readonly T[], keyOf: (each: T) => string): ReadonlyMap<string, T> {
  return new Map(all.map((each) => [keyOf(each), each]));
}

/** Elements by set, so that a thousand front ends cost a few commands and not thousands. */
class ElementChanges {
  readonly #verb: 'addElements' | 'deleteElements';
  readonly #bySet = new Map<string, { readonly table: NftTable; readonly elements: NftElement[] }>();

  constructor(verb: 'addElements' | 'deleteElements') {
    this.#verb = verb;
  }

  put(table: NftTable, element: NftElement): void {
    const key = `${table.family} ${table.name} ${element.set}`;
    const members = this.#bySet.get(key);
    if (members === undefined) this.#bySet.set(key, { table, elements: [element] });
    else members.elements.push(element);
  }

  get changes(): readonly Change[] {
    return [...this.#bySet.values()].map(({ table, elements }) => {
      return { do: this.#verb, table, set: elements[0]?.set ?? '', elements };
    });
  }
}
