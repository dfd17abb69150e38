// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createHealthChecker } from '@fairlead/agent/balance/health/create-health-checker.ts';
import { DEFAULT_TIMING, type Probe } from '@fairlead/agent/balance/health/health-check.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import type { ProbeCost } from './figures.ts';

/** With the default interval: a thousand probes a second, the most there are. */
const TARGETS = 250;
const SETTLE_MS = 1_000;
const MEASURED_MS = 5_000;
/** Answers as little as a server can. */
const SERVER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:http').createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const PROBES: Readonly<Record<'tcp' | 'http', Probe>> = {
  tcp: { kind: 'tcp' },
  http: { kind: 'http', path: '/', host: undefined, statuses: [[200, 299]] },
};

/** Measures what a thousand probes a second cost the thread that sends them, over loopback. */
export async function measureProbes(kind: 'tcp' | 'http'): Promise<ProbeCost> {
  const server = new Worker(SERVER, { eval: true });
  const [port] = (await once(server, 'message')) as [number];
  const checker = createHealthChecker({
    clock: systemClock,
    logger: createLogger({ name: 'bench', level: 'error' }),
  });
  try {
    const check = { ...DEFAULT_TIMING, probe: PROBES[kind] };
    checker.want(
      Array.from({ length: TARGETS }, (_, index) => ({
        id: `target ${index}`,
        address: '127.0.0.1',
        port,
        check,
      })),
    );
    await sleep(SETTLE_MS);
    const [before, cpuBefore, startMs] = [checker.stats(), process.threadCpuUsage(), performance.now()];
    await sleep(MEASURED_MS);
    const [after, cpu] = [checker.stats(), process.threadCpuUsage(cpuBefore)];
    const microseconds = cpu.user + cpu.system;
    const seconds = (performance.now() - startMs) / 1_000;
    const probes = after.succeeded - before.succeeded;
    const failures = after.failed + after.inconclusive - before.failed - before.inconclusive;
    if (failures > probes / 10)
      throw new Error(`${failures} of ${failures + probes} probes by ${kind} failed`);
    return {
      perSecond: Math.round(probes / seconds),
      cores: Math.round(microseconds / seconds / 100) / 10_000,
      microsecondsPerProbe: Math.round(microseconds / probes),
    };
  } finally {
    checker.stop();
    await server.terminate();
  }
}
