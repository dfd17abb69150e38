// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from '@fairlead/shared/address/address.ts';
import { hasFamily, type Pool, poolContains } from '../pools/pool.ts';
import { type FamilyRequest, planFamilies } from './families.ts';
import type { Holdings } from './holdings.ts';
import { findFree, findJoinable } from './search.ts';
import type { SharingTerms } from './sharing.ts';

/** What to allocate for one Service. */
export interface AllocationRequest {
  /** `namespace/name`. */
  readonly service: string;
  readonly families: FamilyRequest;
  /** Addresses to take when the pool has them and the Service may: what it had, or was promised, before. */
  readonly preferred: readonly Address[];
  /** With whom the Service shares addresses; absent: with nobody. */
  readonly sharing?: SharingTerms | undefined;
}

/** Addresses for a Service, or why there are none. */
export type Allocation =
  | {
      readonly ok: true;
      /** One per family, in the order in which they are written. */
      readonly addresses: readonly Address[];
      /** Families that `PreferDualStack` asked for and the pool has, but none of whose addresses is free. */
      readonly exhausted: readonly Family[];
    }
  | {
      readonly ok: false;
      readonly reason: 'PoolExhausted' | 'NoFamily';
      /** Families that could not be had. */
      readonly families: readonly Family[];
      /** With `PoolExhausted`: when the first resting address may be given; absent when none rests. Monotonic. */
      readonly coolingUntilMs?: number;
    };

/**
 * Chooses addresses for a Service; changes nothing. Deterministic: the same pool, holdings and time give the same
 * answer. Within a family: a preferred address, else one that the Service can share with those who hold it, else a free
 * one, else, where the pool has no `cooldown-` of its own, the address that has rested longest.
 */
export function allocate(
  pool: Pool,
  request: AllocationRequest,
  holdings: Holdings,
  nowMs: number,
): Allocation {
  holdings.endRests(nowMs);
  const plan = planFamilies(request.families, pool);
  const addresses: Address[] = [];
  const missing: Family[] = [];
  for (const family of plan.families) {
    const address = choose(pool, family, request, holdings);
    if (address === undefined) missing.push(family);
    else addresses.push(address);
  }
  const exhausted = missing.filter((family) => hasFamily(pool, family));
  const enough = plan.need === 'all' ? missing.length === 0 : addresses.length > 0;
  if (enough) return { ok: true, addresses, exhausted };
  const absent = missing.filter((family) => !hasFamily(pool, family));
  if (plan.need === 'all' && absent.length > 0) return { ok: false, reason: 'NoFamily', families: absent };
  if (exhausted.length === 0) return { ok: false, reason: 'NoFamily', families: missing };
  const coolingUntilMs = firstRestEndMs(pool, exhausted, holdings);
  return {
    ok: false,
    reason: 'PoolExhausted',
    families: exhausted,
    ...(coolingUntilMs !== undefined && { coolingUntilMs }),
  };
}

function choose(
  pool: Pool,
  family: Family,
  { service, preferred, sharing }: AllocationRequest,
  holdings: Holdings,
): Address | undefined {
  if (pool.dhcp.has(family)) return { family, value: 0n };
  const kept = preferred.find(
    (address) =>
      address.family === family &&
      poolContains(pool, address) &&
      holdings.isAvailableTo(service, address, sharing),
  );
  if (kept !== undefined) return kept;
  const value =
    (sharing && findJoinable(pool, family, service, sharing, holdings)) ??
    findFree(pool, family, holdings) ??
    findResting(pool, family, holdings);
  return value === undefined ? undefined : { family, value };
}

/** A rest by default ends when nothing else is free; one that the user asked for does not. */
function findResting(pool: Pool, family: Family, holdings: Holdings): bigint | undefined {
  if (pool.cooldownMs !== undefined) return undefined;
  return holdings.longestResting(family, (value) => poolContains(pool, { family, value }));
}

function firstRestEndMs(pool: Pool, families: readonly Family[], holdings: Holdings): number | undefined {
  const ends = families.flatMap(
    (family) => holdings.firstRestEndMs(family, (value) => poolContains(pool, { family, value })) ?? [],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}
