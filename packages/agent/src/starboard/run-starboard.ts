// SPDX-License-Identifier: Apache-2.0
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { COMPONENT, REASON } from '@fairlead/shared/kubernetes/contract.ts';
import { createEventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { PoolConfig, type PoolConfigState } from '@fairlead/shared/pools/pool-config.ts';
import { formatProblem } from '@fairlead/shared/pools/problems.ts';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger, type Logger } from '@fairlead/shared/runtime/logging.ts';
import { createShutdown, type Shutdown } from '@fairlead/shared/runtime/shutdown.ts';
import { startStatusServers } from '../manager/status-servers.ts';
import { askStatus, STATUS_SOCKET, StatusUnavailableError } from '../status/status-socket.ts';
import { NetlinkWatch } from '../system/netlink-watch.ts';
import { readNftTables } from '../system/nft-tables.ts';
import { NodeLockHeldError, takeNodeLock } from '../system/node-lock.ts';
import { VERSION } from '../version.ts';
import { nodeChains } from './chains.ts';
import { findBackend } from './find-backend.ts';
import { listByGetting } from './list-by-getting.ts';
import { starboardMetrics } from './metrics.ts';
import { poolRules, type WantedRule } from './pool-rules.ts';
import type { DataPlane } from './proxy-case.ts';
import type { StarboardSettings } from './settings.ts';
import { Starboard } from './starboard.ts';

/** Exit code of a run that was refused because it would have cut kube-proxy off. Documented. */
export const REFUSED = 3;

/** Below the 30 s after which Kubernetes kills. */
const SHUTDOWN_LIMIT_MS = 20_000;
/** An agent that starts together with us has a status within a second; on a busy node later. */
const PATIENCE_MS = 30_000;
const ASK_TIMEOUT_MS = 1_000;
const LOCK_NAME = 'fairlead-starboard';

/** Keeps the pools in iptables until a signal ends it. Resolves with the exit code. */
export async function runStarboard(settings: StarboardSettings): Promise<number> {
  const clock = systemClock;
  const logger = createLogger({ name: 'starboard', level: 'info' });
  const { namespace, name } = settings.configMap;
  logger.info({ version: VERSION, node: settings.node, configMap: `${namespace}/${name}` }, 'starting');
  const lock = await takeNodeLock({ name: LOCK_NAME }).catch((error: unknown) => {
    if (!(error instanceof NodeLockHeldError)) throw error;
    logger.fatal(
      { pid: error.holderPid },
      'another starboard already runs on this node; stop that one first',
    );
    return undefined;
  });
  if (lock === undefined) return 1;
  const shutdown = createShutdown({ logger, clock, timeLimitMs: SHUTDOWN_LIMIT_MS });
  shutdown.addStep('node lock', () => lock.release());
  try {
    await startAll(settings, { clock, logger, shutdown });
  } catch (error) {
    if (!shutdown.signal.aborted) logger.fatal({ err: error }, 'starboard cannot start');
    shutdown.request('start failed', 1);
  }
  return shutdown.done;
}

interface Runtime {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shutdown: Shutdown;
}

async function startAll(settings: StarboardSettings, { clock, logger, shutdown }: Runtime): Promise<void> {
  const { node, kubeconfig, isInside, isForced, statusServer } = settings;
  const backend = settings.backend ?? (await findBackend());
  const client = listByGetting(
    await connect({
      ...(kubeconfig === undefined ? { inCluster: isInside } : { kubeconfig }),
      userAgent: `fairlead-starboard/${VERSION}`,
    }),
  );
  shutdown.addStep('API client', () => client.close());
  const events = createEventRecorder({ client, component: COMPONENT.starboard, host: node, logger, clock });
  shutdown.addStep('Events', () => events.flush());
  const watch = NetlinkWatch.ofNftables();
  shutdown.addStep('nftables messages', () => watch.close());
  let wanted: readonly WantedRule[] | undefined;
  const config = new PoolConfig({
    client,
    configMap: settings.configMap,
    logger,
    clock,
    onChange: (state) => {
      wanted = readRules(state, logger);
      starboard.wake();
    },
  });
  const starboard = new Starboard({
    chains: nodeChains,
    backend,
    wanted: () => wanted,
    dataPlane: () => askDataPlane(settings.dataPlane),
    hasProxyTable: () => readNftTables().some(({ name }) => name === 'kube-proxy'),
    hasNftChanged: () => watch.drain(),
    isForced,
    patienceMs: settings.dataPlane === undefined ? PATIENCE_MS : 0,
    onRefusal: (why) => {
      logger.error({ reason: REASON.starboardRefused }, why);
      const { namespace, name } = settings.configMap;
      const about = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name } };
      events.event(config.state.object ?? about, 'Warning', REASON.starboardRefused, `node ${node}: ${why}`);
      shutdown.request('refused', REFUSED);
    },
    clock,
    random: Math.random,
    logger,
  });
  shutdown.addStep('rules', () => starboard.stop());
  shutdown.addStep('ConfigMap', () => config.stop());
  starboard.start();
  config.start();
  const servers = await startStatusServers(statusServer === undefined ? [] : [statusServer], {
    health: () => [],
    ready: () => starboard.ready(),
    registry: starboardMetrics(VERSION, () => starboard.stats),
    logger,
  });
  shutdown.addStep('status server', async () => {
    await Promise.all(servers.map((server) => server.close()));
  });
  await config.synced(shutdown.signal);
  // Nobody tells of a ConfigMap that has never been there.
  wanted ??= readRules(config.state, logger);
  starboard.wake();
}

/** The cloud provider writes Events about what is wrong in the ConfigMap; one from each node would be no news. */
function readRules({ name, data }: PoolConfigState, logger: Logger): readonly WantedRule[] {
  const { rules, problems } = poolRules(data);
  for (const problem of problems) {
    logger[problem.severity === 'notice' ? 'info' : 'warn']({ configMap: name }, formatProblem(problem));
  }
  return rules;
}

/** The agent of this node, which knows best; where none can be asked, what the settings say. */
async function askDataPlane(configured: DataPlane): Promise<DataPlane> {
  try {
    const { dataPlane } = await askStatus({ socket: STATUS_SOCKET }, ASK_TIMEOUT_MS);
    return dataPlane ?? configured;
  } catch (error) {
    if (!(error instanceof StatusUnavailableError)) throw error;
    return configured;
  }
}
