// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import type { NftTable } from '../../system/nft.ts';
import { type BalanceModel, type Frontend, NOTHING_TO_BALANCE, sameFrontend } from '../model/frontend.ts';
import { frontendPart } from './frontend-part.ts';
import { NAT_TABLES, natFrame, resetFrame } from './nat-frame.ts';
import type { NftLayer } from './nft-layer.ts';
import { printChanges } from './nft-text.ts';
import type { Change, Part } from './ruleset.ts';
import { Transaction } from './transaction.ts';

/** The tables of the NAT plane. */
export const BALANCE_TABLES: readonly NftTable[] = Object.values(NAT_TABLES);

const FAMILIES: readonly Family[] = [4, 6];

/** Rewrites destinations, and sources where that is wanted. */
export const natLayer: NftLayer = {
  tables: BALANCE_TABLES,
  renderAll: (model) => printChanges(allChanges(model)),
  renderChanges: (before, after) => printChanges(changesBetween(before, after)),
};

/** What builds the tables of a model anew, whatever was there. Pure. */
export function allChanges(model: BalanceModel): readonly Change[] {
  const transaction = new Transaction();
  for (const family of FAMILIES) {
    transaction.replaceTable(NAT_TABLES[family]);
    transaction.move(undefined, natFrame(family));
  }
  moveFrontends(transaction, NOTHING_TO_BALANCE, model);
  return transaction.changes;
}

/**
 * What leads from one model to the next. Only what belongs to a front end that differs is touched, so the turns of the others
 * go on. Pure.
 */
export function changesBetween(before: BalanceModel, after: BalanceModel): readonly Change[] {
  const transaction = new Transaction();
  moveFrontends(transaction, before, after);
  return transaction.changes;
}

function moveFrontends(transaction: Transaction, before: BalanceModel, after: BalanceModel): void {
  for (const family of FAMILIES) {
    const frameOf = (model: BalanceModel) => (resets(model, family) ? resetFrame(family) : undefined);
    transaction.move(frameOf(before), frameOf(after));
  }
  for (const [id, frontend] of after.frontends) {
    const old = before.frontends.get(id);
    if (old !== undefined && (old === frontend || sameFrontend(old, frontend))) continue;
    transaction.move(partOf(old), frontendPart(frontend));
  }
  for (const [id, old] of before.frontends) {
    if (!after.frontends.has(id)) transaction.move(frontendPart(old), undefined);
  }
}

function partOf(frontend: Frontend | undefined): Part | undefined {
  return frontend && frontendPart(frontend);
}

function resets({ frontends }: BalanceModel, family: Family): boolean {
  for (const frontend of frontends.values()) {
    if (frontend.family === family && frontend.resetsRemoved) return true;
  }
  return false;
}
