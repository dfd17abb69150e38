// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { hasFamily, type Pool } from '../pools/pool.ts';

/** `spec.ipFamilyPolicy` and `spec.ipFamilies` of a Service. */
export interface FamilyRequest {
  readonly policy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  /** In the order of the spec; empty when the spec lists none. */
  readonly families: readonly Family[];
}

/** Which families to look for, in the order in which their addresses are written. */
export interface FamilyPlan {
  readonly families: readonly Family[];
  /** `all`: each family must yield an address. `some`: one is enough. */
  readonly need: 'all' | 'some';
}

/** Families that an address asked for by the user may have. */
export function acceptableFamilies({ policy, families }: FamilyRequest): readonly Family[] {
  return policy === 'SingleStack' && families.length > 0 ? families.slice(0, 1) : [4, 6];
}

/**
 * What a Service asks of its pool, as kube-vip-cloud-provider reads it: a single-stack Service gets its first family, or
 * the one the pool has (IPv4 first) when it names none; `PreferDualStack` takes what it can get.
 */
export function planFamilies({ policy, families }: FamilyRequest, pool: Pool): FamilyPlan {
  if (isDhcpOnly(pool)) return { families: [4], need: 'all' };
  const [first] = families;
  if (policy === 'SingleStack') {
    return { families: [first ?? (hasFamily(pool, 4) || !hasFamily(pool, 6) ? 4 : 6)], need: 'all' };
  }
  const both: readonly Family[] = first === 6 ? [6, 4] : [4, 6];
  return { families: both, need: policy === 'RequireDualStack' ? 'all' : 'some' };
}

/** A pool of nothing but `0.0.0.0/32`: every Service gets `0.0.0.0`, whatever families it names. */
function isDhcpOnly(pool: Pool): boolean {
  return pool.dhcp.has(4) && !hasFamily(pool, 6);
}
