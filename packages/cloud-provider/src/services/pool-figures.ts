// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family } from '@fairlead/shared/address/address.ts';
import { isOctetEnd } from '@fairlead/shared/pools/octet-ends.ts';
import type { Holdings } from '../allocator/holdings.ts';
import { type Pool, type Pools, poolContains, poolSize } from '../pools/pool.ts';

/** How one pool is used, for one family of which it has addresses. */
export interface PoolFigures {
  /** Id of the pool. */
  readonly pool: string;
  readonly family: Family;
  /** Addresses that it may hand out. */
  readonly size: number;
  /** Of these: held by Services, whoever assigned them. */
  readonly used: number;
  /** Of these: released not long ago. */
  readonly cooling: number;
  /** Of these: neither held nor cooling. */
  readonly free: number;
}

/**
 * Counts how the pools are used. Costs a search for each held address, whatever the number of pools; nothing is counted
 * while addresses come and go, so that giving one stays cheap.
 */
export function figuresOf(pools: Pools, holdings: Holdings): readonly PoolFigures[] {
  return FAMILIES.flatMap((family) => {
    const segments = segmentsOf(pools, family);
    const used = segments.count(holdings.held(family));
    const cooling = segments.count(holdings.resting(family));
    return [...pools.byId.values()].flatMap((pool): PoolFigures[] => {
      const size = Number(poolSize(pool, family));
      if (size === 0) return [];
      const [held = 0, resting = 0] = [used.get(pool), cooling.get(pool)];
      const free = Math.max(0, size - held - resting);
      return [{ pool: pool.id, family, size, used: held, cooling: resting, free }];
    });
  });
}

const known = new WeakMap<Pools, { [family in Family]?: Segments }>();

/** Pools never change, so their segments are worked out once. */
function segmentsOf(pools: Pools, family: Family): Segments {
  const both = known.get(pools) ?? {};
  known.set(pools, both);
  both[family] ??= new Segments([...pools.byId.values()], family);
  return both[family];
}

/** The ranges of all pools, cut so that all addresses of a segment lie in the same pools. */
class Segments {
  readonly #family: Family;
  /** First value of each segment, ascending; a segment reaches up to the next. */
  readonly #starts: readonly bigint[];
  readonly #pools: readonly (readonly Pool[])[];

  constructor(pools: readonly Pool[], family: Family) {
    const bounds = new Set<bigint>();
    for (const pool of pools) {
      for (const { addresses } of pool.sources) {
        for (const { first, last } of addresses.ranges(family)) bounds.add(first).add(last + 1n);
      }
    }
    this.#family = family;
    this.#starts = [...bounds].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.#pools = this.#starts.map((value) => {
      const covers = (pool: Pool) =>
        pool.sources.some(({ addresses }) => addresses.contains({ family, value }));
      return pools.filter(covers);
    });
  }

  /** How many of the values each pool may hand out. */
  count(values: Iterable<bigint>): ReadonlyMap<Pool, number> {
    const counts = new Map<Pool, number>();
    if (this.#starts.length === 0) return counts;
    const family = this.#family;
    for (const value of values) {
      const isEnd = isOctetEnd(family, value);
      for (const pool of this.#at(value)) {
        if (!isEnd || poolContains(pool, { family, value })) counts.set(pool, (counts.get(pool) ?? 0) + 1);
      }
    }
    return counts;
  }

  #at(value: bigint): readonly Pool[] {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? value) <= value) low = middle + 1;
      else high = middle;
    }
    return this.#pools[low - 1] ?? [];
  }
}
