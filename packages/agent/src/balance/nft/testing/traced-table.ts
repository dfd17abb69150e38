// SPDX-License-Identifier: Apache-2.0
import type { Chain, Destination, NftElement, NftSet, Rule, Verdict } from '../ruleset.ts';

/** A rule in a table, with what it has by itself. */
export interface TracedRule {
  readonly rule: Rule;
  /** Turns taken. */
  turns: number;
}

/** A set or map in a table. */
export interface TracedSet {
  readonly definition: NftSet;
  /** Key as text -> data. */
  readonly elements: Map<string, Destination | Verdict | undefined>;
  /** Client -> when it is forgotten. */
  readonly clients: Map<string, number>;
}

/** A chain in a table. */
export interface TracedChain {
  readonly definition: Chain;
  rules: TracedRule[];
}

/** The text by which an element is found. */
export function keyText(key: readonly (string | number)[]): string {
  return key.join(' . ');
}

/** One table as the kernel keeps it, with its refusals: nothing may refer to what is not there. */
export class TracedTable {
  readonly sets = new Map<string, TracedSet>();
  readonly chains = new Map<string, TracedChain>();

  addSet(definition: NftSet): void {
    if (this.sets.has(definition.name)) throw new Error(`set ${definition.name} is there already`);
    this.sets.set(definition.name, { definition, elements: new Map(), clients: new Map() });
  }

  deleteSet({ name }: NftSet): void {
    this.set(name);
    this.#refuseWhenUsed(name, `set ${name}`);
    this.sets.delete(name);
  }

  addChain(definition: Chain): void {
    if (this.chains.has(definition.name)) throw new Error(`chain ${definition.name} is there already`);
    this.chains.set(definition.name, { definition, rules: [] });
  }

  flushChain({ name }: Chain): void {
    this.chain(name).rules = [];
  }

  deleteChain({ name }: Chain): void {
    if (this.chain(name).rules.length > 0) throw new Error(`chain ${name} has rules`);
    this.#refuseWhenUsed(name, `chain ${name}`);
    this.chains.delete(name);
  }

  addRule(chain: string, rule: Rule): void {
    for (const name of setsOf(rule)) this.set(name);
    for (const name of chainsOf(rule)) this.chain(name);
    const rewrites = rule.statement.kind === 'dnat' || rule.statement.kind === 'spread';
    if (rewrites && !rule.matches.some(({ kind }) => kind === 'protocol')) {
      throw new Error(`chain ${chain}: a port is rewritten of a protocol that is not known`);
    }
    this.chain(chain).rules.push({ rule, turns: 0 });
  }

  addElement({ set, key, data }: NftElement): void {
    const { elements } = this.set(set);
    if (elements.has(keyText(key))) throw new Error(`${set} has ${keyText(key)} already`);
    if (data !== undefined && 'goto' in data) this.chain(data.goto);
    elements.set(keyText(key), data);
  }

  deleteElement({ set, key }: NftElement): void {
    if (!this.set(set).elements.delete(keyText(key))) throw new Error(`${set} has no ${keyText(key)}`);
  }

  set(name: string): TracedSet {
    const set = this.sets.get(name);
    if (set === undefined) throw new Error(`set ${name} is not there`);
    return set;
  }

  chain(name: string): TracedChain {
    const chain = this.chains.get(name);
    if (chain === undefined) throw new Error(`chain ${name} is not there`);
    return chain;
  }

  /** Everything but counters and clients. */
  dump(): unknown {
    return {
      sets: [...this.sets].map(([name, { elements }]) => [name, [...elements].sort()]).sort(),
      chains: [...this.chains].map(([name, { rules }]) => [name, rules.map(({ rule }) => rule)]).sort(),
    };
  }

  #refuseWhenUsed(name: string, what: string): void {
    const rules = [...this.chains.values()].flatMap((chain) => chain.rules);
    const byRule = rules.some(({ rule }) => [...setsOf(rule), ...chainsOf(rule)].includes(name));
    const byElement = [...this.sets.values()].some(({ elements }) =>
      [...elements.values()].some((data) => data !== undefined && 'goto' in data && data.goto === name),
    );
    if (byRule || byElement) throw new Error(`${what} is still in use`);
  }
}

function setsOf({ matches, statement }: Rule): readonly string[] {
  const matched = matches.flatMap((match) => (match.kind === 'member' ? [match.of] : []));
  if (statement.kind === 'lookUp' || statement.kind === 'spread') return [...matched, statement.map];
  if (statement.kind === 'remember') return [...matched, statement.in];
  const over = statement.kind === 'dispatch' ? statement.over : [];
  return 'inMap' in over ? [...matched, over.inMap] : matched;
}

function chainsOf({ statement }: Rule): readonly string[] {
  if (statement.kind === 'goto' || statement.kind === 'jump') return [statement.chain];
  if (statement.kind !== 'dispatch' || 'inMap' in statement.over) return [];
  return statement.over.map((verdict) => verdict.goto);
}
