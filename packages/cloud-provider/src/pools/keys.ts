// SPDX-License-Identifier: Apache-2.0
import leven from 'leven';
import { GLOBAL_POOL } from './pool.ts';

/** Beginnings of keys that list the addresses of a pool. */
export const POOL_KEYS = ['cidr', 'range', 'pool'] as const;
/** Beginnings of keys that hold for the Services of a namespace. */
export const NAMESPACE_KEYS = ['interface', 'allow-share'] as const;
/** Beginnings of keys that say how a pool is used. */
export const OPTION_KEYS = ['avoid', 'selector', 'auto-assign', 'on-change', 'cooldown'] as const;
/** Keys that hold for everything. */
export const GLOBAL_KEYS = [
  'search-order',
  'skip-end-ips-in-cidr',
  'requested-outside-pool',
  'data-plane',
] as const;

/** Begin the id of a named pool, and the key that lists its addresses. */
export const NAMED_PREFIX = 'pool-';

/** See {@link KeyName}. */
export type PoolKey = (typeof POOL_KEYS)[number];
/** See {@link KeyName}. */
export type NamespaceKey = (typeof NAMESPACE_KEYS)[number];
/** See {@link KeyName}. */
export type OptionKey = (typeof OPTION_KEYS)[number];
/** See {@link KeyName}. */
export type GlobalKey = (typeof GLOBAL_KEYS)[number];

/** A key taken apart: `avoid-dev` is the option `avoid` for `dev`. */
export type KeyName =
  | { readonly group: 'pool'; readonly word: PoolKey; readonly suffix: string }
  | { readonly group: 'namespace'; readonly word: NamespaceKey; readonly suffix: string }
  | { readonly group: 'option'; readonly word: OptionKey; readonly suffix: string }
  | { readonly group: 'global'; readonly word: GlobalKey; readonly suffix: '' };

/** Takes a key apart; undefined when it is none of ours. No known word begins another, so the reading is unambiguous. */
export function readKey(key: string): KeyName | undefined {
  for (const word of GLOBAL_KEYS) if (key === word) return { group: 'global', word, suffix: '' };
  const after = (word: string) =>
    key.length > word.length + 1 && key.startsWith(`${word}-`) ? key.slice(word.length + 1) : undefined;
  for (const word of POOL_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'pool', word, suffix };
  }
  for (const word of OPTION_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'option', word, suffix };
  }
  for (const word of NAMESPACE_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'namespace', word, suffix };
  }
  return undefined;
}

/** Whether a namespace can be called so (a DNS label). */
export function isNamespaceName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}

const SCOPED_WORDS: readonly string[] = [...POOL_KEYS, ...NAMESPACE_KEYS, ...OPTION_KEYS];
const LONGEST_WORD = Math.max(...SCOPED_WORDS.map((word) => word.length));

/** A key that may have been meant by one without meaning, or undefined when none is near. */
export function nearestKey(key: string): string | undefined {
  const text = key.toLowerCase();
  const candidates: { readonly key: string; readonly wrong: number; readonly limit: number }[] = [];
  const consider = (known: string, written: string, word: string) =>
    candidates.push({ key: known, wrong: distance(written, word), limit: tolerance(word) });
  for (const word of GLOBAL_KEYS) consider(word, text, word);
  for (const word of SCOPED_WORDS) {
    consider(`${word}-${GLOBAL_POOL}`, text, word);
    consider(`${word}-${GLOBAL_POOL}`, text, `${word}-${GLOBAL_POOL}`);
  }
  // The part before some dash may be a word with a typing error, and the rest what it is for.
  for (let dash = text.indexOf('-'); dash >= 0; dash = text.indexOf('-', dash + 1)) {
    if (dash > LONGEST_WORD + tolerance('x'.repeat(LONGEST_WORD))) break;
    const rest = key.slice(dash + 1);
    if (rest === '') continue;
    for (const word of SCOPED_WORDS) consider(`${word}-${rest}`, text.slice(0, dash), word);
  }
  const near = candidates.filter(({ wrong, limit }) => wrong <= limit);
  near.sort((a, b) => a.wrong - b.wrong || (a.key < b.key ? -1 : 1));
  return near[0]?.key;
}

/** The one of some words that is nearest to a text, if it is near. */
export function nearestWord(text: string, words: Iterable<string>): string | undefined {
  let best: { readonly word: string; readonly wrong: number } | undefined;
  for (const word of words) {
    const wrong = distance(text, word);
    if (wrong <= tolerance(word) && (best === undefined || wrong < best.wrong)) best = { word, wrong };
  }
  return best?.word;
}

/** Typing errors between two texts; texts of very different length are not compared letter by letter. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > tolerance(b)) return Number.POSITIVE_INFINITY;
  return leven(a, b);
}

/** Typing errors after which a text still may mean this word. Two letters swapped count as two. */
function tolerance(word: string): number {
  return word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 4));
}
