// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { CASE_NAMES, type CaseName } from './figures.ts';

/** Command line of `bench throughput`. */
export interface ThroughputOptions {
  readonly rounds: number;
  /** Of each run. */
  readonly seconds: number;
  readonly connections: number;
  readonly only: readonly CaseName[];
}

/** Reads `--rounds N --seconds N --connections N --only CASE,CASE`. Throws on anything else. */
export function parseThroughputOptions(args: readonly string[]): ThroughputOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
    },
    strict: true,
  });
  return {
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    connections: positive('connections', values.connections),
    only: values.only?.split(',').map(caseName) ?? CASE_NAMES,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name}: expected a whole number above 0, got "${text}"`);
}

function caseName(text: string): CaseName {
  const name = CASE_NAMES.find((candidate) => candidate === text);
  if (name !== undefined) return name;
  throw new Error(`--only: "${text}" is none of ${CASE_NAMES.join(', ')}`);
}
