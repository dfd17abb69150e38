// SPDX-License-Identifier: Apache-2.0
import { familyName } from '@fairlead/shared/address/address.ts';
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Holdings } from '../allocator/holdings.ts';
import { type Pools, SEVERITIES } from '../pools/pool.ts';
import { figuresOf, type PoolFigures } from './pool-figures.ts';

/** What the gauges read when Prometheus asks. */
export interface IpamState {
  readonly holdings: Holdings;
  pools(): Pools;
  /** Services that wait for an address, by id of the pool; '' for those that no pool can help. */
  waitingByPool(): ReadonlyMap<string, number>;
  /** This instance leads. */
  leading(): boolean;
}

/** What the reconciler counts. */
export interface IpamMetrics {
  /** Addresses given, by `origin` (pool, request). */
  readonly allocations: Counter<'origin'>;
  readonly releases: Counter;
  /** Services refused, by reason code. */
  readonly failures: Counter<'reason'>;
  /** Writes to Services, by `outcome` (ok, conflict, error). */
  readonly writes: Counter<'outcome'>;
  /** From the first sight of a Service without an address to its write acknowledged. */
  readonly latencySeconds: Histogram;
}

/** Registers the metrics `fairlead_ipam_*`. Pool figures are counted when asked for, so that allocating stays cheap. */
export function createIpamMetrics(registry: MetricsRegistry, state: IpamState): IpamMetrics {
  const registers = [registry];
  registerPoolGauges(registry, state);
  registerConfigGauges(registry, state);
  new Gauge({
    name: 'fairlead_ipam_leader',
    help: '1 when this instance leads and writes, 0 when it stands by.',
    registers,
    collect() {
      this.set(state.leading() ? 1 : 0);
    },
  });
  return {
    allocations: new Counter({
      name: 'fairlead_ipam_allocations_total',
      help: 'Services given their addresses, from a pool or as requested by the user.',
      labelNames: ['origin'],
      registers,
    }),
    releases: new Counter({
      name: 'fairlead_ipam_releases_total',
      help: 'Services whose addresses were given back.',
      registers,
    }),
    failures: new Counter({
      name: 'fairlead_ipam_failures_total',
      help: 'Services that could not be given an address, by reason; repeated decisions with the same outcome count once.',
      labelNames: ['reason'],
      registers,
    }),
    writes: new Counter({
      name: 'fairlead_ipam_service_writes_total',
      help: 'Writes to Services, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    latencySeconds: new Histogram({
      name: 'fairlead_ipam_allocation_seconds',
      help: 'Time from the first sight of a Service that wants an address to the acknowledged write of it.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600],
      registers,
    }),
  };
}

function registerPoolGauges(registry: MetricsRegistry, state: IpamState): void {
  const registers = [registry];
  const others: ((figures: readonly PoolFigures[]) => void)[] = [];
  const poolGauge = (name: string, help: string, value: (figures: PoolFigures) => number) => {
    const gauge = new Gauge({
      name: `fairlead_ipam_pool_${name}`,
      help,
      labelNames: ['pool', 'family'],
      registers,
    });
    others.push((all) => {
      gauge.reset();
      for (const figures of all) {
        gauge.set({ pool: figures.pool, family: familyName(figures.family) }, value(figures));
      }
    });
  };
  new Gauge({
    name: 'fairlead_ipam_waiting_services',
    help: 'Services that wait for an address.',
    registers,
    // The first gauge that is asked counts for the others, too: they are read right after it.
    collect() {
      const figures = figuresOf(state.pools(), state.holdings);
      for (const set of others) set(figures);
      this.set([...state.waitingByPool().values()].reduce((sum, count) => sum + count, 0));
    },
  });
  new Gauge({
    name: 'fairlead_ipam_pool_waiting',
    help: 'Services that wait for an address of the pool; those that no pool can help have an empty label.',
    labelNames: ['pool'],
    registers,
    collect() {
      this.reset();
      for (const id of state.pools().byId.keys()) this.set({ pool: id }, 0);
      for (const [pool, count] of state.waitingByPool()) this.set({ pool }, count);
    },
  });
  poolGauge('addresses', 'Addresses that the pool may hand out.', ({ size }) => size);
  poolGauge('used', 'Addresses of the pool that a Service holds, whoever assigned them.', ({ used }) => used);
  poolGauge('free', 'Addresses of the pool that are neither held nor cooling down.', ({ free }) => free);
  poolGauge(
    'cooling',
    'Released addresses of the pool that rest before they are handed out again.',
    ({ cooling }) => cooling,
  );
}

function registerConfigGauges(registry: MetricsRegistry, state: IpamState): void {
  const registers = [registry];
  new Gauge({
    name: 'fairlead_ipam_config_problems',
    help: 'Keys or entries of the ConfigMap that cannot be used (error), have no effect (warning) or are read differently than written (notice).',
    labelNames: ['severity'],
    registers,
    collect() {
      const { problems } = state.pools();
      for (const severity of SEVERITIES) {
        this.set({ severity }, problems.filter((problem) => problem.severity === severity).length);
      }
    },
  });
  new Gauge({
    name: 'fairlead_ipam_config_unknown_keys',
    help: 'Keys of the ConfigMap that mean nothing; counted among the problems, too.',
    registers,
    collect() {
      this.set(state.pools().problems.filter(({ unknownKey }) => unknownKey).length);
    },
  });
}
