// SPDX-License-Identifier: Apache-2.0
import { type NftTable, TRANSACTION_BOUNDARY } from '../../system/nft.ts';
import type { BalanceModel, Frontend } from '../model/frontend.ts';
import type { NftLayer } from '../nft/nft-layer.ts';
import {
  DSR_SETS,
  DSR_TABLES,
  dropAllScript,
  framesScript,
  INGRESS_TABLE,
  LOCAL_TABLES,
} from './dsr-tables.ts';
import { type FlowRule, flowRuleOf, forwardingLines, rescueLines } from './flow-rules.ts';

/** Sends flows on to other hops at layer 2: direct server return. */
export const dsrLayer: NftLayer = {
  tables: DSR_TABLES,
  renderAll: (model) => buildScript(contentOf(model)),
  renderChanges: (before, after) => changeScript(contentOf(before), contentOf(after)),
};

/** What the tables have beside their frames. */
interface Content {
  /** `name index` of each link, sorted. */
  readonly links: readonly string[];
  readonly linkNames: readonly string[];
  /** `table chain` -> how it is filled. */
  readonly chains: ReadonlyMap<string, ChainContent>;
  /** `table set` -> key -> what it leads to; empty in a set. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

interface ChainContent {
  readonly table: NftTable;
  readonly name: string;
  readonly lines: readonly string[];
}

/** Models never change in place, and the one that was applied is asked for again with the next. */
const contents = new WeakMap<BalanceModel, Content>();

/** Most chains are those of the model before, and a chain's name says all that it depends on. */
let latest: Content | undefined;

function contentOf(model: BalanceModel): Content {
  const known = contents.get(model);
  if (known !== undefined) return known;
  const builder = new ContentBuilder();
  for (const frontend of model.frontends.values()) builder.add(frontend);
  const content = builder.content();
  contents.set(model, content);
  latest = content;
  return content;
}

class ContentBuilder {
  readonly #links = new Map<string, string>();
  readonly #chains = new Map<string, ChainContent | undefined>();
  readonly #elements = new Map<string, Map<string, string>>();

  add(frontend: Frontend): void {
    const { direct, masquerade, family } = frontend;
    if (direct === undefined) return;
    this.#links.set(`${direct.link} ${direct.linkIndex}`, direct.link);
    const local = LOCAL_TABLES[family];
    if (!masquerade) this.#put(local, DSR_SETS.kept, frontend, '');
    const rule = flowRuleOf(frontend);
    if (rule === undefined) return;
    this.#lead(INGRESS_TABLE, DSR_SETS.forwarded[family], frontend, rule, forwardingLines);
    if (frontend.protocol === 'tcp') this.#lead(local, DSR_SETS.rescued, frontend, rule, rescueLines);
  }

  content(): Content {
    const chains = [...this.#chains].flatMap(([key, chain]) =>
      chain === undefined ? [] : [[key, chain] as const],
    );
    return {
      links: [...this.#links.keys()].sort(),
      linkNames: [...new Set(this.#links.values())].sort(),
      chains: new Map(chains),
      elements: this.#elements,
    };
  }

  /** A front end's element, and the chain it leads to, unless that would be empty. */
  #lead(
    table: NftTable,
    set: string,
    frontend: Frontend,
    rule: FlowRule,
    linesOf: (rule: FlowRule) => readonly string[] | undefined,
  ): void {
    const key = `${where(table)} ${rule.name}`;
    if (!this.#chains.has(key)) {
      const lines = latest?.chains.get(key)?.lines ?? linesOf(rule);
      this.#chains.set(key, lines && { table, name: rule.name, lines });
    }
    if (this.#chains.get(key) !== undefined) this.#put(table, set, frontend, ` : goto ${rule.name}`);
  }

  #put(table: NftTable, set: string, { address, protocol, port }: Frontend, target: string): void {
    const name = `${where(table)} ${set}`;
    const members = this.#elements.get(name) ?? new Map<string, string>();
    this.#elements.set(name, members.set(`${address} . ${protocol} . ${port}`, target));
  }
}

const NOTHING: Content = { links: [], linkNames: [], chains: new Map(), elements: new Map() };

function buildScript(content: Content): string {
  if (content.links.length === 0) return dropAllScript();
  return dropAllScript() + framesScript(content.linkNames) + stepScript(NOTHING, content);
}

function changeScript(before: Content, after: Content): string {
  // The hooks belong to links, and cannot follow them.
  if (before.links.join() !== after.links.join()) return buildScript(after);
  return stepScript(before, after);
}

/** Of a transaction, in characters: with addresses of IPv6 the kernel's form has about twice as many bytes. */
const TRANSACTION_LENGTH = 45_000;
/** Elements that change in one transaction; about 150 bytes each. */
const ELEMENTS_AT_ONCE = 500;

/**
 * Chains come before what leads to them, and go after it, so that all of it may be several transactions. Whatever stands before
 * this script may fill one.
 */
function stepScript(before: Content, after: Content): string {
  const added: string[] = [];
  for (const [key, { table, name, lines }] of after.chains) {
    if (before.chains.has(key)) continue;
    const chain = `${where(table)} ${name}`;
    added.push(`add chain ${chain}\n${lines.map((line) => `add rule ${chain} ${line}\n`).join('')}`);
  }
  let removed = '';
  for (const [key, { table, name }] of before.chains) {
    const chain = `${where(table)} ${name}`;
    if (!after.chains.has(key)) removed += `flush chain ${chain}\ndelete chain ${chain}\n`;
  }
  const transactions = [...packed(added), ...elementScripts(before, after)];
  const isLarge = added.length > 0 || transactions.length > 1;
  return (isLarge ? TRANSACTION_BOUNDARY : '') + transactions.join(TRANSACTION_BOUNDARY) + removed;
}

/** As few texts as possible that are not too long, unless one alone is. */
function packed(texts: readonly string[]): readonly string[] {
  const packs: string[] = [];
  for (const text of texts) {
    const last = packs.at(-1);
    if (last === undefined || last.length + text.length > TRANSACTION_LENGTH) packs.push(text);
    else packs[packs.length - 1] = last + text;
  }
  return packs;
}

/** Commands that bring elements from where they lead to where they are to lead, each in one transaction. */
function elementScripts(before: Content, after: Content): readonly string[] {
  const scripts: string[] = [];
  for (const set of new Set([...before.elements.keys(), ...after.elements.keys()])) {
    const [old, next] = [before.elements.get(set), after.elements.get(set)];
    const keys = [...new Set([...(old?.keys() ?? []), ...(next?.keys() ?? [])])].filter(
      (key) => old?.get(key) !== next?.get(key),
    );
    for (let start = 0; start < keys.length; start += ELEMENTS_AT_ONCE) {
      const some = keys.slice(start, start + ELEMENTS_AT_ONCE);
      scripts.push(elementsCommand('delete', set, some, old) + elementsCommand('add', set, some, next));
    }
  }
  return packed(scripts);
}

function elementsCommand(
  verb: 'add' | 'delete',
  set: string,
  keys: readonly string[],
  members: ReadonlyMap<string, string> | undefined,
): string {
  const elements = keys.flatMap((key) => {
    const target = members?.get(key);
    return target === undefined ? [] : [`${key}${target}`];
  });
  return elements.length === 0 ? '' : `${verb} element ${set} { ${elements.join(', ')} }\n`;
}

function where({ family, name }: NftTable): string {
  return `${family} ${name}`;
}
