// SPDX-License-Identifier: Apache-2.0
/**
 * A full pool and Services that wait: when an address is released, how long until the oldest of them has it, and is it
 * always the oldest? From the acknowledged deletion of a holder to the address, as seen by a watch.
 */
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { type Benchmark, type BenchmarkResult, median } from './benchmark.ts';
import { OURS, ScaleCluster } from './scale/cluster.ts';
import { offer } from './scale/open-loop.ts';
import { readOptions } from './scale/options.ts';
import { tenth } from './scale/statistics.ts';
import { scatteredNames, servingOrder, type Waiter } from './scale/waiting-order.ts';

const DEFAULTS = { waiting: 100, releases: 20 } as const;
const LIMIT_MS = 20_000;
/** Ten in each second of creation, so that both age and name decide about turns. */
const WAITERS_PER_SECOND = 10;
/** Pause after each release, in which nobody else must be served, and at the end. */
const QUIET_MS = 300;

const holderName = (index: number): string => `holder-${String(index).padStart(4, '0')}`;

async function fillPool(cluster: ScaleCluster, holders: number): Promise<void> {
  const { watch } = cluster;
  for (let index = 0; index < holders; index += 1) await cluster.create(holderName(index));
  if (!(await watch.until(() => watch.served.size >= holders, LIMIT_MS))) {
    throw new Error(`only ${watch.served.size} of ${holders} Services that are to fill the pool were served`);
  }
}

async function createWaiters(cluster: ScaleCluster, count: number): Promise<readonly Waiter[]> {
  const names = scatteredNames(count);
  const creations: Promise<Waiter>[] = [];
  await offer({
    count,
    ratePerSecond: WAITERS_PER_SECOND,
    clock: systemClock,
    begin: (index) => {
      const name = names[index] ?? '';
      const creation = cluster.create(name).then(({ metadata }) => ({
        name,
        creationTimestamp: metadata?.creationTimestamp ?? '',
      }));
      creation.catch(() => undefined);
      creations.push(creation);
    },
  });
  return Promise.all(creations);
}

/** Deletes one holder after the other; the time from each acknowledgement to the next address, whoever gets it. */
async function release(cluster: ScaleCluster, releases: number): Promise<readonly number[]> {
  const { watch } = cluster;
  const tookMs: number[] = [];
  for (let round = 0; round < releases; round += 1) {
    const served = new Set(watch.served.keys());
    const next = () => [...watch.served].find(([name]) => !served.has(name))?.[1].atMs;
    await cluster.remove(holderName(round));
    const acknowledgedMs = performance.now();
    await watch.until(() => next() !== undefined, LIMIT_MS);
    const atMs = next();
    if (atMs === undefined)
      throw new Error(`nobody was served within ${LIMIT_MS} ms of release ${round + 1}`);
    // The watch may be told before the answer to the deletion is read.
    tookMs.push(Math.max(0, atMs - acknowledgedMs));
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  return tookMs;
}

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const { numbers } = readOptions(args, DEFAULTS, process.env);
  const { waiting, releases } = numbers;
  if (releases > Math.min(waiting, 250)) {
    throw new Error(`--releases: expected at most ${Math.min(waiting, 250)}, got ${releases}`);
  }
  await buildPrograms();
  const cluster = await ScaleCluster.create(OURS, { 'range-global': `172.20.0.1-172.20.0.${releases}` });
  try {
    cluster.start();
    await cluster.serving();
    say(`filling a pool of ${releases}`);
    await fillPool(cluster, releases);
    say(`${waiting} Services begin to wait`);
    const order = servingOrder(await createWaiters(cluster, waiting));
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    await cluster.requests();
    const before = [...cluster.watch.served.keys()];
    if (before.length !== releases) throw new Error(`${before.length} addresses of a pool of ${releases}`);
    say(`${releases} releases`);
    const tookMs = await release(cluster, releases);
    const served = [...cluster.watch.served.keys()].filter((name) => order.includes(name));
    const requests = await cluster.requests();
    const figures = {
      apiServer: cluster.server.version,
      servedMs: tenth(Math.max(...tookMs)),
      servedMedianMs: tenth(median(tookMs)),
      oldestFirst: served.join() === order.slice(0, releases).join(),
      waiting,
      releases,
      servedWaiters: served.length,
      requests,
    };
    const rows = Object.entries(figures).filter(([, value]) => typeof value !== 'object');
    return { figures, table: [['figure', 'value'], ...rows.map(([name, value]) => [name, String(value)])] };
  } finally {
    await cluster.stop();
  }
}

/** A full pool, waiting Services, and who is served when. */
export const exhaustion: Benchmark = {
  name: 'exhaustion',
  about: '100 Services wait for a full pool: how soon, and who, is served after a release',
  run: async (say, args) => {
    await ensureLabNamespace();
    return await run(say, args);
  },
};
