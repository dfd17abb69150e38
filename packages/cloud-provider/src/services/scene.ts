// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, familyName } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { type Allocation, allocate } from '../allocator/allocate.ts';
import { type FamilyPlan, type FamilyRequest, planFamilies } from '../allocator/families.ts';
import type { SharingTerms } from '../allocator/sharing.ts';
import { choosePool, type PoolChoice } from '../pools/choose-pool.ts';
import { hasFamily, interfaceFor, type Pool } from '../pools/pool.ts';
import type { Assignment, DecisionContext, Move, Refusal } from './decision.ts';
import type { Drain } from './draining.ts';
import { explainFailure, explainNoPool, isUsable } from './explain.ts';
import type { Given } from './given.ts';
import {
  addressesIn,
  entriesOf,
  familyRequestOf,
  specAddress,
  statusAddresses,
  subjectOf,
} from './service-state.ts';
import { sharedPortsFor, termsOf } from './sharing-terms.ts';
import type { Need } from './waiters.ts';
import { writtenOf } from './written.ts';

/** Why a pool could not give what was asked. */
export type Failure = Extract<Allocation, { ok: false }>;

/** Everything that the steps of one decision look at. */
export interface Scene {
  readonly service: Service;
  readonly context: DecisionContext;
  readonly key: string;
  readonly terms: SharingTerms | undefined;
  readonly choice: PoolChoice;
  /** The pool that serves the Service now, when it has anything to give. */
  readonly pool: Pool | undefined;
  readonly plan: FamilyPlan;
  readonly requested: { readonly address: Address; readonly text: string } | undefined;
  readonly given: Given | undefined;
}

/** Gathers what a decision about this Service looks at. */
export function sceneOf(
  service: Service,
  requested: Scene['requested'],
  given: Given | undefined,
  context: DecisionContext,
): Scene {
  const choice = choosePool(context.pools, subjectOf(service));
  const pool = choice.ok && isUsable(choice.pool) ? choice.pool : undefined;
  return {
    service,
    context,
    key: keyOf(service),
    terms: termsOf(service, context.pools),
    choice,
    pool,
    plan: planOf(service, pool, given?.addresses ?? [], requested?.address),
    requested,
    given,
  };
}

function planOf(
  service: Service,
  pool: Pool | undefined,
  has: readonly Address[],
  requested: Address | undefined,
): FamilyPlan {
  const request = familyRequestOf(service);
  if (requested !== undefined) return planBeside(requested.family, request);
  if (pool !== undefined) return planFamilies(request, pool);
  return { families: [...new Set(has.map(({ family }) => family))], need: 'some' };
}

/** The requested address comes first; a dual-stack Service is given one of the other family. */
function planBeside(family: Family, { policy }: FamilyRequest): FamilyPlan {
  if (policy === 'SingleStack') return { families: [family], need: 'all' };
  return { families: [family, family === 4 ? 6 : 4], need: policy === 'RequireDualStack' ? 'all' : 'some' };
}

/** One address of this family, from the pool that serves the Service; undefined when there is no pool. */
export function allocateOne(scene: Scene, family: Family): Allocation | undefined {
  if (scene.pool === undefined) return undefined;
  const result = allocateFor(scene, scene.pool, { policy: 'SingleStack', families: [family] });
  // A pool that leaves all to DHCP knows one placeholder for both families.
  const fits = !result.ok || result.addresses.every((address) => address.family === family);
  return fits ? result : { ok: false, reason: 'NoFamily', families: [family] };
}

/** What the pool has for these families. */
export function allocateFor(scene: Scene, pool: Pool, families: FamilyRequest): Allocation {
  const { service, context, key, terms, given } = scene;
  // Its own claims, which nobody else may have: what it has or had, what an agent serves for it, what it asks for in vain.
  const written = given?.addresses ?? addressesIn(entriesOf(writtenOf(service)?.addresses ?? ''));
  const asked = addressesIn([specAddress(service)]);
  const preferred = [...context.holdings.reservedFor(key), ...written, ...statusAddresses(service), ...asked];
  return allocate(
    pool,
    { service: key, families, preferred, sharing: terms },
    context.holdings,
    context.nowMs,
  );
}

/** No pool serves the Service. */
export function noPool(scene: Scene): Refusal {
  const { context, choice, service } = scene;
  const why = explainNoPool(context, choice, subjectOf(service));
  return { kind: 'refuse', ...why, need: needOf(scene) };
}

/** The pool could not give what the Service needs. */
export function refusal(scene: Scene, pool: Pool, failure: Failure): Refusal {
  const { pools, configMap } = scene.context;
  return {
    kind: 'refuse',
    ...explainFailure(pools, pool, failure, configMap),
    need: needOf(scene),
    coolingUntilMs: failure.coolingUntilMs,
  };
}

/** What a Service without any address waits for: those who need the same of a pool are served in turn. */
function needOf({ service, requested }: Scene): Need {
  const { policy, families } = familyRequestOf(service);
  const beside = requested === undefined ? '' : ` beside ${familyName(requested.address.family)}`;
  return { of: 'pool', what: `${policy} ${families.join()}${beside}` };
}

/** What has been decided, in short; the rest of an {@link Assignment} follows from the scene. */
export interface Result {
  readonly addresses: readonly Address[];
  readonly annotation: string;
  readonly allocatedFrom: string | undefined;
  /** Families that could not be had. */
  readonly missing: readonly Family[];
  readonly coolingUntilMs?: number | undefined;
  readonly drains?: readonly Drain[];
  readonly moves?: readonly Move[];
}

/** The decision that the Service shall have this. */
export function assignment(scene: Scene, result: Result): Assignment {
  const { service, context, requested, given, pool, plan } = scene;
  const { addresses, missing } = result;
  const exhausted = missing.filter((family) => pool !== undefined && hasFamily(pool, family));
  // Families that it would be nice to have are not missed where there are none.
  const lacking = plan.need === 'all' ? missing.filter((family) => !exhausted.includes(family)) : [];
  const note = (families: readonly Family[], text: string) =>
    families.length === 0 ? [] : [`no ${text}${families.map(familyName).join(' or ')} address in the pool`];
  return {
    kind: 'assign',
    origin: requested === undefined ? 'pool' : 'request',
    allocatedFrom: result.allocatedFrom,
    addresses,
    annotation: result.annotation,
    requested: requested?.text,
    drains: result.drains ?? [],
    sharedPorts: sharedPortsFor(service, addresses, given === undefined, context),
    interface: interfaceFor(context.pools, service.metadata?.namespace ?? ''),
    exhausted,
    need: exhausted.length === 0 ? undefined : { of: 'pool', what: `also ${exhausted.join()}` },
    coolingUntilMs: result.coolingUntilMs,
    notes: [...note(exhausted, 'free '), ...note(lacking, '')],
    moves: result.moves ?? [],
  };
}
