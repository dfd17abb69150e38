// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';

/** Numbers and texts of a benchmark's command line, by name without dashes; numbers have a default. */
export interface BenchOptions<N extends string> {
  readonly numbers: Readonly<Record<N, number>>;
  /** Binary of the peer to measure in the same run. */
  readonly rival: string | undefined;
}

/** Environment variable with the peer's binary, beside `--rival`. */
export const RIVAL_VARIABLE = 'FAIRLEAD_RIVAL_CLOUD_PROVIDER';

/** Reads `--<name> NUMBER` for each default, and `--rival FILE`. Throws on anything else. */
export function readOptions<N extends string>(
  args: readonly string[],
  defaults: Readonly<Record<N, number>>,
  env: Readonly<Record<string, string | undefined>>,
): BenchOptions<N> {
  const names = Object.keys(defaults) as N[];
  const options = Object.fromEntries([...names, 'rival'].map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
  const number = (name: N): number => {
    const text = values[name];
    if (text === undefined) return defaults[name];
    if (typeof text !== 'string' || !/^[1-9]\d*$/.test(text)) {
      throw new Error(`--${name}: expected a whole number above 0, got ${JSON.stringify(text)}`);
    }
    return Number(text);
  };
  const numbers = Object.fromEntries(names.map((name) => [name, number(name)])) as Record<N, number>;
  const rival = values.rival ?? env[RIVAL_VARIABLE];
  return { numbers, rival: typeof rival === 'string' && rival !== '' ? rival : undefined };
}
