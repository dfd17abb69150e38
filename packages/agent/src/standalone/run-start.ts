// SPDX-License-Identifier: Apache-2.0
import { createAddressKeeper } from '../announce/create-address-keeper.ts';
import { createHealthChecker } from '../balance/health/create-health-checker.ts';
import { createMetrics } from '../manager/metrics.ts';
import { VERSION } from '../version.ts';
import type { StandaloneConfig } from './config/standalone-config.ts';
import { createEngine } from './create-engine.ts';
import { createEntryBalancer } from './entry-balancer.ts';
import { fileDemand } from './file-demand.ts';
import { forwardingProblems } from './forwarding.ts';
import { createHostAgent } from './host-agent.ts';
import { readHostLinks } from './host-links.ts';
import { type HostRuntime, openStatus, runHost } from './host-runtime.ts';

/** Runs a host outside a cluster until a signal ends it. Resolves with the exit code. */
export function runStart(config: StandaloneConfig): Promise<number> {
  const { node, vips, plane, engine, logLevel } = config;
  return runHost({ node, engine: engine.kind, vips, plane }, logLevel, (runtime) =>
    startAll(config, runtime),
  );
}

async function startAll(config: StandaloneConfig, runtime: HostRuntime): Promise<void> {
  const { clock, logger, shutdown } = runtime;
  for (const { setting, message } of config.warnings) logger.warn({ setting }, message);
  if (config.plane !== 'userspace') {
    for (const problem of forwardingProblems(config.vips)) logger.error({ plane: config.plane }, problem);
  }
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
  const metrics = createMetrics({ node: config.node, version: VERSION });
  const agent = createHostAgent({
    node: config.node,
    interface: config.interface,
    demand: fileDemand(config),
    engine,
    view,
    keeper,
    balancer,
    health: createHealthChecker({ clock, logger }),
    metrics,
    readLinks: () => readHostLinks(config.interface),
    clock,
    logger,
  });
  await openStatus(agent, metrics.registry, config.statusServer, runtime);
  shutdown.addStep('agent', () => agent.stop());
  await agent.start();
}
