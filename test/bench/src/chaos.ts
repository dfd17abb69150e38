// SPDX-License-Identifier: Apache-2.0
/**
 * Very many faults, one after the other, from a seed: agents and nodes die, freeze and restart, links break in every way,
 * the API server fails, people delete what they should not. Judged from the client after each of them.
 */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind } from '@fairlead/test-e2e/chaos/plan.ts';
import { type ChaosReport, type FaultOutcome, runChaos } from '@fairlead/test-e2e/chaos/run-chaos.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';

interface Options {
  readonly faults: number;
  readonly seed: number;
  readonly engine: string;
  readonly only: readonly FaultKind[] | undefined;
  readonly keepLogs: boolean;
}

/** Reads `--faults`, `--seed`, `--engine`, `--only KIND[,KIND]` and `--keep-logs`. Throws on anything else. */
export function readChaosOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      faults: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      engine: { type: 'string', default: 'raft' },
      only: { type: 'string' },
      'keep-logs': { type: 'boolean', default: false },
    },
    strict: true,
  });
  return {
    faults: wholeNumber('faults', values.faults, 1),
    seed: wholeNumber('seed', values.seed, 0),
    engine: values.engine,
    only: values.only?.split(',').map(kindOf),
    keepLogs: values['keep-logs'],
  };
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name}: expected a whole number of at least ${least}, got "${text}"`);
}

function kindOf(text: string): FaultKind {
  if (Object.hasOwn(FAULT_KINDS, text)) return text as FaultKind;
  throw new Error(`--only: "${text}" is no kind of fault; there are ${Object.keys(FAULT_KINDS).join(', ')}`);
}

function rowsOf(outcomes: readonly FaultOutcome[]): readonly (readonly string[])[] {
  const kinds = [...new Set(outcomes.map(({ fault }) => fault.kind))].sort();
  const rows = kinds.map((kind) => {
    const mine = outcomes.filter(({ fault }) => fault.kind === kind);
    const worst = (of: (outcome: FaultOutcome) => number): string =>
      String(Math.round(Math.max(...mine.map(of))));
    return [
      kind,
      String(mine.length),
      String(mine.reduce((sum, { moves }) => sum + moves, 0)),
      worst(({ longestNobodyMs }) => longestNobodyMs),
      worst(({ recoveredMs }) => recoveredMs),
      String(
        mine.reduce((sum, { violations, leftBehind }) => sum + violations.length + leftBehind.length, 0),
      ),
    ];
  });
  return [['fault', 'times', 'moves', 'nobody, worst ms', 'well after, worst ms', 'violations'], ...rows];
}

function resultOf(options: Options, report: ChaosReport, minutes: number): BenchmarkResult {
  const { outcomes, longestTwoOwnersMs, leftBehind, violations, apiServer, logDir } = report;
  return {
    figures: {
      apiServer,
      engine: options.engine,
      seed: options.seed,
      faults: outcomes.length,
      minutes: Math.round(minutes * 10) / 10,
      longestTwoOwnersMs: Math.round(longestTwoOwnersMs),
      leftBehind: leftBehind.length,
      violations: violations.length,
      details: [...violations, ...leftBehind],
      ...(logDir === undefined ? {} : { logDir }),
    },
    table: rowsOf(outcomes),
  };
}

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const options = readChaosOptions(args);
  await buildPrograms();
  const startMs = performance.now();
  const report = await runChaos({ ...options, say });
  for (const line of [...report.violations, ...report.leftBehind]) say(`VIOLATED: ${line}`);
  return resultOf(options, report, (performance.now() - startMs) / 60_000);
}

/** Faults from a seed; two owners at no time, nothing left behind, everything serves. */
export const chaos: Benchmark = {
  name: 'chaos',
  about: 'faults from a seed, judged from the client (--faults, --seed, --engine, --only)',
  run: async (say, args) => {
    readChaosOptions(args); // complains before anything is started
    await ensureLabNamespace();
    return await run(say, args);
  },
};
