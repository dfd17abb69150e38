// SPDX-License-Identifier: Apache-2.0
import { OURS, ScaleCluster } from './cluster.ts';
import { assertDistinct, nameOf, POOLS, perService, SETTLE_MS } from './fixed-rate.ts';
import { saturate } from './open-loop.ts';
import { summarize } from './statistics.ts';

/** Services created as fast as the server takes them from a few dozen clients. */
export async function saturatedRun(services: number, width: number, limitMs: number) {
  const cluster = await ScaleCluster.create(OURS, POOLS);
  try {
    cluster.start();
    await cluster.serving();
    await cluster.requests();
    const acknowledgedMs: number[] = [];
    const startMs = performance.now();
    await saturate(services, width, async (index) => {
      await cluster.create(nameOf(index));
      acknowledgedMs[index] = performance.now();
    });
    const createdMs = performance.now() - startMs;
    await cluster.watch.until(() => cluster.watch.served.size >= services, limitMs);
    assertDistinct(cluster);
    const served = acknowledgedMs.flatMap((ackMs, index) => {
      const atMs = cluster.watch.served.get(nameOf(index))?.atMs;
      return atMs === undefined ? [] : [{ atMs, beyondMs: Math.max(0, atMs - ackMs) }];
    });
    const servedMs = served.reduce((last, { atMs }) => Math.max(last, atMs), 0) - startMs;
    const { p50Ms, p99Ms, worstMs } = summarize(served.map(({ beyondMs }) => beyondMs));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const usage = cluster.program.usage();
    const requests = await cluster.requests();
    return {
      services,
      served: served.length,
      createdPerSecond: Math.round((services * 1000) / createdMs),
      perSecond: Math.round((served.length * 1000) / servedMs),
      p50Ms,
      p99Ms,
      worstMs,
      ...perService(requests, services),
      ...usage,
    };
  } finally {
    await cluster.stop();
  }
}
