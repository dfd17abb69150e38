// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import type { IntervalSet } from '@fairlead/shared/address/interval-set.ts';
import type { LabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import { countOctetEnds, isOctetEnd } from '@fairlead/shared/pools/octet-ends.ts';
import type { PoolProblem } from '@fairlead/shared/pools/problems.ts';
import type { PoolSource } from '@fairlead/shared/pools/read-source.ts';

export {
  formatKey,
  formatProblem,
  type PoolProblem,
  SEVERITIES,
  type Severity,
} from '@fairlead/shared/pools/problems.ts';
export type { PoolSource } from '@fairlead/shared/pools/read-source.ts';

/** Id and name of the pool that serves every namespace without one of its own. */
export const GLOBAL_POOL = 'global';

/** Whom a pool is for: everybody, one namespace, or those who ask for it by name or match its selector. */
export type PoolKind = 'global' | 'namespace' | 'named';

/** What happens to an address that its pool may not give any more (`on-change-…`). */
export type ChangePolicy =
  /** It stays. */
  | { readonly kind: 'keep' }
  /** It is replaced at once. */
  | { readonly kind: 'move' }
  /** It is replaced, and both are held for this time. */
  | { readonly kind: 'drain'; readonly drainMs: number };

/** What one pool has to give, and to whom. */
export interface Pool {
  readonly kind: PoolKind;
  /** {@link GLOBAL_POOL}, the namespace, or `pool-<name>`: as in annotations, metrics and messages. */
  readonly id: string;
  /** {@link GLOBAL_POOL}, the namespace, or the name of a named pool. */
  readonly name: string;
  /** In order of preference: the CIDRs, then the ranges (as kube-vip-cloud-provider prefers CIDRs). Avoided addresses are not in. */
  readonly sources: readonly PoolSource[];
  /** Which end of a source is handed out first. */
  readonly order: 'ascending' | 'descending';
  /** Families whose address the agents get by DHCP: the Service gets `0.0.0.0` or `::` as a placeholder. */
  readonly dhcp: ReadonlySet<Family>;
  /** Never given out, not on request either: `avoid-<pool>` and `avoid-global` together. */
  readonly avoid: IntervalSet;
  /** Serves only Services with matching labels. undefined: any. */
  readonly selector: LabelSelector | undefined;
  /** The selector cannot be read: the pool serves nobody, and nobody is served by another pool in its place. */
  readonly selectorUnreadable: boolean;
  /** Gives addresses to Services that do not ask for this pool. */
  readonly autoAssign: boolean;
  readonly onChange: ChangePolicy;
  /** Rest of a released address, strictly kept. undefined: the default, which ends when nothing else is free. */
  readonly cooldownMs: number | undefined;
}

/** Everything the ConfigMap says, parsed once per change. Immutable. */
export interface Pools {
  /** False when there is no ConfigMap. */
  readonly configured: boolean;
  /** By {@link Pool.id}. A pool whose keys are all unusable is here too, without sources: it must not fall back to `global`. */
  readonly byId: ReadonlyMap<string, Pool>;
  /** Value of `interface-<namespace|global>`, by namespace. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** Value of `allow-share-<namespace|global>`, by namespace. */
  readonly sharing: ReadonlyMap<string, boolean>;
  /** `avoid-global`: given out by no pool, and to nobody on request. */
  readonly avoidEverywhere: IntervalSet;
  /** What to do with a requested address that lies in no pool open to the Service. */
  readonly requestedOutsidePool: 'allow' | 'deny';
  /** `data-plane: fairlead`: our own, which keeps Services on one address apart also under externalTrafficPolicy Local. */
  readonly ownDataPlane: boolean;
  /** What happens to addresses that the pool of this id may not give any more. Answers also for pools that have gone. */
  onChange(id: string): ChangePolicy;
  /** In the order of the keys, sorted. */
  readonly problems: readonly PoolProblem[];
}

/** Whether Services of a namespace may share addresses: its own word, else the global one, else no. */
export function mayShare(pools: Pools, namespace: string): boolean {
  return pools.sharing.get(namespace) ?? pools.sharing.get(GLOBAL_POOL) ?? false;
}

/** Whether nobody may have the address, not on request either. `pool`: the one whose own list holds too. */
export function isAvoided(pools: Pools, pool: Pool | undefined, address: Address): boolean {
  return pools.avoidEverywhere.contains(address) || (pool?.avoid.contains(address) ?? false);
}

/** The interface configured for Services of a namespace: its own, else the global one. */
export function interfaceFor(pools: Pools, namespace: string): string | undefined {
  return pools.interfaces.get(namespace) ?? pools.interfaces.get(GLOBAL_POOL);
}

/** Whether the pool has addresses of this family at all, free or not, DHCP included. */
export function hasFamily(pool: Pool, family: Family): boolean {
  return pool.dhcp.has(family) || pool.sources.some(({ addresses }) => !addresses.isEmpty(family));
}

/** Whether the pool serves Services that do not ask for it: one with a name does so only by its selector. */
export function givesByItself({ kind, autoAssign, selector, selectorUnreadable }: Pool): boolean {
  return autoAssign && !selectorUnreadable && (kind !== 'named' || selector !== undefined);
}

/** Whether the pool may hand out this address by itself. */
export function poolContains(pool: Pool, address: Address): boolean {
  return pool.sources.some((source) => sourceContains(source, address));
}

/** Whether the address is one of the pool's for someone who asks for it: those ending in .0 and .255 are, avoided ones are not. */
export function poolCovers(pool: Pool, address: Address): boolean {
  return pool.sources.some(({ addresses }) => addresses.contains(address));
}

/** Whether the source may hand out this address by itself. */
export function sourceContains(source: PoolSource, address: Address): boolean {
  if (!source.addresses.contains(address)) return false;
  return !isOctetEnd(address.family, address.value) || includesValue(source.namedEnds, address.value);
}

/** Binary search in ascending addresses of one family. */
function includesValue(ascending: readonly Address[], value: bigint): boolean {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = ascending[middle]?.value ?? value;
    if (found === value) return true;
    if (found < value) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Number of addresses of a family that the pool may hand out. Overlapping sources count once. */
export function poolSize(pool: Pool, family: Family): bigint {
  const known = sizes.get(pool) ?? {};
  sizes.set(pool, known);
  known[family] ??= countAddresses(pool, family);
  return known[family];
}

/** A pool never changes, and a full one is asked for its size for every Service that waits. */
const sizes = new WeakMap<Pool, { [family in Family]?: bigint }>();

function countAddresses(pool: Pool, family: Family): bigint {
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
