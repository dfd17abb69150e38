// SPDX-License-Identifier: Apache-2.0
import { TRANSACTION_BOUNDARY } from '../../system/nft.ts';
import { type BalanceModel, NOTHING_TO_BALANCE } from '../model/frontend.ts';
import type { NftLayer } from '../nft/nft-layer.ts';
import { contentOf, type DsrContent, type Member, movesBetween, type ShareMove } from './dsr-content.ts';
import { DSR_TABLES, dropAllScript, framesScript } from './dsr-tables.ts';

/** Sends flows on to other hops at layer 2: direct server return. */
export const dsrLayer: NftLayer = {
  tables: DSR_TABLES,
  renderAll: buildScript,
  renderChanges: changeScript,
};

function buildScript(model: BalanceModel): string {
  const { links } = contentOf(model);
  if (links.size === 0) return dropAllScript();
  const names = [...new Set([...links.values()].map(({ value }) => value))].sort();
  return dropAllScript() + framesScript(names) + stepScript(NOTHING_TO_BALANCE, model);
}

function changeScript(before: BalanceModel, after: BalanceModel): string {
  // The hooks belong to links, and cannot follow them.
  if (linksOf(contentOf(before)) !== linksOf(contentOf(after))) return buildScript(after);
  return stepScript(before, after);
}

function linksOf({ links }: DsrContent): string {
  return [...links.keys()].sort().join();
}

/** Of a transaction, in characters: with addresses of IPv6 the kernel's form has about twice as many bytes. */
const TRANSACTION_LENGTH = 45_000;
/** Front ends that change in one transaction, with up to three elements of about 150 bytes each before and after. */
const FRONTENDS_AT_ONCE = 150;

/**
 * Chains come before what leads to them, and go after it, so that all of it may be several transactions. Whatever stands before
 * this script may fill one.
 */
function stepScript(before: BalanceModel, after: BalanceModel): string {
  const { chains: old } = contentOf(before);
  const { chains } = contentOf(after);
  const added: string[] = [];
  for (const [key, { value }] of chains) {
    if (old.has(key)) continue;
    const rules = value.lines.map((line) => `add rule ${key} ${line}\n`);
    added.push(`add chain ${key}\n${rules.join('')}`);
  }
  let removed = '';
  for (const key of old.keys()) if (!chains.has(key)) removed += `flush chain ${key}\ndelete chain ${key}\n`;
  const transactions = [...packed(added), ...packed(elementScripts(movesBetween(before, after)))];
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

/** Commands that bring elements from where they lead to where they are to lead, each front end's in one transaction. */
function elementScripts(moves: readonly ShareMove[]): readonly string[] {
  const scripts: string[] = [];
  for (let start = 0; start < moves.length; start += FRONTENDS_AT_ONCE) {
    const some = moves.slice(start, start + FRONTENDS_AT_ONCE);
    const deleted = some.flatMap(([old, next]) => missing(old?.members, next?.members));
    const added = some.flatMap(([old, next]) => missing(next?.members, old?.members));
    const script = elementCommands('delete', deleted) + elementCommands('add', added);
    if (script !== '') scripts.push(script);
  }
  return scripts;
}

/** Those that the others do not have, or have with another target. */
function missing(members: readonly Member[] = [], others: readonly Member[] = []): readonly Member[] {
  return members.filter(
    ({ set, key, target }) =>
      !others.some((other) => other.set === set && other.key === key && other.target === target),
  );
}

function elementCommands(verb: 'add' | 'delete', members: readonly Member[]): string {
  const bySet = Map.groupBy(members, ({ set }) => set);
  return [...bySet]
    .map(
      ([set, all]) => `${verb} element ${set} { ${all.map(({ key, target }) => key + target).join(', ')} }\n`,
    )
    .join('');
}
