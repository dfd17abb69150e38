// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, lastValueOf } from '@fairlead/shared/address/address.ts';
import type { AddressRange } from '@fairlead/shared/address/range.ts';
import { isOctetEnd } from '../pools/octet-ends.ts';
import { hasFamily, type Pool, type PoolSource, poolContains } from '../pools/pool.ts';
import { type FamilyRequest, planFamilies } from './families.ts';
import type { Holdings } from './holdings.ts';
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
 * answer. Within a family: a preferred address, else the lowest free one of the first source that has one (the highest
 * with `search-order: desc`), else the address that has rested longest.
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
  return exhausted.length > 0
    ? { ok: false, reason: 'PoolExhausted', families: exhausted }
    : { ok: false, reason: 'NoFamily', families: missing };
}

function choose(
  pool: Pool,
  family: Family,
  { service, preferred }: AllocationRequest,
  holdings: Holdings,
): Address | undefined {
  if (pool.dhcp.has(family)) return { family, value: 0n };
  const kept = preferred.find(
    (address) =>
      address.family === family && poolContains(pool, address) && holdings.isAvailableTo(service, address),
  );
  if (kept !== undefined) return kept;
  for (const source of pool.sources) {
    const value =
      pool.order === 'ascending'
        ? lowestFree(source, family, holdings)
        : highestFree(source, family, holdings);
    if (value !== undefined) return { family, value };
  }
  for (const value of holdings.resting(family)) {
    if (poolContains(pool, { family, value })) return { family, value };
  }
  return undefined;
}

function lowestFree(source: PoolSource, family: Family, holdings: Holdings): bigint | undefined {
  const named = source.namedEnds.find((end) => end.family === family && !holdings.isTaken(end))?.value;
  for (const range of source.addresses.ranges(family)) {
    if (named !== undefined && named < range.first) return named;
    const value = lowestFreeIn(range, holdings);
    if (value !== undefined) return named !== undefined && named < value ? named : value;
  }
  return named;
}

function highestFree(source: PoolSource, family: Family, holdings: Holdings): bigint | undefined {
  const named = source.namedEnds.findLast((end) => end.family === family && !holdings.isTaken(end))?.value;
  for (const range of source.addresses.ranges(family).toReversed()) {
    if (named !== undefined && named > range.last) return named;
    const value = highestFreeIn(range, holdings);
    if (value !== undefined) return named !== undefined && named > value ? named : value;
  }
  return named;
}

function lowestFreeIn({ family, first, last }: AddressRange, holdings: Holdings): bigint | undefined {
  let value = holdings.nextFree(family, first);
  while (value <= last && isOctetEnd(family, value)) {
    holdings.stepOver(family, value);
    value = holdings.nextFree(family, value);
  }
  return value <= last ? value : undefined;
}

function highestFreeIn({ family, first, last }: AddressRange, holdings: Holdings): bigint | undefined {
  let value = holdings.previousFree(family, last);
  while (value >= first && isOctetEnd(family, value)) {
    holdings.stepOver(family, value);
    value = holdings.previousFree(family, value);
  }
  return value >= first && value <= lastValueOf(family) ? value : undefined;
}
