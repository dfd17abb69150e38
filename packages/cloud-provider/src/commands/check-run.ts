// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parse } from 'yaml';
import { parsePools } from '../pools/parse.ts';
import { formatProblem } from '../pools/pool.ts';
import type { CheckOutput } from './check.ts';

/** What to check, and how to tell. */
export interface CheckRun {
  /** Path, or `-` for the standard input. */
  readonly file: string;
  readonly output: CheckOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Checks a manifest and writes the report. Resolves with the exit code. */
export async function runCheck({ file }: CheckRun): Promise<number> {
  const manifest = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  const { problems } = parsePools((parse(manifest) as { data: Record<string, string> }).data);
  for (const problem of problems) console.log(formatProblem(problem));
  return problems.some(({ severity }) => severity !== 'notice') ? 1 : 0;
}
