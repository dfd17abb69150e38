// SPDX-License-Identifier: Apache-2.0
/**
 * Many Services: how long each waits for its address while they are offered at a fixed rate, what that costs in requests
 * and memory, how long a cold restart takes among them, and how many a second are served when they come as fast as the
 * API server takes them. Addresses are seen by a watch of the benchmark, requests are counted by the server's audit log.
 */

import { chooseAssets } from '@fairlead/test-lab/control-plane/control-plane.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { OURS } from './scale/cluster.ts';
import { type Restart, restart } from './scale/cold-restart.ts';
import { compare } from './scale/comparison.ts';
import { fixedRateRun, perService } from './scale/fixed-rate.ts';
import { readOptions } from './scale/options.ts';
import { saturatedRun } from './scale/saturation.ts';
import { tenth } from './scale/statistics.ts';

const DEFAULTS = {
  services: 10_000,
  rate: 100,
  restarts: 3,
  saturated: 10_000,
  width: 50,
  'rival-services': 1_000,
};

/**
 * A real kube-apiserver walks over all cluster IPs twice for each Service it creates (for a metric of its allocator), so
 * that with thousands of them two processors are not enough for it to create 100 a second.
 */
const REAL_DEFAULTS = { rate: 40, saturated: 2_000 };

/** How long after the last Service was created the last address is waited for. */
const LAST_ADDRESS_MS = 60_000;

async function run(say: (text: string) => void, args: readonly string[]): Promise<BenchmarkResult> {
  const real = chooseAssets('auto', process.env.KUBEBUILDER_ASSETS) !== undefined;
  const { numbers, rival } = readOptions(args, { ...DEFAULTS, ...(real && REAL_DEFAULTS) }, process.env);
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
  const saturated = await saturatedRun(Math.min(services, numbers.saturated), numbers.width, LAST_ADDRESS_MS);
  const compared =
    rival === undefined ? undefined : await compare(rival, numbers['rival-services'], rate, say);
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
