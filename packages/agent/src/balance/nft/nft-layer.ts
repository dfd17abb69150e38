// SPDX-License-Identifier: Apache-2.0
import type { NftTable } from '../../system/nft.ts';
import type { BalanceModel } from '../model/frontend.ts';

/**
 * Something that the nftables plane makes of the model, in tables of its own. The layers of a plane are written together, in
 * one transaction: either all of them have a change, or none. Pure: what the kernel has is known from what was applied.
 */
export interface NftLayer {
  /** Its tables, which nobody else writes; their names begin with `fairlead`. When one is missing, everything is built anew. */
  readonly tables: readonly NftTable[];
  /** Script that builds its tables anew, whatever was there; of an empty model what every model needs, or nothing. */
  renderAll(model: BalanceModel): string;
  /** Script for the step from one model to the next; empty when it makes no difference. Not asked where only NAT changes. */
  renderChanges(before: BalanceModel, after: BalanceModel): string;
}
