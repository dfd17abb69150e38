// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import type { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import { countOctetEnds, isOctetEnd } from './octet-ends.ts';

/** The pool that serves every namespace without one of its own. */
export const GLOBAL_POOL = 'global';

/** The addresses of one ConfigMap key. */
export interface PoolSource {
  /** ConfigMap key, for example `range-global`. */
  readonly key: string;
  /** Its value as written, for messages. */
  readonly value: string;
  /** Every address the key lists, those ending in .0 and .255 included. */
  readonly addresses: IntervalSet;
  /**
   * IPv4 addresses ending in .0 or .255 that the key names one by one (a single address, a /31, a /32): handed out,
   * unlike all others of that form. Ascending.
   */
  readonly namedEnds: readonly Address[];
}

/** What one scope (a namespace, or `global`) has to give. */
export interface Pool {
  /** Namespace, or {@link GLOBAL_POOL}. */
  readonly scope: string;
  /** In order of preference: the scope's CIDRs, then its ranges (as kube-vip-cloud-provider prefers CIDRs). */
  readonly sources: readonly PoolSource[];
  /** Which end of a source is handed out first. */
  readonly order: 'ascending' | 'descending';
  /** Families whose address the agents get by DHCP: the Service gets `0.0.0.0` or `::` as a placeholder. */
  readonly dhcp: ReadonlySet<Family>;
}

/** Something in the ConfigMap that is wrong, or not what its author may think. */
export interface PoolProblem {
  readonly key: string;
  readonly value: string;
  /** What is wrong and what is expected. */
  readonly problem: string;
  /** An `error` costs addresses, a `notice` does not. */
  readonly severity: 'error' | 'notice';
}

/** Everything the ConfigMap says, parsed once per change. Immutable. */
export interface Pools {
  /** False when there is no ConfigMap. */
  readonly configured: boolean;
  /** By scope. A scope whose keys are all unusable is here too, without sources: it must not fall back to `global`. */
  readonly byScope: ReadonlyMap<string, Pool>;
  /** Value of `interface-<scope>`, by scope. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** In the order of the ConfigMap's keys. */
  readonly problems: readonly PoolProblem[];
}

/** The pool for Services of a namespace: its own, else the global one. */
export function poolFor(pools: Pools, namespace: string): Pool | undefined {
  return pools.byScope.get(namespace) ?? pools.byScope.get(GLOBAL_POOL);
}

/** The interface configured for Services of a namespace: its own, else the global one. */
export function interfaceFor(pools: Pools, namespace: string): string | undefined {
  return pools.interfaces.get(namespace) ?? pools.interfaces.get(GLOBAL_POOL);
}

/** Whether the pool has addresses of this family at all, free or not, DHCP included. */
export function hasFamily(pool: Pool, family: Family): boolean {
  return pool.dhcp.has(family) || pool.sources.some(({ addresses }) => !addresses.isEmpty(family));
}

/** Whether the pool may hand out this address. */
export function poolContains(pool: Pool, address: Address): boolean {
  return pool.sources.some((source) => sourceContains(source, address));
}

/** Whether the source may hand out this address. */
export function sourceContains(source: PoolSource, address: Address): boolean {
  if (!source.addresses.contains(address)) return false;
  return (
    !isOctetEnd(address.family, address.value) || source.namedEnds.some((end) => end.value === address.value)
  );
}

/** Number of addresses of a family that the pool may hand out. Overlapping sources count once. */
export function poolSize(pool: Pool, family: Family): bigint {
  let total = 0n;
  let counted: IntervalSet | undefined;
  const ends = new Set<string>();
  for (const { addresses, namedEnds } of pool.sources) {
    const fresh = counted === undefined ? addresses : addresses.subtract(counted);
    counted = counted === undefined ? addresses : counted.union(addresses);
    total += fresh.size(family);
    for (const range of fresh.ranges(family)) total -= countOctetEnds(range);
    for (const end of namedEnds) if (end.family === family) ends.add(formatAddress(end));
  }
  return total + BigInt(ends.size);
}

/** `range-global=banana: "banana" is not …`: how a problem reads in logs and Events. */
export function formatProblem({ key, value, problem }: PoolProblem): string {
  return `${formatKey({ key, value })}: ${problem}`;
}

/** `range-global=192.0.2.1-192.0.2.9`, long values cut. */
export function formatKey({ key, value }: Pick<PoolProblem, 'key' | 'value'>): string {
  return `${key}=${value.length > 80 ? `${value.slice(0, 77)}...` : value}`;
}
