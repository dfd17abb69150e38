// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import type { RequestTally } from './audit.ts';
import { startBusyMeter } from './busy-meter.ts';
import { ScaleCluster, type Subject } from './cluster.ts';
import { offer } from './open-loop.ts';
import type { ProcessUsage } from './program.ts';
import { percentile, type Summary, summarize, tenth } from './statistics.ts';

/** Addresses for six times the Services of the standard run. */
export const POOLS = { 'cidr-global': '172.20.0.0/16' } as const;
/** Memory is read this long after the last address: what was under way is over. */
export const SETTLE_MS = 3_000;

/** Outcome of Services offered at a fixed rate. */
export interface Offered {
  /** Creations that the API server refused or did not answer in a minute. */
  readonly refused: number;
  /** Services that have an address of their own. */
  readonly served: number;
  /** From the acknowledged creation to the address, as seen by a watch. */
  readonly beyondWrite: Summary;
  /** From the time at which the creation was due to the address. */
  readonly sinceDue: Summary;
  /** How late the benchmark sent: the proof that the rate was offered. */
  readonly sendLateP99Ms: number;
  readonly requests: RequestTally;
  readonly usage: ProcessUsage;
  /** Processors of the machine that were busy on average, with whatever. */
  readonly busyCores: number;
}

/** Name of Service number `index`. */
export const nameOf = (index: number): string => `echo-${String(index).padStart(5, '0')}`;

/** Throws unless each address is held by one Service. */
export function assertDistinct(cluster: ScaleCluster): void {
  const addresses = new Set([...cluster.watch.served.values()].map(({ address }) => address));
  if (addresses.size !== cluster.watch.served.size) {
    throw new Error(`${cluster.watch.served.size} Services hold only ${addresses.size} addresses`);
  }
}

/** What is offered. */
export interface Load {
  readonly services: number;
  readonly rate: number;
  /** How long after the last creation the last address is waited for. */
  readonly limitMs: number;
}

/** Offers Services, whatever becomes of them, and waits for their addresses. */
async function offerServices(
  cluster: ScaleCluster,
  { services, rate, limitMs }: Load,
  say: (text: string) => void,
): Promise<Offered> {
  const dueAtMs: number[] = [];
  const acknowledgedMs: number[] = [];
  const creations: Promise<void>[] = [];
  let refused = 0;
  const busy = startBusyMeter();
  const lateMs = await offer({
    count: services,
    ratePerSecond: rate,
    clock: systemClock,
    begin: (index) => {
      // The clock of the offer and performance.now() count from different moments.
      dueAtMs[index] = performance.now();
      const acknowledged = () => {
        acknowledgedMs[index] = performance.now();
      };
      const failed = (error: unknown) => {
        if (refused === 0) say(`  creation of ${nameOf(index)}: ${error}`);
        refused += 1;
      };
      creations.push(cluster.create(nameOf(index)).then(acknowledged, failed));
      if (index % (rate * 20) === 0 && index > 0)
        say(`  ${index} offered, ${cluster.watch.served.size} served`);
    },
  });
  await Promise.all(creations);
  await cluster.watch.until(() => cluster.watch.served.size >= services - refused, limitMs);
  const busyCores = busy();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  assertDistinct(cluster);
  const usage = cluster.program.usage();
  const nowMs = performance.now();
  let unserved = 0;
  const beyondMs: number[] = [];
  const sinceDueMs: number[] = [];
  for (let index = 0; index < services; index += 1) {
    const acknowledgedAtMs = acknowledgedMs[index];
    const servedAtMs = cluster.watch.served.get(nameOf(index))?.atMs;
    if (servedAtMs === undefined && acknowledgedAtMs === undefined) continue;
    if (servedAtMs === undefined) unserved += 1;
    // Who has nothing yet has waited this long at least.
    const atMs = servedAtMs ?? nowMs;
    // The watch may be told before the answer to the creation is read.
    beyondMs.push(Math.max(0, atMs - (acknowledgedAtMs ?? atMs)));
    sinceDueMs.push(atMs - (dueAtMs[index] ?? 0) + (lateMs[index] ?? 0));
  }
  return {
    refused,
    served: beyondMs.length - unserved,
    beyondWrite: summarize(beyondMs),
    sinceDue: summarize(sinceDueMs),
    sendLateP99Ms: tenth(percentile(lateMs, 0.99)),
    requests: await cluster.requests(),
    usage,
    busyCores,
  };
}

/** Requests for each Service, to it and about it. */
export function perService(requests: RequestTally, services: number) {
  const { serviceWrites, statusWrites, serviceGets, eventWrites } = requests;
  const per = (count: number) => Math.round((count * 1000) / services) / 1000;
  return {
    requestsPerService: per(serviceWrites + statusWrites + serviceGets),
    eventsPerService: per(eventWrites),
  };
}

/** A fresh cluster with one program, to which Services are offered. The caller stops it. */
export async function fixedRateRun(subject: Subject, load: Load, say: (text: string) => void) {
  const cluster = await ScaleCluster.create(subject, POOLS);
  const apiServer = cluster.server.version;
  try {
    cluster.start();
    await cluster.serving();
    await cluster.requests();
    return { apiServer, cluster, offered: await offerServices(cluster, load, say) };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
