// SPDX-License-Identifier: Apache-2.0
/**
 * Many Services: how long each waits for its address while they are offered at a fixed rate, what that costs in requests
 * and memory, how long a cold restart takes among them, and how many a second are served when they come as fast as the
 * API server takes them. Addresses are seen by a watch of the benchmark, requests are counted by the server's audit log.
 */
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import type { RequestTally } from './scale/audit.ts';
import { startBusyMeter } from './scale/busy-meter.ts';
import { OURS, rivalSubject, ScaleCluster, STATUS_PORT, type Subject } from './scale/cluster.ts';
import { offer, saturate } from './scale/open-loop.ts';
import { readOptions } from './scale/options.ts';
import type { ProcessUsage } from './scale/program.ts';
import { whenReady } from './scale/program.ts';
import { percentile, type Summary, summarize, tenth } from './scale/statistics.ts';

const DEFAULTS = {
  services: 10_000,
  rate: 100,
  restarts: 3,
  'rival-services': 1_000,
  width: 50,
} as const;

/** Addresses for six times the Services of the standard run. */
const POOLS = { 'cidr-global': '172.20.0.0/16' } as const;
/** Memory is read this long after the last address: what was under way is over. */
const SETTLE_MS = 3_000;
/** Writes after a restart are counted for this long after it is ready. */
const WATCH_RESTART_MS = 10_000;
const READY_LIMIT_MS = 60_000;
/** How long after the last Service was created the last address is waited for. */
const LAST_ADDRESS_MS = 60_000;
const RIVAL_LAST_ADDRESS_MS = 300_000;

/** Outcome of Services offered at a fixed rate. */
interface Offered {
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

const nameOf = (index: number): string => `echo-${String(index).padStart(5, '0')}`;

/** Throws unless each address is held by one Service. */
function assertDistinct(cluster: ScaleCluster): void {
  const addresses = new Set([...cluster.watch.served.values()].map(({ address }) => address));
  if (addresses.size !== cluster.watch.served.size) {
    throw new Error(`${cluster.watch.served.size} Services hold only ${addresses.size} addresses`);
  }
}

interface Load {
  readonly services: number;
  readonly rate: number;
  readonly limitMs: number;
}

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
  const beyondMs: number[] = [];
  const sinceDueMs: number[] = [];
  for (let index = 0; index < services; index += 1) {
    const served = cluster.watch.served.get(nameOf(index));
    if (served === undefined) continue;
    // The watch may be told before the answer to the creation is read.
    const acknowledgedAtMs = acknowledgedMs[index] ?? served.atMs;
    beyondMs.push(Math.max(0, served.atMs - acknowledgedAtMs));
    sinceDueMs.push(served.atMs - (dueAtMs[index] ?? 0) + (lateMs[index] ?? 0));
  }
  return {
    refused,
    served: beyondMs.length,
    beyondWrite: summarize(beyondMs),
    sinceDue: summarize(sinceDueMs),
    sendLateP99Ms: tenth(percentile(lateMs, 0.99)),
    requests: await cluster.requests(),
    usage,
    busyCores,
  };
}

/** A cold restart. */
interface Restart {
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
async function restart(cluster: ScaleCluster): Promise<Restart> {
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

/** Services created as fast as the server takes them from a few dozen clients. */
async function saturatedRun(services: number, width: number) {
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
    const done = await cluster.watch.until(() => cluster.watch.served.size >= services, LAST_ADDRESS_MS);
    if (!done) throw new Error(`saturated: only ${cluster.watch.served.size} of ${services} were served`);
    assertDistinct(cluster);
    const served = acknowledgedMs.map((ackMs, index) => {
      const atMs = cluster.watch.served.get(nameOf(index))?.atMs ?? Number.NaN;
      return { atMs, beyondMs: Math.max(0, atMs - ackMs) };
    });
    const servedMs = Math.max(...served.map(({ atMs }) => atMs)) - startMs;
    const { p50Ms, p99Ms, worstMs } = summarize(served.map(({ beyondMs }) => beyondMs));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const usage = cluster.program.usage();
    const requests = await cluster.requests();
    return {
      createdPerSecond: Math.round((services * 1000) / createdMs),
      perSecond: Math.round((services * 1000) / servedMs),
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

function perService(requests: RequestTally, services: number) {
  const { serviceWrites, statusWrites, serviceGets, eventWrites } = requests;
  const per = (count: number) => Math.round((count * 1000) / services) / 1000;
  return {
    requestsPerService: per(serviceWrites + statusWrites + serviceGets),
    eventsPerService: per(eventWrites),
  };
}

async function fixedRateRun(subject: Subject, load: Load, say: (text: string) => void) {
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

async function rivalRun(binary: string, services: number, rate: number, say: (text: string) => void) {
  const load = { services, rate, limitMs: RIVAL_LAST_ADDRESS_MS };
  const figures = async (subject: Subject) => {
    say(`${subject.name}: ${services} Services, ${rate} a second`);
    const { cluster, offered } = await fixedRateRun(subject, load, say);
    await cluster.stop();
    const { p50Ms, p99Ms, worstMs } = offered.beyondWrite;
    const { rssMB, peakRssMB, cpuMs } = offered.usage;
    return {
      served: offered.served,
      refusedByServer: offered.refused,
      p50Ms,
      p99Ms,
      worstMs,
      ...perService(offered.requests, services),
      rssMB,
      peakRssMB,
      cpuMs,
      requests: offered.requests,
    };
  };
  const ours = await figures(OURS);
  const rival = await figures(rivalSubject(binary));
  const ratio = (a: number, b: number) => Math.round((a / b) * 100) / 100;
  return {
    services,
    ours,
    rival,
    rivalToOurs: {
      p50: ratio(rival.p50Ms, ours.p50Ms),
      p99: ratio(rival.p99Ms, ours.p99Ms),
      requestsPerService: ratio(rival.requestsPerService, ours.requestsPerService),
      rss: ratio(rival.rssMB, ours.rssMB),
      cpu: ratio(rival.cpuMs, ours.cpuMs),
    },
  };
}

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const { numbers, rival } = readOptions(args, DEFAULTS, process.env);
  const { services, rate } = numbers;
  await buildPrograms();
  say(`${services} Services, ${rate} a second`);
  const load = { services, rate, limitMs: LAST_ADDRESS_MS };
  const { apiServer, cluster, offered } = await fixedRateRun(OURS, load, say);
  const restarts: Restart[] = [];
  try {
    for (let round = 1; round <= numbers.restarts; round += 1) {
      say(`cold restart ${round} of ${numbers.restarts}`);
      restarts.push(await restart(cluster));
    }
  } finally {
    await cluster.stop();
  }
  say('saturated run');
  const saturated = await saturatedRun(services, numbers.width);
  const compared =
    rival === undefined ? undefined : await rivalRun(rival, numbers['rival-services'], rate, say);
  const { p50Ms, p99Ms, worstMs } = offered.beyondWrite;
  const rssMB = Math.max(offered.usage.rssMB, ...restarts.map((each) => each.rssMB));
  const figures = {
    apiServer,
    services,
    ratePerSecond: rate,
    served: offered.served,
    refusedByServer: offered.refused,
    p50MsBeyondWrite: p50Ms,
    p99MsBeyondWrite: p99Ms,
    worstMsBeyondWrite: worstMs,
    p99MsSinceDue: offered.sinceDue.p99Ms,
    sendLateP99Ms: offered.sendLateP99Ms,
    ...perService(offered.requests, services),
    requests: offered.requests,
    rssMB,
    rssAfterRunMB: offered.usage.rssMB,
    rssAfterRestartMB: restarts.at(-1)?.rssMB,
    peakRssMB: offered.usage.peakRssMB,
    busyCores: offered.busyCores,
    cpuMsPerService: tenth(offered.usage.cpuMs / services),
    coldRestartMs: Math.max(...restarts.map((each) => each.readyMs)),
    coldRestartsMs: restarts.map((each) => each.readyMs),
    readyzMs: restarts.map((each) => each.readyzMs),
    shutdownMs: restarts.map((each) => each.shutdownMs),
    writesOnRestart: restarts.reduce(
      (sum, { requests }) => sum + requests.serviceWrites + requests.statusWrites,
      0,
    ),
    requestsOnRestart: restarts.at(-1)?.requests,
    saturated,
    ...(compared && { compared }),
  };
  return { figures, table: tableOf(figures) };
}

/** The figures with a bound, beside it. */
const BOUNDS = {
  p99MsBeyondWrite: 250,
  requestsPerService: 2,
  eventsPerService: 2,
  rssMB: 160,
  coldRestartMs: 3_000,
  writesOnRestart: 0,
} as const;

function tableOf(figures: Readonly<Record<string, unknown>>): readonly (readonly string[])[] {
  const rows = Object.entries(figures)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => {
      const bound = Object.entries(BOUNDS).find(([each]) => each === name)?.[1];
      if (bound === undefined) return [name, String(value), ''];
      return [name, String(value), `<= ${bound}${Number(value) <= bound ? '' : '  MISSED'}`];
    });
  return [['figure', 'value', 'bound'], ...rows];
}

/** 10,000 Services. */
export const services: Benchmark = {
  name: 'services',
  about:
    '10,000 Services: time to address, requests, memory, cold restart, saturation [--services N --rate N]',
  run: async (say, args) => {
    await ensureLabNamespace();
    return await run(say, args);
  },
};
