// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, familyName } from '@fairlead/shared/address/address.ts';
import type { MetricsRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Holdings } from '../allocator/holdings.ts';
import { type Pool, type Pools, poolContains, poolSize, SEVERITIES } from '../pools/pool.ts';

/** What the gauges read when Prometheus asks. */
export interface IpamState {
  readonly holdings: Holdings;
  pools(): Pools;
  /** Services that wait for an address. */
  waiting(): number;
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
  const poolGauge = (name: string, help: string, value: (counts: PoolCounts) => number) =>
    new Gauge({
      name: `fairlead_ipam_pool_${name}`,
      help,
      labelNames: ['pool', 'family'],
      registers,
      collect() {
        this.reset();
        for (const counts of countPools(state)) {
          this.set({ pool: counts.pool, family: counts.family }, value(counts));
        }
      },
    });
  poolGauge('addresses', 'Addresses that the pool may hand out.', ({ size }) => size);
  poolGauge('used', 'Addresses of the pool that a Service holds, whoever assigned them.', ({ used }) => used);
  poolGauge(
    'resting',
    'Released addresses of the pool that rest before they are handed out again.',
    (c) => c.resting,
  );
  poolGauge('free', 'Addresses of the pool that no Service holds.', ({ size, used }) => size - used);
  new Gauge({
    name: 'fairlead_ipam_waiting_services',
    help: 'Services that wait for an address.',
    registers,
    collect() {
      this.set(state.waiting());
    },
  });
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

interface PoolCounts {
  readonly pool: string;
  readonly family: string;
  readonly size: number;
  readonly used: number;
  readonly resting: number;
}

function countPools({ holdings, pools }: IpamState): readonly PoolCounts[] {
  return [...pools().byId.values()].flatMap((pool) =>
    FAMILIES.map((family) => ({
      pool: pool.id,
      family: familyName(family),
      size: Number(poolSize(pool, family)),
      used: countIn(pool, family, holdings.held(family)),
      resting: countIn(pool, family, holdings.resting(family)),
    })).filter(({ size }) => size > 0),
  );
}

function countIn(pool: Pool, family: (typeof FAMILIES)[number], values: Iterable<bigint>): number {
  let count = 0;
  for (const value of values) if (poolContains(pool, { family, value })) count++;
  return count;
}
