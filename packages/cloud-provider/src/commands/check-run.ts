// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { readConfigMap } from '@fairlead/shared/pools/config-map-name.ts';
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import { checkManifest } from './check-manifest.ts';
import { type CheckOutput, UNUSABLE } from './check-options.ts';
import { formatReport, isClean, reportAsJson } from './check-report.ts';

/** What to check, and how to tell. */
export interface CheckRun {
  /** Path, or `-` for the standard input. */
  readonly file: string;
  readonly output: CheckOutput;
  /** Names the ConfigMap, as for the daemon. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Checks a manifest and writes the report. Resolves with the exit code. */
export async function runCheck({ file, output, env }: CheckRun): Promise<number> {
  let manifest: string;
  try {
    manifest = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    process.stderr.write(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return UNUSABLE;
  }
  const report = checkManifest(manifest, readConfigMap(new SettingsReader({ env })));
  const name = file === '-' ? '<stdin>' : file;
  process.stdout.write(output === 'json' ? reportAsJson(name, report) : formatReport(name, report));
  return isClean(report.findings) ? 0 : 1;
}
