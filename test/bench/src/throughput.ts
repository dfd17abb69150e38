// SPDX-License-Identifier: Apache-2.0
/**
 * Requests per second through every way of balancing, one after the other on the same wires: over kept connections, and with a
 * connection for each request. Client, switch, nodes and pods share the machine's processors, so more requests mean less work
 * for each of them, wherever it is done. Rounds are interleaved, and the figures are medians.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { beginCase } from './throughput/cases.ts';
import { type CaseName, summarize, type ThroughputRun, throughputTable } from './throughput/figures.ts';
import { parseThroughputOptions, type ThroughputOptions } from './throughput/options.ts';
import { Site } from './throughput/site.ts';
import { LOAD_MODES, type LoadMode, parseWrk, wrkCommand } from './throughput/wrk.ts';

/** USER_HZ, the same on all of Linux that we know. */
const TICKS_PER_SECOND = 100;

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const options = parseThroughputOptions(args);
  const site = await Site.build();
  try {
    const runs = await measureAll(site, options, say);
    const figures = summarize(runs);
    const { rounds, seconds, connections } = options;
    return {
      figures: { rounds, seconds, connections, processors: cpus().length, ...figures },
      table: throughputTable(figures),
    };
  } finally {
    await site.remove();
  }
}

async function measureAll(
  site: Site,
  options: ThroughputOptions,
  say: (text: string) => void,
): Promise<readonly ThroughputRun[]> {
  const runs: ThroughputRun[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const mode of LOAD_MODES) {
      for (const name of rotated(options.only, round - 1)) {
        const one = await measure(site, name, mode, round, options);
        say(`round ${round} ${mode} ${name}: ${Math.round(one.requestsPerSecond)} requests/s`);
        runs.push(one);
      }
    }
  }
  return runs;
}

/** Another one begins each round: whatever a case leaves behind does not always meet the same one. */
function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const start = by % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

async function measure(
  site: Site,
  name: CaseName,
  mode: LoadMode,
  round: number,
  { seconds, connections }: ThroughputOptions,
): Promise<ThroughputRun> {
  const standing = await beginCase(name, site);
  try {
    const argv = wrkCommand({ url: standing.url, seconds, connections, mode });
    const before = labCpuSeconds();
    const { code, stdout, stderr } = await site.network.exec(CLIENT, argv);
    const cpuSeconds = labCpuSeconds() - before;
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`);
    return { ...parseWrk(stdout), name, mode, round, cpuSeconds };
  } finally {
    await standing.end();
  }
}

/**
 * Work of all processes of the lab since it began, those that have ended included. What the kernel does for packets is in it, as
 * that is done in the time of who sends; what others do on the machine is not.
 */
function labCpuSeconds(): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const ticks = pids.flatMap((pid) => {
    const stat = readStat(pid);
    // Behind the name: from the state on; own time, and that of children that have ended.
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended meanwhile; who waited for it has its time.
    return '';
  }
}

/** Requests per second through every data plane and its rivals. */
export const throughput: Benchmark = {
  name: 'throughput',
  about:
    'requests per second through our planes, HAProxy, nginx and plain nftables [--rounds N --only CASE,CASE]',
  run: async (say, args) => {
    await ensureLabNamespace();
    return await run(say, args);
  },
};
