// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { createShutdown } from '@fairlead/shared/runtime/shutdown.ts';
import { createAddressKeeper } from '../announce/create-address-keeper.ts';
import { createHealthChecker } from '../balance/health/create-health-checker.ts';
import { needsDefaultRoute } from '../manager/interfaces.ts';
import { dumpOnSignal } from '../status/dump-on-signal.ts';
import { defaultRouteInterface, listLinks } from '../system/links.ts';
import { takeNodeLock } from '../system/node-lock.ts';
import { VERSION } from '../version.ts';
import type { StandaloneConfig } from './config/standalone-config.ts';
import { createEngine } from './create-engine.ts';
import { createEntryBalancer } from './entry-balancer.ts';
import { fileDemand } from './file-demand.ts';
import { createHostAgent } from './host-agent.ts';
import type { HostLinks } from './host-links.ts';
import { type HostRuntime, openStatus } from './host-runtime.ts';

/** Below the 90 s after which systemd kills. Usually it takes well under 2 s. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** Runs a host outside a cluster until a signal ends it. Resolves with the exit code. */
export async function runStart(config: StandaloneConfig): Promise<number> {
  const clock = systemClock;
  const logger = createLogger({ name: 'agent', level: config.logLevel });
  const dump = dumpOnSignal(logger);
  const { node, vips, plane, engine } = config;
  logger.info({ version: VERSION, node, engine: engine.kind, vips, plane }, 'starting');
  for (const { setting, message } of config.warnings) logger.warn({ setting }, message);
  // Before anything else: everything after it assumes to be alone on this host, the start-up sweep most of all.
  const lock = await takeNodeLock();
  const shutdown = createShutdown({ logger, clock, timeLimitMs: SHUTDOWN_LIMIT_MS });
  shutdown.addStep('node lock', () => lock.release());
  try {
    await startAll(config, { clock, logger, shutdown, dump });
  } catch (error) {
    if (!shutdown.signal.aborted) logger.fatal({ err: error }, 'the agent cannot start');
    shutdown.request('start failed', 1);
  }
  return shutdown.done;
}

async function startAll(config: StandaloneConfig, runtime: HostRuntime): Promise<void> {
  const { clock, logger, shutdown } = runtime;
  const keeper = await createAddressKeeper({
    logger,
    clock,
    addressOn: config.addressOn,
    refreshIntervalMs: config.announceIntervalMs,
    nodeName: config.node,
  });
  shutdown.addStep('addresses', () => keeper.stop());
  const balancer = await createEntryBalancer(config.plane, logger);
  shutdown.addStep('balancer', () => balancer.stop());
  const { engine, view } = createEngine({ config, port: keeper.raft, clock, logger });
  const agent = createHostAgent({
    node: config.node,
    interface: config.interface,
    demand: fileDemand(config),
    engine,
    view,
    keeper,
    balancer,
    health: createHealthChecker({ clock, logger }),
    readLinks: () => readLinks(config.interface),
    clock,
    logger,
  });
  await openStatus(agent, config.statusServer, runtime);
  shutdown.addStep('agent', () => agent.stop());
  await agent.start();
  logger.info({ startMs: Math.round(performance.now()) }, 'ready');
}

async function readLinks(wanted: string | undefined): Promise<HostLinks> {
  const [links, defaultInterface] = await Promise.all([
    listLinks(),
    needsDefaultRoute(wanted) ? defaultRouteInterface() : undefined,
  ]);
  return { links, defaultInterface };
}
