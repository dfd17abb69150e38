// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import type { MinorityPolicy } from '@fairlead/agent/ownership/raft/node-api.ts';
import type { RuleNumber, RunOptions } from '@fairlead/agent/ownership/raft/simulation/run.ts';

/** What `npm run bench -- simulate` is asked for. */
export interface SimulateOptions {
  readonly runs: number;
  /** The first one; the others follow it. */
  readonly seed: number;
  /** No run is begun after so long; undefined: all are done. */
  readonly minutes: number | undefined;
  readonly threads: number;
  /** For one rule switched off: how many runs it may take to find that out. */
  readonly ruleRuns: number;
  readonly run: RunOptions;
}

const DEFAULT_RUNS = 1_000_000;
/** It takes two majorities of different epochs to see that rule 4 is off: a rare meeting. */
const DEFAULT_RULE_RUNS = 20_000;

/** Reads the command line. Throws on what it does not know. */
export function readSimulateOptions(args: readonly string[], cores: number): SimulateOptions {
  const names = ['runs', 'seed', 'minutes', 'threads', 'rule-runs', 'without', 'minority'];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
  const textOf = (name: string) => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const text = textOf(name);
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,9}$/.test(text)) {
      throw new Error(`--${name}: expected a whole number above 0, got ${JSON.stringify(text)}`);
    }
    return Number(text);
  };
  return {
    runs: number('runs') ?? DEFAULT_RUNS,
    seed: number('seed') ?? 1,
    minutes: number('minutes'),
    threads: number('threads') ?? cores,
    ruleRuns: number('rule-runs') ?? DEFAULT_RULE_RUNS,
    run: { ...withoutOf(number('without')), ...minorityOf(textOf('minority')) },
  };
}

function withoutOf(number: number | undefined): { readonly without?: RuleNumber } {
  if (number === undefined) return {};
  const without = ([1, 2, 3, 4, 5, 6, 7] as const).find((rule) => rule === number);
  if (without === undefined)
    throw new Error(`--without: expected the number of a rule, 1 to 7, got ${number}`);
  return { without };
}

function minorityOf(text: string | undefined): { readonly minority?: MinorityPolicy } {
  if (text === undefined) return {};
  if (text === 'release' || text === 'keep') return { minority: text };
  throw new Error(`--minority: expected release or keep, got ${JSON.stringify(text)}`);
}

/** The command that repeats one run, and shrinks it if it finds something. */
export function commandFor(seed: number, { without, minority }: RunOptions): string {
  const rule = without === undefined ? '' : ` --without ${without}`;
  return `npm run bench -- simulate --runs 1 --seed ${seed}${rule}${minority === undefined ? '' : ` --minority ${minority}`}`;
}
