// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  type Family,
  formatAddress,
  isUnspecified,
  sameAddress,
} from '@fairlead/shared/address/address.ts';
import { type ChangePolicy, type Pool, poolContains } from '../pools/pool.ts';
import type { Assignment, Move, Refusal } from './decision.ts';
import { type Drain, drainsOf } from './draining.ts';
import type { Given } from './given.ts';
import { allocateOne, assignment, type Failure, noPool, refusal, type Scene } from './scene.ts';

/** What a Service has, judged one by one: what stays, what has to go, and why. */
interface Judged {
  readonly kept: readonly Address[];
  /** The pool may not give them any more, and says that they are to be replaced. */
  readonly leaving: readonly Address[];
  /** Replaced earlier, and still held on. */
  readonly drains: readonly Drain[];
  /** Replaced earlier, held on until now. */
  readonly wereDraining: readonly Address[];
  /** They belong to others. */
  readonly lost: readonly { readonly address: Address; readonly rival: string }[];
}

/** Follows families, conflicts and the pool for a Service that has addresses. What need not change stays. */
export function keepUp(scene: Scene, given: Given): Assignment | Refusal {
  const { plan } = scene;
  const judged = judge(scene, given);
  const kept = [...judged.kept];
  const fresh: Address[] = [];
  const moves: Move[] = [];
  const drains = [...judged.drains];
  const missing: Family[] = [];
  let failure: Failure | undefined;
  for (const family of plan.families) {
    if (kept.some((address) => address.family === family)) continue;
    const leaving = judged.leaving.filter((address) => address.family === family);
    const result = allocateOne(scene, family);
    if (result?.ok) {
      fresh.push(...result.addresses);
      moves.push(...movesOf(judged, leaving, family));
      drains.push(...drainsFrom(scene, given, leaving));
    } else {
      failure = result ?? failure;
      missing.push(family);
      // Until there is something better.
      kept.push(...leaving);
    }
  }
  const main = inOrder(scene, [...kept, ...fresh]);
  if (main.length === 0) return withdrawal(scene, judged, failure);
  const draining = drains.filter(({ address }) => !includes(main, address));
  const addresses = [...main, ...draining.map(({ address }) => address)];
  const wasDraining = (address: Address) => includes(judged.wereDraining, address);
  const same =
    sameSet(
      main,
      given.addresses.filter((address) => !wasDraining(address)),
    ) && sameSet(addresses.slice(main.length), judged.wereDraining);
  return assignment(scene, {
    addresses: same ? given.addresses : addresses,
    annotation: same ? given.text : addresses.map(formatAddress).join(),
    allocatedFrom: originAfter(scene, given, same, fresh.length > 0),
    missing,
    coolingUntilMs: failure?.coolingUntilMs,
    drains: draining,
    moves,
  });
}

/** What has not changed came from where it came; nobody needs to know it of what the peer gave. */
function originAfter({ pool, requested }: Scene, { from }: Given, same: boolean, isFresh: boolean) {
  if (requested !== undefined || same) return from;
  return isFresh ? (pool?.id ?? from) : (from ?? pool?.id);
}

function judge(scene: Scene, given: Given): Judged {
  const { service, context, key, terms, pool, plan, requested } = scene;
  const known = drainsOf(service).filter(({ address }) => includes(given.addresses, address));
  const kept: Address[] = [];
  const leaving: Address[] = [];
  const lost: { readonly address: Address; readonly rival: string }[] = [];
  const rivalOf = (address: Address) =>
    isUnspecified(address) ? undefined : context.holdings.rivalOf(key, address, terms);
  for (const address of given.addresses) {
    if (known.some((drain) => sameAddress(drain.address, address))) continue;
    const isRequested = requested !== undefined && sameAddress(requested.address, address);
    if (!isRequested && !plan.families.includes(address.family)) continue;
    const rival = isRequested ? undefined : rivalOf(address);
    if (rival !== undefined) lost.push({ address, rival });
    else if (
      isRequested ||
      pool === undefined ||
      gives(pool, address) ||
      policyOf(scene, given).kind === 'keep'
    )
      kept.push(address);
    else leaving.push(address);
  }
  const drains = known.filter(
    ({ address, untilMs }) =>
      untilMs > context.wallMs && plan.families.includes(address.family) && rivalOf(address) === undefined,
  );
  return { kept, leaving, drains, wereDraining: known.map(({ address }) => address), lost };
}

function movesOf({ lost }: Judged, leaving: readonly Address[], family: Family): readonly Move[] {
  return [
    ...leaving.map((address) => ({ address, why: 'its pool may not give it any more' })),
    ...lost
      .filter(({ address }) => address.family === family)
      .map(({ address, rival }) => ({ address, why: `it belongs to Service ${rival}` })),
  ];
}

function gives(pool: Pool, address: Address): boolean {
  return isUnspecified(address) ? pool.dhcp.has(address.family) : poolContains(pool, address);
}

/** What the pool that the addresses came from says about those that it may not give any more. */
function policyOf({ context, pool }: Scene, given: Given): ChangePolicy {
  const from = given.origin === 'pool' ? given.from : undefined;
  return context.pools.onChange(from ?? pool?.id ?? '');
}

function drainsFrom(scene: Scene, given: Given, leaving: readonly Address[]): readonly Drain[] {
  const policy = policyOf(scene, given);
  if (policy.kind !== 'drain') return [];
  // Whole seconds, as the annotation has them: what is written is what is read again.
  const untilMs = Math.ceil((scene.context.wallMs + policy.drainMs) / 1_000) * 1_000;
  return leaving.map((address) => ({ address, untilMs }));
}

/** The requested address first, then the families as the Service orders them. */
function inOrder({ plan, requested }: Scene, addresses: readonly Address[]): readonly Address[] {
  const rank = (address: Address) =>
    requested !== undefined && sameAddress(requested.address, address)
      ? -1
      : plan.families.indexOf(address.family);
  return [...addresses].sort((a, b) => rank(a) - rank(b));
}

/** None of the addresses is its own any more, and there are no others. */
function withdrawal(scene: Scene, { lost }: Judged, failure: Failure | undefined): Refusal {
  const { pool } = scene;
  const base = pool === undefined || failure === undefined ? noPool(scene) : refusal(scene, pool, failure);
  const others = [...new Set(lost.map(({ rival }) => rival))].join(' and ');
  return {
    ...base,
    withdraw: others === '' ? 'its address is of no use to it' : `its address belongs to Service ${others}`,
  };
}

function sameSet(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address) => includes(b, address));
}

function includes(list: readonly Address[], address: Address): boolean {
  return list.some((other) => sameAddress(other, address));
}
