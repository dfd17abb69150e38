// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import type { NftTable } from '../../system/nft.ts';
import { type BalanceModel, type Frontend, NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { frontendPart } from './frontend-part.ts';
import { type Difference, type LaidOut, layOut } from './lay-out.ts';
import { NAT_TABLES, natFrame, resetFrame } from './nat-frame.ts';
import type { Change, Part } from './ruleset.ts';
import { hasSlots, slotMapName, slotMaps } from './slot-maps.ts';
import { Transaction } from './transaction.ts';

/** The tables of the NAT plane. */
export const BALANCE_TABLES: readonly NftTable[] = Object.values(NAT_TABLES);

const FAMILIES: readonly Family[] = [4, 6];

/**
 * A transaction takes about so many bytes at most. It is one datagram to the kernel, and who may not exceed the system's limit
 * (in a user namespace; 212,992 bytes by default) cannot send a larger one; others, whose transactions wait for ours, are glad of it.
 */
const TRANSACTION_LENGTH = 120_000;
/** About what a chain with its rule, and a member of a map, take. */
const CHAIN_LENGTH = 600;
const ELEMENT_LENGTH = 80;

/** What builds the tables without front ends, whatever was there. Pure. */
export function frameChanges(): readonly Change[] {
  const transaction = new Transaction();
  for (const family of FAMILIES) {
    transaction.replaceTable(NAT_TABLES[family]);
    transaction.move(undefined, natFrame(family));
  }
  return transaction.changes;
}

/**
 * What leads from one model to the next, as transactions to be made one after the other; mostly one, or none. Each front end is
 * changed in one of them. Only what belongs to a front end that differs is touched, so the turns of the others go on. Each is made
 * when it is asked for. Pure.
 *
 * @param differences between the models, as `layOut` finds them
 */
export function* natTransactions(
  before: BalanceModel,
  after: BalanceModel,
  differences: readonly Difference[],
): Generator<readonly Change[], void> {
  const [added, removed] = sharedMoves(before, after, differences);
  let current = new Transaction();
  let length = 0;
  for (const [old, next] of added) current.move(old, next);
  for (const difference of differences) {
    const [old, next] = difference.map(partOf);
    const own = Math.max(lengthOf(old), lengthOf(next));
    if (length > 0 && length + own > TRANSACTION_LENGTH) {
      yield current.changes;
      [current, length] = [new Transaction(), 0];
    }
    current.move(old, next);
    length += own;
  }
  for (const [old, next] of removed) current.move(old, next);
  const { changes } = current;
  if (changes.length > 0) yield changes;
}

/** What builds the tables of a model anew, whatever was there. Pure. */
export function allChanges(model: BalanceModel): readonly Change[] {
  return [...frameChanges(), ...changesTo(NOTHING_TO_BALANCE, layOut(NOTHING_TO_BALANCE, model))];
}

/** What leads from one model to the next, as it was laid out. Pure. */
export function changesTo(before: BalanceModel, { model, differences }: LaidOut): readonly Change[] {
  return [...natTransactions(before, model, differences)].flat();
}

type Move = readonly [before: Part | undefined, after: Part | undefined];

/** What front ends share, and nobody needs without them: what comes before them, and what goes after them. */
function sharedMoves(
  before: BalanceModel,
  after: BalanceModel,
  differences: readonly Difference[],
): readonly [added: readonly Move[], removed: readonly Move[]] {
  const added: Move[] = [];
  const removed: Move[] = [];
  // Looking through all front ends is left out where it can find nothing.
  if (differences.some(([old, next]) => mapOf(old) !== mapOf(next))) {
    for (const family of FAMILIES) {
      const [old, next] = [slotMaps(before, family), slotMaps(after, family)];
      const both = { ...next, sets: unite(old.sets, next.sets) };
      added.push([old, both]);
      removed.push([both, next]);
    }
  }
  if (differences.some(([old, next]) => old?.resetsRemoved || next?.resetsRemoved)) {
    for (const family of FAMILIES) {
      const [old, next] = [resets(before, family), resets(after, family)];
      if (old !== next)
        (next ? added : removed).push(
          next ? [undefined, resetFrame(family)] : [resetFrame(family), undefined],
        );
    }
  }
  return [added, removed];
}

function unite(a: Part['sets'], b: Part['sets']): Part['sets'] {
  const names = new Set(a.map(({ name }) => name));
  return [...a, ...b.filter(({ name }) => !names.has(name))];
}

function mapOf(frontend: Frontend | undefined): string | undefined {
  return frontend !== undefined && hasSlots(frontend) ? slotMapName(frontend) : undefined;
}

function partOf(frontend: Frontend | undefined): Part | undefined {
  return frontend && frontendPart(frontend);
}

function lengthOf(part: Part | undefined): number {
  if (part === undefined) return 0;
  const chains = part.chains.reduce((sum, { rules }) => sum + 1 + rules.length, part.sets.length);
  return chains * CHAIN_LENGTH + part.elements.length * ELEMENT_LENGTH;
}

function resets({ frontends }: BalanceModel, family: Family): boolean {
  for (const frontend of frontends.values()) {
    if (frontend.family === family && frontend.resetsRemoved) return true;
  }
  return false;
}
