// SPDX-License-Identifier: Apache-2.0
import { type Pool, poolContains } from '@fairlead/cloud-provider/pools/pool.ts';
import type { Family } from '@fairlead/shared/address/address.ts';

/**
 * The method of kube-vip-cloud-provider in our language: for each allocation the addresses of all Services are put into a
 * set, and the pool is walked from its start to the first address that is not in it. To its advantage, without the API
 * calls that list the Services, and without reading the addresses from their text.
 */
export function allocateLikePeer(pool: Pool, family: Family, held: readonly bigint[]): bigint {
  const used = new Set(held);
  for (const { addresses } of pool.sources) {
    for (const { first, last } of addresses.ranges(family)) {
      for (let value = first; value <= last; value++) {
        if (!used.has(value) && poolContains(pool, { family, value })) return value;
      }
    }
  }
  throw new Error('the pool is exhausted');
}
