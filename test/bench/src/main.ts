// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run bench -- NAME [--json]`: runs one benchmark. Human words go to standard error; with `--json` the result is
 * one JSON object on the last line of standard output.
 */
import { type Benchmark, renderTable } from './benchmark.ts';
import { footprint } from './footprint.ts';
import { poolRepair } from './pool-repair.ts';

const BENCHMARKS: readonly Benchmark[] = [footprint, poolRepair];

function usage(): string {
  const rows = BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`);
  return ['usage: npm run bench -- NAME [--json]', ...rows].join('\n');
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const json = args.includes('--json');
  const name = args.find((argument) => !argument.startsWith('--'));
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
  if (benchmark === undefined) {
    console.error(name === undefined ? usage() : `no benchmark is called ${name}\n${usage()}`);
    return 2;
  }
  const result = await benchmark.run((text) => console.error(text));
  console.error(renderTable(result.table));
  if (json) console.log(JSON.stringify(result.figures));
  return 0;
}

process.exit(await main());
