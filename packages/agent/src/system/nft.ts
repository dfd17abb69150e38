// SPDX-License-Identifier: Apache-2.0
import { runCommand } from './commands.ts';
import { type NftFamily, type NftTable, readNftTables } from './nft-tables.ts';

export type { NftFamily, NftTable } from './nft-tables.ts';

/** The mark by which a sweep recognises tables of ours. */
export const NFT_TABLE_PREFIX = 'fairlead';

/**
 * Between the parts of a script that may be transactions of their own, in this order; for who reads it as one, a comment. A
 * transaction is one datagram to the kernel, and in a user namespace it may not have more than 212,992 bytes.
 */
export const TRANSACTION_BOUNDARY = '# the rest may come in another transaction\n';

/**
 * Applies one nft script as one transaction (`nft -f -`): either all of it takes effect or nothing. One with
 * {@link TRANSACTION_BOUNDARY} is as many; those before one that fails have taken effect.
 *
 * @throws CommandError with nft's words. A commit may wait for another program's large transaction (a 40,000-rule
 * `iptables-restore` was seen to block for 0.5 s), hence the generous limit.
 */
export async function applyNft(script: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
  for (const part of script.split(TRANSACTION_BOUNDARY)) {
    if (part.trim() === '') continue;
    await runCommand('nft', ['-f', '-'], { input: part, timeoutMs: options.timeoutMs ?? 15_000 });
  }
}

/** All tables in this network namespace whose name begins with `prefix` (by default: all tables of ours). */
export function listTables(prefix: string = NFT_TABLE_PREFIX): Promise<readonly NftTable[]> {
  return new Promise((resolve) => {
    resolve(readNftTables().filter(({ name }) => name.startsWith(prefix)));
  });
}

/** Deletes tables, whether or not they exist, in one transaction. */
export async function deleteTables(tables: readonly NftTable[]): Promise<void> {
  // "add" first makes the deletion of an absent table a success; nft 1.0.6 has no "destroy".
  await applyNft(tables.map((table) => dropTableScript(table)).join(''));
}

/** Deletes one table, whether or not it exists. */
export async function deleteTable(family: NftFamily, name: string): Promise<void> {
  await deleteTables([{ family, name }]);
}

/** Script lines that remove a table, whether or not it exists. For the head of a script that builds it anew. */
export function dropTableScript(table: NftTable): string {
  return `add table ${table.family} ${table.name}\ndelete table ${table.family} ${table.name}\n`;
}
