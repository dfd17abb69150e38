// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { COMPONENT } from '@fairlead/shared/kubernetes/contract.ts';
import { createEventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { collectWhenIdle } from '@fairlead/shared/runtime/idle-collection.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { createShutdown } from '@fairlead/shared/runtime/shutdown.ts';
import type { AddressKeeper } from '../announce/address-keeper.ts';
import { startAddressKeeper } from '../announce/create-address-keeper.ts';
import type { Balancer } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create-balancer.ts';
import { createHealthChecker } from '../balance/health/create-health-checker.ts';
import { createNftProtector } from '../balance/protection/nft-protector.ts';
import type { Protector } from '../balance/protection/protector.ts';
import type { AgentSettings } from '../config/settings.ts';
import { createControlPlane } from '../control-plane/create-control-plane.ts';
import { connectOnControlPlane } from '../control-plane/own-api-server.ts';
import { planeFor } from '../control-plane/plane.ts';
import { createDhcpAddresses } from '../dhcp/dhcp-manager.ts';
import { createOwnership } from '../ownership/group/create-ownership.ts';
import { dumpOnSignal, type StatusDump } from '../status/dump-on-signal.ts';
import { STATUS_PATH, serveStatus } from '../status/status-socket.ts';
import { takeNodeLock } from '../system/node-lock.ts';
import { VERSION } from '../version.ts';
import { createAgent } from './agent.ts';
import { GroupTeller } from './group-teller.ts';
import { createMetrics } from './metrics.ts';
import { type Listen, startStatusServers } from './status-servers.ts';
import { createWatches } from './watches.ts';

/** Time for an orderly end, below the 30 s after which Kubernetes kills. Usually it takes well under 2 s. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** Runs the agent until a signal ends it. Resolves with the exit code. */
export async function runManager(settings: AgentSettings): Promise<number> {
  const clock = systemClock;
  const logger = createLogger({ name: 'agent', level: settings.logLevel });
  const dump = dumpOnSignal(logger);
  const { nodeName: node, engine: engineName, balance, election } = settings;
  logger.info({ version: VERSION, node, engine: engineName, election, balance }, 'starting');
  for (const { setting, received, message } of settings.warnings) logger.warn({ setting, received }, message);
  // Before anything else: everything after it assumes to be alone on this node, the start-up sweep most of all.
  const lock = await takeNodeLock();
  const shutdown = createShutdown({ logger, clock, timeLimitMs: SHUTDOWN_LIMIT_MS });
  shutdown.addStep('node lock', () => lock.release());
  try {
    await startAll(settings, { clock, logger, shutdown, dump });
  } catch (error) {
    // Told here, because the steps that follow must run: what has been started is still on the node.
    if (!shutdown.signal.aborted) logger.fatal({ err: error }, 'the agent cannot start');
    shutdown.request('start failed', 1);
  }
  return shutdown.done;
}

interface Runtime {
  readonly clock: typeof systemClock;
  readonly logger: ReturnType<typeof createLogger>;
  readonly shutdown: ReturnType<typeof createShutdown>;
  readonly dump: StatusDump;
}

async function startAll(settings: AgentSettings, runtime: Runtime): Promise<void> {
  const { clock, logger, shutdown, dump } = runtime;
  const node = settings.nodeName;
  const client = await connectTo(settings, runtime);
  shutdown.addStep('API client', () => client.close());
  const watches = await createWatches({ client, settings, clock, logger });
  shutdown.addStep('watches', () => watches.stop());
  watches.start();
  const metrics = createMetrics({ node, version: VERSION });
  const { keeper, balancer, protector } = await startPlanes(settings, runtime);
  const engine = await createOwnership({
    settings,
    client,
    nodes: watches.nodes,
    sources: settings.services ? [watches.services, watches.slices] : [],
    leases: watches.leases,
    port: keeper.raft,
    clock,
    logger,
  });
  engine.onChange(() => watches.relax(engine.inForce?.() === 'raft'));
  const events = createEventRecorder({ client, component: COMPONENT.agent, host: node, logger, clock });
  const teller = new GroupTeller({ node, group: engine, events, registry: metrics.registry, clock, logger });
  teller.start();
  shutdown.addStep('words about the group', async () => {
    teller.stop();
    await events.flush();
  });
  const health = createHealthChecker({ clock, logger });
  shutdown.addStep('health checks', () => health.stop());
  const controlPlane =
    settings.controlPlane === undefined
      ? undefined
      : await createControlPlane({
          settings: settings.controlPlane,
          node,
          nodes: watches.nodes.store,
          byIpvs: balancer.name === 'ipvs',
          events,
          clock,
          logger,
        });
  const agent = createAgent({
    settings,
    client,
    watches,
    engine,
    view: engine,
    keeper,
    dhcp: createDhcpAddresses({ clock, logger, attempts: settings.dhcpAttempts }),
    balancer,
    protector,
    health,
    controlPlane,
    metrics,
    events,
    clock,
    logger,
  });
  const servers = startStatusServers(listensOf(settings), {
    health: () => agent.health(),
    ready: () => agent.ready(),
    registry: metrics.registry,
    documents: { [STATUS_PATH]: () => agent.status() },
    logger,
  });
  const socket = serveStatus(() => agent.status(), { logger });
  dump.from(() => agent.status());
  shutdown.addStep('status servers', async () => {
    await (await socket).close();
    await Promise.all((await servers).map((server) => server.close()));
  });
  shutdown.addStep('agent', () => agent.stop());
  await agent.start();
  await Promise.all([servers, socket]);
  shutdown.addStep('idle collection', collectGarbageWhenIdle(clock));
  logger.info({ startMs: Math.round(performance.now()) }, 'ready');
}

/** What configures this node: one beside the other, as each waits for programs or a thread most of the time. */
async function startPlanes(
  settings: AgentSettings,
  { clock, logger, shutdown }: Runtime,
): Promise<{ keeper: AddressKeeper; balancer: Balancer; protector: Protector }> {
  const starting = startAddressKeeper({
    logger,
    clock,
    addressOn: settings.addressOn,
    loGlobalScope: settings.loGlobalScope,
    refreshIntervalMs: settings.announceIntervalMs,
    nodeName: settings.nodeName,
  });
  const makeBalancer = (): Promise<Balancer> =>
    createBalancer(planeFor(settings), logger, { kernelScheduler: settings.ipvs.scheduler });
  const makeProtector = (): Promise<Protector> => createNftProtector({ clock, logger });
  const started = <T extends { stop(): Promise<void> }>(name: string, start: Promise<T>): Promise<T> =>
    start.then((it) => {
      shutdown.addStep(name, () => it.stop());
      return it;
    });
  // All are waited for before one may fail, so that what has been started is stopped.
  const [keeper, balancer, protector] = await Promise.allSettled([
    started('addresses', starting.keeper),
    started('balancer', starting.swept.then(makeBalancer)),
    started('protection', starting.swept.then(makeProtector)),
  ]);
  return { keeper: startedOf(keeper), balancer: startedOf(balancer), protector: startedOf(protector) };
}

function startedOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

async function connectTo(settings: AgentSettings, runtime: Runtime): Promise<KubeClient> {
  const { clock, logger, shutdown } = runtime;
  const { kubeconfig, apiServer, inCluster, controlPlane } = settings;
  const userAgent = `fairlead-agent/${VERSION}`;
  if (controlPlane?.isMember === true) {
    return connectOnControlPlane({
      settings,
      controlPlane,
      userAgent,
      connect,
      clock,
      logger,
      signal: shutdown.signal,
    });
  }
  return connect({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(apiServer === undefined ? {} : { server: apiServer }),
    inCluster,
    userAgent,
  });
}

/** Only the main thread: nobody waits for it, as the announcing thread has a heap of its own. */
function collectGarbageWhenIdle(clock: Runtime['clock']): () => void {
  const { gc } = globalThis;
  let before = performance.eventLoopUtilization();
  return collectWhenIdle({
    clock,
    collect:
      gc === undefined ? undefined : () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
    heapBytes: () => process.memoryUsage().heapUsed,
    utilization: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  });
}

function listensOf({ statusServer, healthCheckPort }: AgentSettings): readonly Listen[] {
  return [
    ...(statusServer === undefined ? [] : [statusServer]),
    ...(healthCheckPort === undefined ? [] : [{ host: '', port: healthCheckPort }]),
  ];
}
