// SPDX-License-Identifier: Apache-2.0
/**
 * How long a waiting Service waits after its obstacle is gone: from the moment before the repaired ConfigMap (or
 * the removal of the Service that held the last address) is sent to the address in the status.
 */
import { Cluster } from '@fairlead/test-e2e/fixture.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';

const ROUNDS = 5;
const GOOD = { 'range-global': '172.18.0.200-172.18.0.220' } as const;
const ONE_ADDRESS = { 'range-global': '172.18.0.230-172.18.0.230' } as const;

/** One obstacle: how it is put up, and how it is taken away. */
interface Obstacle {
  readonly name: string;
  prepare(cluster: Cluster): Promise<void>;
  repair(cluster: Cluster): Promise<void>;
}

const OBSTACLES: readonly Obstacle[] = [
  {
    name: 'banana',
    prepare: (cluster) => cluster.setPools({ 'range-global': 'banana' }),
    repair: (cluster) => cluster.setPools(GOOD),
  },
  {
    name: 'empty',
    prepare: (cluster) => cluster.setPools({ 'range-global': '' }),
    repair: (cluster) => cluster.setPools(GOOD),
  },
  {
    name: 'exhausted',
    async prepare(cluster) {
      await cluster.setPools(ONE_ADDRESS);
      await cluster.expose('holder');
      await cluster.addressOf('holder');
    },
    repair: (cluster) => cluster.remove('holder'),
  },
];

async function measure(cluster: Cluster, obstacle: Obstacle, name: string): Promise<number> {
  await obstacle.prepare(cluster);
  await cluster.expose(name);
  await cluster.warningAbout(name, /./);
  const startedMs = performance.now();
  await obstacle.repair(cluster);
  await cluster.addressOf(name);
  const tookMs = performance.now() - startedMs;
  await cluster.remove(name);
  return tookMs;
}

async function run(say: (text: string) => void): Promise<BenchmarkResult> {
  await buildPrograms();
  const cluster = await Cluster.start({ workers: 1 });
  try {
    const samples = new Map<string, number[]>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`round ${round} of ${ROUNDS}`);
      for (const obstacle of OBSTACLES) {
        const tookMs = await measure(cluster, obstacle, `waiting-${obstacle.name}-${round}`);
        samples.set(obstacle.name, [...(samples.get(obstacle.name) ?? []), tookMs]);
      }
    }
    const figures: Record<string, { medianMs: number; worstMs: number; rounds: number }> = {};
    for (const [name, list] of samples) {
      figures[name] = {
        medianMs: Math.round(median(list)),
        worstMs: Math.round(Math.max(...list)),
        rounds: list.length,
      };
    }
    const rows = Object.entries(figures).map(([name, { medianMs, worstMs }]) => [
      name,
      String(medianMs),
      String(worstMs),
    ]);
    const apiServer = cluster.lab.apiServerVersion;
    return { figures: { apiServer, ...figures }, table: [['obstacle', 'median, ms', 'worst, ms'], ...rows] };
  } finally {
    await cluster.stop();
  }
}

/** Repair to address, for a wrong, an empty and an exhausted pool. */
export const poolRepair: Benchmark = {
  name: 'pool-repair',
  about: 'from a repaired or freed pool to the address of the waiting Service',
  run: async (say) => {
    await ensureLabNamespace();
    return await run(say);
  },
};
