// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { COMPONENT } from '@fairlead/shared/kubernetes/contract.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { createEventRecorder, type EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { LeaseTiming } from '@fairlead/shared/kubernetes/lease/timing.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { PoolConfig, type PoolConfigMap } from '@fairlead/shared/pools/pool-config.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Holdings } from './allocator/holdings.ts';
import { type Leadership, type LeaderTerm, leadAlone, leadByLease } from './leadership.ts';
import { parsePools } from './pools/parse.ts';
import { formatProblem, type Pools } from './pools/pool.ts';
import { ServiceConfigMaps } from './service-configmaps/service-config-maps.ts';
import { ConfigProblems } from './services/config-problems.ts';
import { createIpamMetrics } from './services/metrics.ts';
import { Reconciler } from './services/reconciler.ts';
import { restOf } from './services/rest.ts';
import type { ClassMode } from './services/service-state.ts';

/** Everything that can be set, already read and checked (see `commands/settings.ts`). */
export interface CloudProviderSettings {
  readonly configMap: PoolConfigMap;
  readonly mode: ClassMode;
  /** undefined: no election, this is the only instance. */
  readonly election:
    | {
        readonly namespace: string;
        readonly leaseName: string;
        readonly identity: string;
        readonly timing: LeaseTiming;
      }
    | undefined;
  /** Services worked on at the same time. */
  readonly concurrency: number;
  /** Tell balancers in the namespaces what to serve, as plndr-cloud-provider did (see `service-configmaps`). */
  readonly writeServiceConfigMaps?: boolean;
  /** Rest of a released address before it is handed out again while others are free. */
  readonly restMs: number;
}

/** What the program is made of. */
export interface CloudProviderOptions {
  readonly client: KubeClient;
  readonly settings: CloudProviderSettings;
  readonly registry: MetricsRegistry;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The running cloud provider. */
export interface CloudProvider {
  start(): void;
  /** Resolves when Services and ConfigMap have been listed. */
  synced(signal?: AbortSignal): Promise<void>;
  isLeader(): boolean;
  /** Could it do its job now? A standby can. */
  ready(): CheckReport;
  /** Ends the work, writes pending Events, gives the Lease back, ends the watches. */
  stop(): Promise<void>;
}

/** How long the first list waits for the election, so that it need not be repeated by a leader. */
const ELECTION_HEAD_START_MS = 1_000;
/**
 * Services in a page: the text of a page goes before the objects in it do, so small pages keep the memory of the start
 * near that of what is kept (10,000 Services: 14 MB less than with 500 a page).
 */
const PAGE_SIZE = 200;
const DEFAULT_WRITE_TIMEOUT_MS = 5_000;
/** Events are a courtesy: an API server that takes them slowly does not hold up the end. */
const FLUSH_LIMIT_MS = 3_000;

/** Puts the program together; nothing happens before `start()`. */
export function createCloudProvider(options: CloudProviderOptions): CloudProvider {
  const { client, settings, registry, logger, clock } = options;
  const services = createReflector({
    client,
    resource: SERVICES,
    logger,
    clock,
    transform: withoutManagedFields,
    pageSize: PAGE_SIZE,
  });
  const poolConfig = new PoolConfig({
    client,
    configMap: settings.configMap,
    logger,
    clock,
    onChange: ({ data, object }) => {
      const pools = parsePools(data);
      logPools(pools, logger);
      reconciler.setPools(pools);
      configProblems.follow(object, pools);
    },
  });
  const events = createEventRecorder({ client, component: COMPONENT.cloudProvider, logger, clock });
  const configProblems = new ConfigProblems(events);
  const holdings = new Holdings({
    restOf: (address) => restOf(reconciler.pools, address, settings.restMs),
  });
  const metrics = createIpamMetrics(registry, {
    holdings,
    pools: () => reconciler.pools,
    waitingByPool: () => reconciler.waitingByPool(),
    leading: () => leadership.isLeader(),
  });
  const reconciler = new Reconciler({
    client,
    services: services.store,
    holdings,
    mode: settings.mode,
    configMap: () => poolConfig.state.name,
    events,
    metrics,
    logger,
    clock,
    writeTimeoutMs: writeTimeoutOf(settings),
  });
  const serviceConfigMaps = serviceConfigMapsOf(options);
  let listedMs = Number.POSITIVE_INFINITY;
  const work = async ({ signal, mayWrite, startedMs }: LeaderTerm): Promise<void> => {
    await Promise.all([services.synced(signal), poolConfig.synced(signal)]);
    const stale = listedMs < startedMs;
    configProblems.lead(signal);
    await Promise.all([
      reconciler.lead({
        mayWrite,
        signal,
        concurrency: settings.concurrency,
        ...(stale && { newest: () => listServices(client, signal) }),
      }),
      serviceConfigMaps?.lead({ mayWrite, signal }),
    ]);
  };
  const leadership = leadershipOf(options, work);
  const stopping = new AbortController();
  services.subscribe((change) => reconciler.observe(change));
  if (serviceConfigMaps) services.subscribe((change) => serviceConfigMaps.observe(change));
  const listAfterElection = async () => {
    await Promise.race([leadership.settled, delay(clock, ELECTION_HEAD_START_MS, stopping.signal)]);
    if (stopping.signal.aborted) return;
    listedMs = clock.monotonicMs();
    services.start();
    poolConfig.start();
    serviceConfigMaps?.start();
  };
  return {
    start: () => {
      leadership.start();
      listAfterElection().catch((error: unknown) => logger.error({ err: error }, 'start failed'));
    },
    synced: async (signal) => {
      await Promise.all([services.synced(signal), poolConfig.synced(signal)]);
    },
    isLeader: () => leadership.isLeader(),
    ready: () => [syncCheck('services', services), syncCheck('configmap', poolConfig)],
    stop: async () => {
      stopping.abort();
      await leadership.stop();
      await stopRest(events, clock, [
        services,
        poolConfig,
        ...(serviceConfigMaps ? [serviceConfigMaps] : []),
      ]);
    },
  };
}

function leadershipOf(
  { client, settings, logger, clock }: CloudProviderOptions,
  work: (term: LeaderTerm) => Promise<void>,
): Leadership {
  if (settings.election === undefined) return leadAlone({ work, logger, clock });
  return leadByLease({ ...settings.election, client, logger, clock, work });
}

function serviceConfigMapsOf({
  client,
  settings,
  logger,
  clock,
}: CloudProviderOptions): ServiceConfigMaps | undefined {
  if (settings.writeServiceConfigMaps !== true) return undefined;
  const writeTimeoutMs = writeTimeoutOf(settings);
  return new ServiceConfigMaps({ client, mode: settings.mode, logger, clock, writeTimeoutMs });
}

/** A write must be over before another instance may lead: between our last moment and its first lies this time. */
function writeTimeoutOf({ election }: CloudProviderSettings): number {
  if (election === undefined) return DEFAULT_WRITE_TIMEOUT_MS;
  const { leaseDurationMs, renewDeadlineMs } = election.timing;
  return Math.max(500, Math.min(DEFAULT_WRITE_TIMEOUT_MS, leaseDurationMs - renewDeadlineMs));
}

function logPools(pools: Pools, logger: Logger): void {
  logger.info({ configured: pools.configured, pools: [...pools.byId.keys()] }, 'pools read');
  for (const problem of pools.problems) {
    const level = problem.severity === 'notice' ? 'info' : 'warn';
    logger[level]({ key: problem.key }, formatProblem(problem));
  }
}

/** Half of a Service as the API server sends it, and nothing that we read or that a PUT without it would lose. */
function withoutManagedFields(service: Service): Service {
  if (service.metadata?.managedFields === undefined) return service;
  const { managedFields: _managed, ...metadata } = service.metadata;
  return { ...service, metadata };
}

async function* listServices(client: KubeClient, signal: AbortSignal): AsyncIterable<Service> {
  let continueToken: string | undefined;
  do {
    const page = await client.list(SERVICES, {
      limit: PAGE_SIZE,
      signal,
      ...(continueToken && { continueToken }),
    });
    yield* page.items;
    continueToken = page.continueToken;
  } while (continueToken);
}

function syncCheck(name: string, { isSynced }: { readonly isSynced: boolean }) {
  return { name, ok: isSynced, ...(!isSynced && { detail: 'not listed yet' }) };
}

async function stopRest(events: EventRecorder, clock: Clock, watches: readonly { stop(): Promise<void> }[]) {
  const limit = new AbortController();
  await Promise.race([events.flush(), delay(clock, FLUSH_LIMIT_MS, limit.signal)]);
  limit.abort();
  await Promise.all(watches.map((watch) => watch.stop()));
}
