// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import type { Family } from '@fairlead/shared/address/address.ts';
import { CommandError, runCommand } from './commands.ts';
import { readNftTables } from './nft-tables.ts';

/*
 * The programs of iptables, each in its two forms: one writes nftables, the other what was in the kernel before.
 */

/** Where the rules of iptables live. */
export type IptablesBackend = 'nft' | 'legacy';

/** Both, in the order in which they are looked at. */
export const IPTABLES_BACKENDS: readonly IptablesBackend[] = ['nft', 'legacy'];

/** Others may hold the lock of iptables for some time, kube-proxy with many Services. */
const LOCK_WAIT_SECONDS = '5';
/** In a user namespace a transaction of nftables may not have more bytes than about 350 rules need; with long comments fewer. */
const LINES_PER_PART = 300;

/** `iptables-nft`, `ip6tables-legacy-save` and the like. */
export function iptablesProgram(
  backend: IptablesBackend,
  family: Family,
  part: '' | '-save' | '-restore' = '',
): string {
  return `${family === 4 ? 'iptables' : 'ip6tables'}-${backend}${part}`;
}

/**
 * Whether this table is there at all. Asking the programs would make it, and load modules for it.
 *
 * @throws SystemCallError
 */
export function hasIptablesTable(backend: IptablesBackend, family: Family, table: string): boolean {
  if (backend === 'nft') {
    const wanted = family === 4 ? 'ip' : 'ip6';
    return readNftTables().some((each) => each.family === wanted && each.name === table);
  }
  try {
    const names = readFileSync(`/proc/net/${family === 4 ? 'ip' : 'ip6'}_tables_names`, 'utf8');
    return names.split('\n').includes(table);
  } catch {
    // The module is not there, so neither is the table.
    return false;
  }
}

/**
 * The rules of one chain of the table `nat` as `iptables -S` prints them; empty where there is no such table.
 *
 * @throws CommandError
 */
export async function listNatChain(backend: IptablesBackend, family: Family, chain: string): Promise<string> {
  if (!hasIptablesTable(backend, family, 'nat')) return '';
  const args = ['-w', LOCK_WAIT_SECONDS, '-t', 'nat', '-S', chain];
  return (await runCommand(iptablesProgram(backend, family), args)).stdout;
}

/** What a table holds, as `iptables-save` prints it; empty where there is no such table. @throws CommandError */
export async function saveTable(backend: IptablesBackend, family: Family, table: string): Promise<string> {
  if (!hasIptablesTable(backend, family, table)) return '';
  return (await runCommand(iptablesProgram(backend, family, '-save'), ['-t', table])).stdout;
}

/**
 * Changes the table `nat` by lines of `iptables-restore`, leaving alone what they do not name: all of them take effect or none. Only in a
 * user namespace, where the kernel takes no long transaction, many lines take several.
 *
 * @throws CommandError
 */
export async function restoreNat(
  backend: IptablesBackend,
  family: Family,
  lines: readonly string[],
): Promise<void> {
  try {
    await restore(backend, family, lines);
  } catch (error) {
    const isTooLong = error instanceof CommandError && error.stderr.includes('Message too long');
    if (!isTooLong || lines.length === 1) throw error;
    const size = Math.min(LINES_PER_PART, Math.ceil(lines.length / 2));
    for (let from = 0; from < lines.length; from += size) {
      await restoreNat(backend, family, lines.slice(from, from + size));
    }
  }
}

async function restore(backend: IptablesBackend, family: Family, lines: readonly string[]): Promise<void> {
  const args = ['--noflush', '--wait', LOCK_WAIT_SECONDS];
  const input = ['*nat', ...lines, 'COMMIT', ''].join('\n');
  await runCommand(iptablesProgram(backend, family, '-restore'), args, { input });
}
