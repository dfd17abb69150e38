// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { CommandError, runCommand } from './commands.ts';

const TABLE = '/proc/net/ip_vs';
/** Many thousands of lines take their time. */
const BATCH_LIMIT_MS = 30_000;

/** A kernel that does not have what the data plane needs. */
export class IpvsUnavailable extends Error {
  constructor(why: string) {
    super(
      `the data plane ipvs cannot be used: ${why}. Load the module ip_vs on this host (modprobe ip_vs), or choose the data plane nftables or userspace`,
    );
    this.name = 'IpvsUnavailable';
  }
}

/** Makes sure that the kernel has IPVS in this network namespace, and loads it where we may. @throws IpvsUnavailable */
export async function requireIpvs(): Promise<void> {
  if ((await readIpvsTable()) !== undefined) return;
  const why = await runCommand('modprobe', ['ip_vs']).then(
    () => 'this kernel has no IPVS',
    (error: unknown) => `this kernel has no IPVS, and ${messageOf(error)}`,
  );
  if ((await readIpvsTable()) === undefined) throw new IpvsUnavailable(why);
}

/** What the kernel has, as it prints it; undefined when it has no IPVS. */
export async function readIpvsTable(): Promise<string | undefined> {
  try {
    return await readFile(TABLE, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Runs a batch of `ipvsadm`. It is no transaction: the program goes on after a line that the kernel refuses, and its status is that
 * of the last line, so whatever it says is taken for a failure.
 *
 * @throws CommandError with its words
 */
export async function restoreIpvs(batch: string): Promise<void> {
  if (batch === '') return;
  const { stderr } = await runCommand('ipvsadm', ['-R'], { input: batch, timeoutMs: BATCH_LIMIT_MS });
  if (stderr.trim() !== '') throw new CommandError('ipvsadm', ['-R'], 'was refused lines', 0, stderr);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
