// SPDX-License-Identifier: Apache-2.0
import { printChanges } from '../nft-text.ts';
import type { Change } from '../ruleset.ts';

/** Nobody reads two thousand slots. */
const LONG_LIST = /(?<=\{ )[^{}]{400,}(?= \}$)/gm;

/** The script for these changes, with the beginnings of long lists. */
export function printShortly(changes: readonly Change[]): string {
  return printChanges(changes).replaceAll(LONG_LIST, shorten);
}

function shorten(list: string): string {
  const members = list.split(', ');
  return [...members.slice(0, 4), `... ${members.length - 4} more`].join(', ');
}
