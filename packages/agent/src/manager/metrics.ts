// SPDX-License-Identifier: Apache-2.0
import { serviceLeaseName } from '@fairlead/shared/kubernetes/contract.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { resourceName } from '@fairlead/shared/kubernetes/resources.ts';
import { createRegistry, type MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { AnnouncerStats, HeldAddress } from '../announce/address-keeper.ts';
import type { BalanceModel } from '../balance/model/frontend.ts';
import type { ControlPlaneView } from '../control-plane/report.ts';
import { observeControlPlane } from '../control-plane/report.ts';
import type { EngineStats, OwnershipState } from '../ownership/engine.ts';
import type { ServedService } from '../services/served-service.ts';
import { type HealthSource, observeHealth } from './health-metrics.ts';
import { observeProtection, type ProtectionSource } from './protection-metrics.ts';
import { observeRaft, type RaftSource } from './raft-metrics.ts';
import { growing, type Registers, sampled } from './samples.ts';
import { observeUserSpace, type UserSpaceSource } from './user-space-metrics.ts';

/** What is read when Prometheus asks. */
export interface MetricSources {
  readonly services: () => readonly ServedService[];
  readonly held: () => ReadonlyMap<string, HeldAddress>;
  readonly announcer: () => AnnouncerStats;
  readonly ownership: () => OwnershipState;
  readonly engine: () => EngineStats;
  readonly raft: RaftSource;
  readonly balance: () => BalanceModel;
  readonly userSpace: UserSpaceSource;
  readonly health: HealthSource;
  readonly protection: ProtectionSource;
  /** Default: no address of the control plane is known. */
  readonly controlPlane?: () => ControlPlaneView | undefined;
  readonly loop: () => { readonly passes: number; readonly failures: number };
  readonly reflectors: readonly Reflector<KubeObject>[];
}

/** Metrics that are counted where things happen; all others are read from {@link MetricSources}. */
export interface AgentMetrics {
  readonly registry: MetricsRegistry;
  /** kube-vip's: events seen on Services, by `ADDED`, `MODIFIED`, `DELETED`. */
  readonly serviceEvents: Counter<'type'>;
  /** kube-vip's: what cannot be done for a Service, by our reason codes. */
  readonly reconcileErrors: Counter<'namespace' | 'name' | 'reason'>;
  /** kube-vip's: how long a pass took that changed something for Services of a namespace. */
  readonly reconcileSeconds: Histogram<'namespace'>;
  /** Addresses that came to this node, by the node that had them before and why. */
  readonly moves: Counter<'from' | 'reason'>;
  /** As coordinator: how long an owner had been silent when it was given up. */
  readonly detectionSeconds: Histogram;
  /** From the grant to the first answer. */
  readonly takeoverSeconds: Histogram;
  /** Starts reading `sources` with each scrape. */
  observe(sources: MetricSources): void;
}

/** How the Leases of single Services begin. */
const SERVICE_LEASE = serviceLeaseName('');

/** Buckets around what a takeover and a pass should cost. */
const SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Makes all metrics. kube-vip's names keep their meaning; ours begin with `fairlead_`. */
export function createMetrics(options: { readonly node: string; readonly version: string }): AgentMetrics {
  const { node, version } = options;
  const registry = createRegistry({ program: 'agent', version });
  const registers = [registry];
  new Gauge({
    name: 'kube_vip_build_info',
    help: 'Always 1; the labels say which version runs on which node.',
    labelNames: ['version', 'build', 'node'],
    registers,
  }).set({ version, build: 'fairlead', node }, 1);
  return {
    registry,
    serviceEvents: new Counter({
      name: 'kube_vip_manager_all_services_events',
      help: 'Changes of Services seen, by type.',
      labelNames: ['type'],
      registers,
    }),
    reconcileErrors: new Counter({
      name: 'kube_vip_service_reconcile_errors_total',
      help: 'Things that cannot be done for a Service, by reason.',
      labelNames: ['namespace', 'name', 'reason'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'kube_vip_service_reconcile_duration_seconds',
      help: 'Duration of passes that brought or removed addresses of Services of the namespace.',
      labelNames: ['namespace'],
      buckets: SECONDS,
      registers,
    }),
    moves: new Counter({
      name: 'fairlead_address_moves_total',
      help: 'Addresses that came to this node, by the node that had them before (empty: nobody) and the reason.',
      labelNames: ['from', 'reason'],
      registers,
    }),
    detectionSeconds: new Histogram({
      name: 'fairlead_detection_seconds',
      help: 'How long a lost owner had been silent when this node, as coordinator, gave it up.',
      buckets: SECONDS,
      registers,
    }),
    takeoverSeconds: new Histogram({
      name: 'fairlead_takeover_seconds',
      help: 'Time from the grant of an address to the first moment at which this node answers for it.',
      buckets: SECONDS,
      registers,
    }),
    observe: (sources) => {
      observeOwnership(sources, node, registers);
      observeElections(sources, registers);
      observeRaft(sources.raft, registers);
      observeAnnouncer(sources, registers);
      observeHealth(sources.health, registers);
      observeProtection(sources.protection, registers);
      observeUserSpace(sources.userSpace, registers);
      observeControlPlane(sources.controlPlane ?? (() => undefined), registers);
      observeWork(sources, registers);
    },
  };
}

function observeOwnership(
  { services, ownership, held, engine }: MetricSources,
  node: string,
  registers: Registers,
) {
  sampled(
    {
      name: 'kube_vip_active_services',
      help: 'Services with an address that this agent serves, by namespace.',
      labelNames: ['namespace'],
    },
    registers,
    () => {
      const active = services().filter(({ addresses }) => addresses.length > 0);
      const groups = Map.groupBy(active, ({ namespace }) => namespace);
      return [...groups].map(([namespace, members]) => [{ namespace }, members.length] as const);
    },
  );
  sampled(
    {
      name: 'kube_vip_is_leader',
      help: '1 while this node holds the Lease.',
      labelNames: ['node', 'lease_name'],
    },
    registers,
    () =>
      [...engine().locks].map(([name, lock]) => [{ node, lease_name: name }, Number(lock.isHolder)] as const),
  );
  growing(
    {
      name: 'kube_vip_leader_election_transitions_total',
      help: 'Times that the Lease came to this node or was lost by it.',
      labelNames: ['lease_name'],
    },
    registers,
    () =>
      [...engine().locks].map(([name, lock]) => [{ lease_name: name }, lock.acquired + lock.lost] as const),
  );
  sampled(
    {
      name: 'fairlead_address_owner',
      help: '1 for the node that owns the address, as this agent sees it.',
      labelNames: ['address', 'owner'],
    },
    registers,
    () => [...ownership().owners].map(([address, owner]) => [{ address, owner: owner.node }, 1] as const),
  );
  sampled(
    {
      name: 'fairlead_address_held',
      help: '1 while this node answers for the address, 0 while it holds it and cannot.',
      labelNames: ['address', 'interface'],
    },
    registers,
    () =>
      [...held().values()].map(
        ({ address, interface: link, answering }) =>
          [{ address, interface: link }, Number(answering)] as const,
      ),
  );
  sampled(
    {
      name: 'fairlead_lost_nodes',
      help: 'Nodes whose agent fell silent without saying goodbye.',
      labelNames: [],
    },
    registers,
    () => [[{}, ownership().lostNodes.size]],
  );
}

/** kube-vip's, about the Leases of single Services. An attempt counts when it has won. */
function observeElections({ engine }: MetricSources, registers: Registers) {
  const perService = () =>
    [...engine().locks].flatMap(([key, lock]) => {
      const [namespace = '', lease = ''] = key.split('/');
      const name = lease.startsWith(SERVICE_LEASE) ? lease.slice(SERVICE_LEASE.length) : '';
      return name === '' ? [] : [{ namespace, name, lock }];
    });
  sampled(
    {
      name: 'kube_vip_service_election_loops',
      help: '1 for each Service for whose Lease this agent has contended.',
      labelNames: ['namespace', 'name'],
    },
    registers,
    () => perService().map(({ namespace, name }) => [{ namespace, name }, 1] as const),
  );
  growing(
    {
      name: 'kube_vip_service_election_attempts_total',
      help: 'Times that the Lease of the Service came to this node.',
      labelNames: ['namespace', 'name'],
    },
    registers,
    () => perService().map(({ namespace, name, lock }) => [{ namespace, name }, lock.acquired] as const),
  );
  growing(
    {
      name: 'kube_vip_service_election_errors_total',
      help: 'Times that the Lease of the Service was lost other than by giving it back.',
      labelNames: ['namespace', 'name', 'reason'],
    },
    registers,
    () =>
      perService().map(
        ({ namespace, name, lock }) => [{ namespace, name, reason: 'lost' }, lock.lost] as const,
      ),
  );
}

function observeAnnouncer({ announcer }: MetricSources, registers: Registers) {
  const totals: readonly (readonly [string, string, (stats: AnnouncerStats) => number])[] = [
    ['frames_sent', 'ARP and NDP frames sent.', (stats) => stats.framesSent],
    ['frames_failed', 'Frames that the kernel refused.', (stats) => stats.framesFailed],
    ['frames_suppressed', 'Frames not sent because the grant had ended.', (stats) => stats.framesSuppressed],
    [
      'probes_answered',
      'ARP requests and neighbour solicitations answered.',
      (stats) => stats.probesAnswered,
    ],
    [
      'foreign_claims',
      'Frames in which another machine claimed our address.',
      (stats) => stats.foreignClaims,
    ],
    [
      'stall_releases',
      'Times everything was let go because the main thread stalled.',
      (stats) => stats.letGo,
    ],
  ];
  for (const [name, help, read] of totals) {
    growing({ name: `fairlead_${name}_total`, help }, registers, () => [[{}, read(announcer())]]);
  }
}

function observeWork({ balance, loop, reflectors }: MetricSources, registers: Registers) {
  sampled(
    {
      name: 'fairlead_balance_backends',
      help: 'Backends of each frontend that this node balances.',
      labelNames: ['service', 'frontend'],
    },
    registers,
    () =>
      [...balance().frontends.values()].map(
        ({ service, id, backends }) => [{ service, frontend: id }, backends.length] as const,
      ),
  );
  growing({ name: 'fairlead_passes_total', help: 'Reconcile passes that succeeded.' }, registers, () => [
    [{}, loop().passes],
  ]);
  growing({ name: 'fairlead_pass_failures_total', help: 'Reconcile passes that failed.' }, registers, () => [
    [{}, loop().failures],
  ]);
  sampled(
    {
      name: 'fairlead_reflector_freshness_seconds',
      help: 'Time since the API server last showed that the local copy is current.',
      labelNames: ['resource'],
    },
    registers,
    () =>
      reflectors
        .filter(({ isSynced }) => isSynced)
        .map(
          (reflector) =>
            [{ resource: resourceName(reflector.resource) }, reflector.freshnessMs() / 1000] as const,
        ),
  );
  growing(
    {
      name: 'fairlead_reflector_lists_total',
      help: 'Complete lists, by resource.',
      labelNames: ['resource'],
    },
    registers,
    () =>
      reflectors.map(
        (reflector) => [{ resource: resourceName(reflector.resource) }, reflector.stats().lists] as const,
      ),
  );
}
