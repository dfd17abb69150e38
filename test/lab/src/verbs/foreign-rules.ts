// SPDX-License-Identifier: Apache-2.0
import type { RunOptions, RunResult } from '../process/run.ts';

/** Runs a program on a host to its end (see `Lab.exec`). */
export type ExecOnHost = (argv: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** Rules in one transaction where the kernel takes no more of them at once. */
const CHUNK_RULES = 500;
const CHAIN = 'LAB-FOREIGN';

/** How {@link restoreForeignRules} got its rules in. */
export interface ForeignRules {
  readonly rules: number;
  /** Transactions that were needed for the nftables variant: 1, unless the kernel limits what a plain user may send. */
  readonly transactions: number;
}

/**
 * What a busy machine's firewall manager does: `iptables-restore` of very many rules, in both variants of iptables.
 * The nftables one takes the lock that every other nft commit waits for. A user namespace may not enlarge its netlink
 * buffer, so there the same rules are restored in many transactions.
 */
export async function restoreForeignRules(exec: ExecOnHost, rules: number): Promise<ForeignRules> {
  await restore(exec, 'iptables-legacy-restore', [ruleset(0, rules)]);
  const whole = await exec(['iptables-restore', '--noflush'], { stdin: ruleset(0, rules) });
  if (whole.code === 0) return { rules, transactions: 1 };
  if (!whole.stderr.includes('Message too long')) throw failed('iptables-restore', whole);
  const chunks: string[] = [];
  for (let from = 0; from < rules; from += CHUNK_RULES) {
    chunks.push(ruleset(from, Math.min(rules, from + CHUNK_RULES)));
  }
  await restore(exec, 'iptables-restore', chunks);
  return { rules, transactions: chunks.length };
}

async function restore(exec: ExecOnHost, program: string, scripts: readonly string[]): Promise<void> {
  for (const script of scripts) {
    const result = await exec([program, '--noflush'], { stdin: script });
    if (result.code !== 0) throw failed(program, result);
  }
}

function failed(program: string, { code, stderr }: RunResult): Error {
  return new Error(`${program} ended with ${code}: ${stderr.trim()}`);
}

/** Input for `iptables-restore`: rules number `from` to `to` of a chain of its own, which the first part empties. Pure. */
export function ruleset(from: number, to: number): string {
  const lines = ['*filter'];
  // Declaring a chain empties it, also with --noflush.
  if (from === 0) lines.push(`:${CHAIN} - [0:0]`);
  for (let rule = from; rule < to; rule += 1) {
    lines.push(`-A ${CHAIN} -s 10.${(rule >> 16) & 255}.${(rule >> 8) & 255}.${rule & 255}/32 -j ACCEPT`);
  }
  return `${[...lines, 'COMMIT'].join('\n')}\n`;
}
