// SPDX-License-Identifier: Apache-2.0
import { GLOBAL_KEYS, NAMESPACE_KEYS, OPTION_KEYS, POOL_KEYS } from '@fairlead/shared/pools/keys.ts';
import { distance, tolerance } from '@fairlead/shared/runtime/nearest-word.ts';
import { GLOBAL_POOL } from './pool.ts';

export * from '@fairlead/shared/pools/keys.ts';

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
