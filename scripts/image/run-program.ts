// SPDX-License-Identifier: Apache-2.0
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';

const MAX_OUTPUT_BYTES = 256e6;

/** Runs a program to its end and returns what it wrote. @throws Error with what it said when it fails. */
export function capture(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const result = spawnSync(program, args, { maxBuffer: MAX_OUTPUT_BYTES, ...options, encoding: 'utf8' });
  if (result.error !== undefined) throw new Error(`${program}: ${result.error.message}`);
  if (result.status !== 0) {
    const said = `${result.stderr}`.trim();
    throw new Error(
      `${program} ${args.join(' ')} failed (${result.signal ?? `exit ${result.status}`}): ${said}`,
    );
  }
  return `${result.stdout}`;
}

/** Runs a program with the output of another as its input. @throws Error when either fails. */
export function pipe(
  [from = '', ...fromArgs]: readonly string[],
  [to = '', ...toArgs]: readonly string[],
): void {
  const { status, stdout, stderr } = spawnSync(from, fromArgs, { maxBuffer: MAX_OUTPUT_BYTES });
  if (status !== 0) throw new Error(`${from} ${fromArgs.join(' ')} failed (exit ${status}): ${stderr}`);
  capture(to, toArgs, { input: stdout });
}
