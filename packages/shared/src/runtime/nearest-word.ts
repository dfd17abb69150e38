// SPDX-License-Identifier: Apache-2.0
import leven from 'leven';

/** The one of some words that is nearest to a text, if it is near: what somebody may have meant. */
export function nearestWord(text: string, words: Iterable<string>): string | undefined {
  let best: { readonly word: string; readonly wrong: number } | undefined;
  for (const word of words) {
    const wrong = distance(text, word);
    if (wrong <= tolerance(word) && (best === undefined || wrong < best.wrong)) best = { word, wrong };
  }
  return best?.word;
}

/** Typing errors between two texts; texts of very different length are not compared letter by letter. */
export function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > tolerance(b)) return Number.POSITIVE_INFINITY;
  return leven(a, b);
}

/** Typing errors after which a text still may mean this word. Two letters swapped count as two. */
export function tolerance(word: string): number {
  return word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 4));
}
