// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { type Pools, poolContains } from '../pools/pool.ts';

/**
 * How long this address rests once it is released: as the pool says that gives it, the longest when several do, else the
 * default.
 */
export function restOf(pools: Pools, address: Address, defaultMs: number): number {
  let longestMs: number | undefined;
  for (const pool of pools.byId.values()) {
    const { cooldownMs } = pool;
    if (cooldownMs === undefined || cooldownMs <= (longestMs ?? -1)) continue;
    if (poolContains(pool, address)) longestMs = cooldownMs;
  }
  return longestMs ?? defaultMs;
}
