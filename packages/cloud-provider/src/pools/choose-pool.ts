// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION, REASON } from '@fairlead/shared/kubernetes/contract.ts';
import { nearestWord } from '@fairlead/shared/runtime/nearest-word.ts';
import { NAMED_PREFIX } from './keys.ts';
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

/**
 * Chooses the pool for addresses that the Service does not name itself: the one it asks for by name, else the first named
 * pool whose selector matches, else the namespace's own, else the global one. There is no second choice: a Service whose
 * pool is full, or closed to it, waits.
 */
export function choosePool(pools: Pools, subject: PoolSubject): PoolChoice {
  const name = subject.requestedPool?.trim() ?? '';
  return name === '' ? chooseAutomatic(pools, subject) : chooseRequested(pools, subject, name);
}

/**
 * The pools in which the Service may name an address of its own choice, whether or not they give addresses by themselves:
 * that of its namespace (or the global one) and every named one, where their selectors match.
 */
export function poolsOpenTo(pools: Pools, subject: PoolSubject): readonly Pool[] {
  const common = commonPool(pools, subject);
  const named = indexOf(pools).named.filter((pool) => serves(pool, subject));
  return common !== undefined && serves(common, subject) ? [common, ...named] : named;
}

function chooseRequested(pools: Pools, subject: PoolSubject, name: string): PoolChoice {
  const asked = `${ANNOTATION.addressPool}=${name}`;
  const pool = namedPool(pools, name);
  if (pool === undefined) {
    const names = indexOf(pools).named.map((known) => known.name);
    const near = nearestWord(name, names.slice(0, MAX_COMPARED));
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    return no(REASON.noPool, `${asked}: there is no pool ${NAMED_PREFIX}${name}; ${known(names)}${hint}`);
  }
  if (serves(pool, subject)) return { ok: true, pool };
  return no(
    REASON.invalidRequest,
    pool.selectorUnreadable
      ? `${asked}: the selector of ${pool.id} cannot be read, so that it serves no Service; mend it`
      : `${asked}: ${pool.id} serves only Services with labels ${pool.selector?.text}; expected such labels, or another pool`,
  );
}

/** The pool of this name; its id is understood, too. */
function namedPool(pools: Pools, name: string): Pool | undefined {
  return [`${NAMED_PREFIX}${name}`, name]
    .map((id) => pools.byId.get(id))
    .find((pool) => pool?.kind === 'named');
}

function known(names: readonly string[]): string {
  if (names.length === 0) return 'there are no named pools';
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return `there are ${names.slice(0, MAX_LISTED).join(', ')}${more}`;
}

function chooseAutomatic(pools: Pools, subject: PoolSubject): PoolChoice {
  const selecting = indexOf(pools).selecting.find((pool) => serves(pool, subject));
  if (selecting !== undefined) return { ok: true, pool: selecting };
  const pool = commonPool(pools, subject);
  if (pool === undefined) {
    return no(REASON.noPool, `there is no address pool for namespace ${subject.namespace}`);
  }
  const about = pool.kind === 'global' ? 'the global pool' : `the pool of namespace ${pool.name}`;
  if (pool.selectorUnreadable) {
    return no(
      REASON.noPool,
      `the selector of ${about} cannot be read, so that it serves no Service; mend it`,
    );
  }
  if (!serves(pool, subject)) {
    return no(REASON.noPool, `${about} serves only Services with labels ${pool.selector?.text}`);
  }
  if (!pool.autoAssign) {
    return no(REASON.noPool, `${about} gives addresses only on request (auto-assign-${pool.id}: "false")`);
  }
  return { ok: true, pool };
}

/**
 * The namespace's own pool, or the global one when it has none or its selector does not match. A typing error in the
 * selector must not send the namespace to the global pool.
 */
function commonPool(pools: Pools, subject: PoolSubject): Pool | undefined {
  const own = pools.byId.get(subject.namespace);
  const globalPool = pools.byId.get(GLOBAL_POOL);
  if (own === undefined || own.kind === 'named') return globalPool;
  if (own.selectorUnreadable || serves(own, subject)) return own;
  return globalPool ?? own;
}

function serves({ selector }: Pool, { labels }: PoolSubject): boolean {
  return selector === undefined || selector.matches(labels);
}

/** Named pools in the order in which they are asked. */
interface NamedPools {
  /** All. */
  readonly named: readonly Pool[];
  /** Those that serve whatever their selector matches. */
  readonly selecting: readonly Pool[];
}

/** Pools never change, and every Service asks. */
const indexes = new WeakMap<Pools, NamedPools>();

function indexOf(pools: Pools): NamedPools {
  const ready = indexes.get(pools);
  if (ready !== undefined) return ready;
  const named = [...pools.byId.values()]
    .filter(({ kind }) => kind === 'named')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const selecting = named.filter(({ autoAssign, selector }) => autoAssign && selector !== undefined);
  const index = { named, selecting };
  indexes.set(pools, index);
  return index;
}

/** Names in one message. */
const MAX_LISTED = 20;
/** Names among which a similar one is looked for. */
const MAX_COMPARED = 500;

function no(reason: typeof REASON.noPool | typeof REASON.invalidRequest, problem: string): PoolChoice {
  return { ok: false, reason, problem };
}
