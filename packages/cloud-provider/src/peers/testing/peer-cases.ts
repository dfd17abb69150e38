// SPDX-License-Identifier: Apache-2.0
import { address, FAMILIES, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { formatRange } from '@fairlead/shared/address/range.ts';
import { allocate } from '../../allocator/allocate.ts';
import { Holdings } from '../../allocator/holdings.ts';
import { parsePools } from '../../pools/parse.ts';
import { formatProblem, GLOBAL_POOL, type Pool } from '../../pools/pool.ts';

/*
 * The cases of kube-vip-cloud-provider's own unit tests, as far as users can see what they pin down, told in the words of
 * our own parts. A case that we decide otherwise says so in its title, with the reason.
 */

/** Data of a ConfigMap. */
export type PoolData = Readonly<Record<string, string>>;

/** The addresses that a pool stands for, and what is wrong with its keys. */
export interface ReadPool {
  /** Ranges of both families, IPv4 first, each key for itself. */
  readonly ranges: readonly string[];
  readonly problems: readonly string[];
}

/** Reads the global pool. */
export function readPool(data: PoolData): ReadPool {
  const pools = parsePools(data);
  const sources = pools.byId.get(GLOBAL_POOL)?.sources ?? [];
  const ranges = sources.flatMap(({ addresses }) =>
    FAMILIES.flatMap((family) => addresses.ranges(family)).map(formatRange),
  );
  return { ranges, problems: pools.problems.map(formatProblem) };
}

/** The pool of this id; throws when the data has none. */
export function poolOf(data: PoolData, id: string = GLOBAL_POOL): Pool {
  const pool = parsePools(data).byId.get(id);
  if (pool === undefined) throw new Error(`no pool ${id} in ${JSON.stringify(data)}`);
  return pool;
}

/** What {@link nextAddress} returns when there is none left. */
export const EXHAUSTED = 'exhausted';

/** The address that the pool gives next to a Service of one family, while others hold `used`. */
export function nextAddress(pool: Pool, used: readonly string[], family: Family = 4): string {
  const holdings = new Holdings({ restOf: () => 0 });
  for (const [i, text] of used.entries()) {
    const addresses = [{ ...address(text), standing: 'accepted' as const }];
    holdings.observe({ service: `default/holder-${i}`, addresses, createdAt: '' }, 0);
  }
  const families = { policy: 'SingleStack', families: [family] } as const;
  const result = allocate(pool, { service: 'default/subject', families, preferred: [] }, holdings, 0);
  if (result.ok) return result.addresses.map(formatAddress).join();
  return result.reason === 'PoolExhausted' ? EXHAUSTED : result.reason;
}
