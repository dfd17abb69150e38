// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run bench -- NAME [--json] [options of the benchmark]`: runs one benchmark. Human words go to standard error; with
 * `--json` the result is one JSON object on the last line of standard output.
 */
import { atRest } from './at-rest.ts';
import { type Benchmark, renderTable } from './benchmark.ts';
import { chaos } from './chaos.ts';
import { controlPlane } from './control-plane.ts';
import { exhaustion } from './exhaustion.ts';
import { failover } from './failover.ts';
import { falsePositives } from './false-positives.ts';
import { flood } from './flood.ts';
import { footprint } from './footprint.ts';
import { ipam } from './ipam.ts';
import { load } from './load.ts';
import { outsideCluster } from './outside-cluster.ts';
import { poolRepair } from './pool-repair.ts';
import { raftScale } from './raft-scale.ts';
import { services } from './services.ts';
import { simulateRaft } from './simulate.ts';
import { starboard } from './starboard.ts';
import { throughput } from './throughput.ts';
import { updates } from './updates.ts';

const BENCHMARKS: readonly Benchmark[] = [
  atRest,
  chaos,
  controlPlane,
  exhaustion,
  failover,
  falsePositives,
  flood,
  footprint,
  ipam,
  load,
  outsideCluster,
  poolRepair,
  raftScale,
  services,
  simulateRaft,
  starboard,
  throughput,
  updates,
];

function usage(): string {
  const rows = BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`);
  return ['usage: npm run bench -- NAME [--json] [options]', ...rows].join('\n');
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const json = args.includes('--json');
  const benchmark = BENCHMARKS.find((candidate) => args.includes(candidate.name));
  if (benchmark === undefined) {
    const name = args.find((argument) => !argument.startsWith('--'));
    console.error(name === undefined ? usage() : `no benchmark is called ${name}\n${usage()}`);
    return 2;
  }
  const own = args.filter((argument) => argument !== '--json' && argument !== benchmark.name);
  const result = await benchmark.run((text) => console.error(text), own);
  console.error(renderTable(result.table));
  if (json) console.log(JSON.stringify(result.figures));
  return 0;
}

process.exit(await main());
