// SPDX-License-Identifier: Apache-2.0
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger, type Logger } from '@fairlead/shared/runtime/logging.ts';
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { createShutdown, type Shutdown } from '@fairlead/shared/runtime/shutdown.ts';
import { type Listen, startStatusServers } from '../manager/status-servers.ts';
import { dumpOnSignal, type StatusDump } from '../status/dump-on-signal.ts';
import { STATUS_PATH, serveStatus } from '../status/status-socket.ts';
import { takeNodeLock } from '../system/node-lock.ts';
import { VERSION } from '../version.ts';
import type { HostAgent } from './host-agent.ts';

/** What a program of this kind runs in. */
export interface HostRuntime {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shutdown: Shutdown;
  readonly dump: StatusDump;
}

/** Below the 30 s after which Kubernetes kills, and the 90 s of systemd. Usually it takes well under 2 s. */
const SHUTDOWN_LIMIT_MS = 10_000;

/**
 * Runs what `start` begins until a signal ends it. Resolves with the exit code.
 *
 * @param who for the first line of the log
 */
export async function runHost(
  who: Readonly<Record<string, unknown>>,
  level: 'debug' | 'info' | 'warn' | 'error',
  start: (runtime: HostRuntime) => Promise<void>,
): Promise<number> {
  const clock = systemClock;
  const logger = createLogger({ name: 'agent', level });
  const dump = dumpOnSignal(logger);
  logger.info({ version: VERSION, ...who }, 'starting');
  // Before anything else: everything after it assumes to be alone on this host, the start-up sweep most of all.
  const lock = await takeNodeLock();
  const shutdown = createShutdown({ logger, clock, timeLimitMs: SHUTDOWN_LIMIT_MS });
  shutdown.addStep('node lock', () => lock.release());
  try {
    await start({ clock, logger, shutdown, dump });
    logger.info({ startMs: Math.round(performance.now()) }, 'ready');
  } catch (error) {
    // Told here, because the steps that follow must run: what has been started is still on the host.
    if (!shutdown.signal.aborted) logger.fatal({ err: error }, 'the agent cannot start');
    shutdown.request('start failed', 1);
  }
  return shutdown.done;
}

/** Lets others look: the socket of `agent status`, SIGUSR1, and a server for probes and metrics where one is wanted. */
export async function openStatus(
  agent: HostAgent,
  registry: MetricsRegistry,
  listen: Listen | undefined,
  { logger, shutdown, dump }: HostRuntime,
): Promise<void> {
  dump.from(() => agent.status());
  const socket = await serveStatus(() => agent.status(), { logger });
  const servers = await startStatusServers(listen === undefined ? [] : [listen], {
    health: () => agent.health(),
    ready: () => agent.ready(),
    registry,
    documents: { [STATUS_PATH]: () => agent.status() },
    logger,
  });
  shutdown.addStep('status servers', async () => {
    await socket.close();
    await Promise.all(servers.map((server) => server.close()));
  });
}
