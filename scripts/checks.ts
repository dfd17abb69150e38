// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Folder of the checkout, without a trailing slash. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The result of one check, for the closing table of `npm test`. */
export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
}

/** Runs a program of `node_modules/.bin` with inherited output. */
export function runStep(name: string, program: string, args: readonly string[]): StepResult {
  const started = performance.now();
  const { status, error } = spawnSync(`${ROOT}/node_modules/.bin/${program}`, args, {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (error) console.error(`${name}: ${error.message}`);
  return { name, ok: status === 0, seconds: (performance.now() - started) / 1000 };
}

/** Types, lint and format: what has to be clean before anything is worth running. */
export function runStaticChecks(): StepResult[] {
  return [
    runStep('types', 'tsc', ['-p', '.', '--noEmit']),
    runStep('lint and format', 'biome', ['check', '--error-on-warnings', '.']),
  ];
}
