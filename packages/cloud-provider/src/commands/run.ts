// SPDX-License-Identifier: Apache-2.0
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { startStatusServer } from '@fairlead/shared/runtime/http.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { createShutdown } from '@fairlead/shared/runtime/shutdown.ts';
import { createCloudProvider } from '../cloud-provider.ts';
import type { DaemonCommandLine } from './command.ts';

/** Time for an orderly end: below the 30 s after which Kubernetes kills. */
const SHUTDOWN_LIMIT_MS = 15_000;

/**
 * Client-side rate limit, far above what the work needs: Services and Events under way are few at any time, and that is
 * what protects the API server. The usual limit would make each of many new Services wait for all before it.
 */
const CALLS_PER_SECOND = 2_000;

/** Runs the cloud provider until a signal ends it. Resolves with the exit code. */
export async function run(
  { settings, ignoredFlags, ignoredEnvironment }: DaemonCommandLine,
  version: string,
): Promise<number> {
  const clock = systemClock;
  const logger = createLogger({ name: 'cloud-provider', level: settings.logLevel });
  const shutdown = createShutdown({ logger, clock, timeLimitMs: SHUTDOWN_LIMIT_MS });
  logger.info({ version, mode: settings.mode, configMap: settings.configMap }, 'starting');
  if (ignoredFlags.length > 0) logger.info({ flags: ignoredFlags }, 'flags accepted without effect');
  if (ignoredEnvironment.length > 0) {
    logger.info({ names: ignoredEnvironment }, 'environment variables accepted without effect');
  }
  const registry = createRegistry({ program: 'cloud-provider', version });
  const client = await connect({
    ...(settings.kubeconfig !== undefined && { kubeconfig: settings.kubeconfig }),
    ...(settings.server !== undefined && { server: settings.server }),
    userAgent: `fairlead-cloud-provider/${version}`,
    qps: CALLS_PER_SECOND,
    burst: CALLS_PER_SECOND,
  });
  shutdown.addStep('client', () => client.close());
  const provider = createCloudProvider({ client, settings, registry, logger, clock });
  provider.start();
  shutdown.addStep('cloud provider', () => provider.stop());
  const server = await startStatusServer({
    ...settings.status,
    health: () => [{ name: 'ping', ok: true }],
    ready: () => provider.ready(),
    registry,
    logger,
  });
  shutdown.addStep('status server', () => server.close());
  provider.synced(shutdown.signal).then(
    () => logger.info({ startMs: Math.round(performance.now()) }, 'ready'),
    () => logger.debug('ended before the first list was complete'),
  );
  return shutdown.done;
}
