// SPDX-License-Identifier: Apache-2.0
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';
import { GLOBAL_POOL, type Pool, type Pools } from './pool.ts';

/** What the choice of a pool depends on. */
export interface PoolSubject {
  readonly namespace: string;
  /** Labels of the Service. */
  readonly labels: Readonly<Record<string, string>>;
  /** Value of the annotation `fairlead.io/address-pool`. */
  readonly requestedPool: string | undefined;
}

/** The one pool that serves the Service, or why none does. */
export type PoolChoice =
  | { readonly ok: true; readonly pool: Pool }
  | {
      readonly ok: false;
      readonly reason: typeof REASON.noPool | typeof REASON.invalidRequest;
      /** A sentence for the Service's owner. */
      readonly problem: string;
    };

/** Chooses the pool for addresses that the Service does not name itself. */
export function choosePool(pools: Pools, { namespace }: PoolSubject): PoolChoice {
  const pool = pools.byId.get(namespace) ?? pools.byId.get(GLOBAL_POOL);
  if (pool !== undefined) return { ok: true, pool };
  return { ok: false, reason: REASON.noPool, problem: `no address pool for namespace ${namespace}` };
}

/** The pools in which the Service may name an address of its own choice. */
export function poolsOpenTo(pools: Pools, { namespace }: PoolSubject): readonly Pool[] {
  const own = pools.byId.get(namespace) ?? pools.byId.get(GLOBAL_POOL);
  return own === undefined ? [] : [own];
}
