// SPDX-License-Identifier: Apache-2.0
import { type Family, familyName } from '@fairlead/shared/address/address.ts';
import { REASON, type Reason } from '@fairlead/shared/kubernetes/contract.ts';
import type { Allocation } from '../allocator/allocate.ts';
import type { PoolChoice, PoolSubject } from '../pools/choose-pool.ts';
import {
  formatKey,
  formatProblem,
  GLOBAL_POOL,
  hasFamily,
  type Pool,
  type PoolProblem,
  type Pools,
  poolSize,
} from '../pools/pool.ts';

/** Why there is no address: a stable code, and a sentence that names the key to mend. */
export interface Explanation {
  readonly reason: Reason;
  readonly message: string;
}

/** No pool serves the Service, or one without a usable address. */
export function explainNoPool(
  { pools, configMap }: { readonly pools: Pools; readonly configMap: string },
  choice: PoolChoice,
  { namespace, requestedPool }: PoolSubject,
): Explanation {
  const keys = [`cidr-${namespace}`, `range-${namespace}`, 'cidr-global', 'range-global'];
  const wanted = `one of the keys ${keys.join(', ')}`;
  if (!pools.configured) {
    const message = `ConfigMap ${configMap} does not exist; expected it with ${wanted}`;
    return { reason: REASON.noPool, message };
  }
  if (choice.ok) return explainUnusable(pools, choice.pool, configMap);
  const isMissing = requestedPool === undefined && !pools.byId.has(namespace) && !pools.byId.has(GLOBAL_POOL);
  const message = isMissing
    ? `ConfigMap ${configMap} has no address pool for namespace ${namespace}; expected ${wanted}`
    : `ConfigMap ${configMap}: ${choice.problem}`;
  return { reason: choice.reason, message };
}

/** The pool is there, but its keys yield no address. */
function explainUnusable(pools: Pools, pool: Pool, configMap: string): Explanation {
  const problems = problemsOf(pools, pool.id);
  const what = `ConfigMap ${configMap} has no usable address in ${nameOf(pool)}`;
  if (problems.length === 0) return { reason: REASON.poolEmpty, message: `${what}; expected some` };
  const isEmpty = problems.every(({ value }) => value.replaceAll(',', '').trim() === '');
  return {
    reason: isEmpty ? REASON.poolEmpty : REASON.poolInvalid,
    message: `${what}: ${list(problems)}`,
  };
}

function nameOf({ kind, id }: Pool): string {
  if (kind === 'global') return 'the global pool';
  return kind === 'named' ? id : `the pool of namespace ${id}`;
}

/** Whether the pool has anything to give at all. */
export function isUsable({ sources, dhcp }: Pool): boolean {
  return sources.length > 0 || dhcp.size > 0;
}

/** The pool could not give what the Service needs. */
export function explainFailure(
  pools: Pools,
  pool: Pool,
  failure: Extract<Allocation, { ok: false }>,
  configMap: string,
): Explanation {
  if (failure.reason === 'NoFamily') return explainNoFamily(pools, pool, failure.families, configMap);
  return explainExhausted(pools, pool, failure, configMap);
}

/** The pool has addresses of these families, but none is free. */
function explainExhausted(
  pools: Pools,
  pool: Pool,
  { families }: Extract<Allocation, { ok: false }>,
  configMap: string,
): Explanation {
  // Not what is true at the moment: it would have to be told anew each time.
  const state = pool.cooldownMs === undefined ? 'in use' : 'in use or cooling down';
  const counts = families.map((family) => {
    const size = poolSize(pool, family);
    return `${size === 1n ? `the only ${familyName(family)} address` : `all ${size} ${familyName(family)} addresses`}`;
  });
  const keys = pool.sources
    .filter(({ addresses }) => families.some((family) => !addresses.isEmpty(family)))
    .map(formatKey);
  return {
    reason: REASON.poolExhausted,
    message: `${counts.join(' and ')} of ${keys.join(' and ')} in ConfigMap ${configMap} ${plural(counts)} ${state}; add addresses or release some${also(pools, pool)}`,
  };
}

/** The pool has no address of a family that the Service needs. */
function explainNoFamily(
  pools: Pools,
  pool: Pool,
  families: readonly Family[],
  configMap: string,
): Explanation {
  const missing = families.map(familyName).join(' and ');
  const keys = pool.sources.map(formatKey).join(' and ');
  const has = ([4, 6] as const).filter((family) => hasFamily(pool, family)).map(familyName);
  return {
    reason: REASON.noPool,
    message: `the Service needs ${missing}, but ${keys || `the pool for ${pool.id}`} in ConfigMap ${configMap} has ${has.join(' and ') || 'no'} addresses only${also(pools, pool)}`,
  };
}

/** Errors in the keys of the same pool: perhaps the missing addresses were meant to be there. */
function also(pools: Pools, pool: Pool): string {
  const problems = problemsOf(pools, pool.id);
  return problems.length === 0 ? '' : ` (also: ${list(problems)})`;
}

/** A value may have thousands of bad entries; three show what is wrong. */
const LISTED_PROBLEMS = 3;

function list(problems: readonly PoolProblem[]): string {
  const more = problems.length - LISTED_PROBLEMS;
  const shown = problems.slice(0, LISTED_PROBLEMS).map(formatProblem);
  return [...shown, ...(more > 0 ? [`and ${more} more problems`] : [])].join('; ');
}

function problemsOf(pools: Pools, id: string): readonly PoolProblem[] {
  return pools.problems.filter(({ pool, severity }) => severity === 'error' && pool === id);
}

function plural(counts: readonly string[]): string {
  return counts.length === 1 && counts[0]?.startsWith('the only') ? 'is' : 'are';
}
