// SPDX-License-Identifier: Apache-2.0
import type { RequestTally } from './audit.ts';
import { type ScaleCluster, STATUS_PORT } from './cluster.ts';
import { whenReady } from './program.ts';

/** Writes after a restart are counted for this long after it is ready. */
const WATCH_RESTART_MS = 10_000;
const READY_LIMIT_MS = 60_000;

/** A cold restart. */
export interface Restart {
  /** From exec until /readyz says yes and a Service that came last among all has its address. */
  readonly readyMs: number;
  /** From exec to the first 200 of /readyz. */
  readonly readyzMs: number;
  readonly shutdownMs: number;
  readonly requests: RequestTally;
  readonly rssMB: number;
}

/**
 * Ends the program and starts it again. A Service created while it is away, the youngest of all, is the signal that the
 * new one leads and has looked at every Service: they are taken up by age. Its own requests are not counted.
 */
export async function restart(cluster: ScaleCluster): Promise<Restart> {
  const shutdownMs = await cluster.end();
  const probe = cluster.probeName();
  await cluster.create(probe);
  await cluster.requests();
  const program = cluster.start();
  const [readyAtMs, served] = await Promise.all([
    whenReady(program, STATUS_PORT, READY_LIMIT_MS),
    cluster.watch.addressOf(probe, READY_LIMIT_MS),
  ]);
  await new Promise((resolve) => setTimeout(resolve, WATCH_RESTART_MS));
  const requests = await cluster.requests();
  const { rssMB } = program.usage();
  await cluster.remove(probe);
  await cluster.watch.until(() => cluster.watch.deletedMs.has(probe), READY_LIMIT_MS);
  return {
    readyMs: Math.round(Math.max(readyAtMs, served.atMs) - program.startedMs),
    readyzMs: Math.round(readyAtMs - program.startedMs),
    shutdownMs: Math.round(shutdownMs),
    requests,
    rssMB,
  };
}
