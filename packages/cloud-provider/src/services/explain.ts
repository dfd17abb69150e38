// SPDX-License-Identifier: Apache-2.0
import { type Family, familyName } from '@fairlead/shared/address/address.ts';
import { REASON, type Reason } from '@fairlead/shared/kubernetes/contract.ts';
import {
  formatKey,
  formatProblem,
  GLOBAL_POOL,
  hasFamily,
  type Pool,
  type Pools,
  poolSize,
} from '../pools/pool.ts';

/** Why there is no address: a stable code, and a sentence that names the key to mend. */
export interface Explanation {
  readonly reason: Reason;
  readonly message: string;
}

/** The namespace has no pool, or one without a usable address. */
export function explainNoPool(pools: Pools, namespace: string, configMap: string): Explanation {
  const keys = [`cidr-${namespace}`, `range-${namespace}`, 'cidr-global', 'range-global'];
  const wanted = `one of the keys ${keys.join(', ')}`;
  if (!pools.configured) {
    return {
      reason: REASON.noPool,
      message: `ConfigMap ${configMap} does not exist; expected it with ${wanted}`,
    };
  }
  const scope = pools.byId.has(namespace) ? namespace : GLOBAL_POOL;
  const problems = problemsOf(pools, scope);
  if (problems.length === 0) {
    const message = `ConfigMap ${configMap} has no address pool for namespace ${namespace}; expected ${wanted}`;
    return { reason: REASON.noPool, message };
  }
  const empty = problems.every(({ value }) => value.replaceAll(',', '').trim() === '');
  return {
    reason: empty ? REASON.poolEmpty : REASON.poolInvalid,
    message: `ConfigMap ${configMap} has no usable address for namespace ${namespace}: ${problems.map(formatProblem).join('; ')}`,
  };
}

/** The pool has addresses of these families, but none is free. */
export function explainExhausted(
  pools: Pools,
  pool: Pool,
  families: readonly Family[],
  configMap: string,
): Explanation {
  const counts = families.map((family) => {
    const size = poolSize(pool, family);
    return `${size === 1n ? `the only ${familyName(family)} address` : `all ${size} ${familyName(family)} addresses`}`;
  });
  const keys = pool.sources
    .filter(({ addresses }) => families.some((family) => !addresses.isEmpty(family)))
    .map(formatKey);
  return {
    reason: REASON.poolExhausted,
    message: `${counts.join(' and ')} of ${keys.join(' and ')} in ConfigMap ${configMap} ${plural(counts)} in use; add addresses or release some${also(pools, pool)}`,
  };
}

/** The pool has no address of a family that the Service needs. */
export function explainNoFamily(
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

/** Errors in the keys of the same scope: perhaps the missing addresses were meant to be there. */
function also(pools: Pools, pool: Pool): string {
  const problems = problemsOf(pools, pool.id);
  return problems.length === 0 ? '' : ` (also: ${problems.map(formatProblem).join('; ')})`;
}

function problemsOf(pools: Pools, scope: string) {
  const keys = [`cidr-${scope}`, `range-${scope}`];
  return pools.problems.filter(({ key, severity }) => severity === 'error' && keys.includes(key));
}

function plural(counts: readonly string[]): string {
  return counts.length === 1 && counts[0]?.startsWith('the only') ? 'is' : 'are';
}
