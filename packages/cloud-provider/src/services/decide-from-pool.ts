// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  type Family,
  familyName,
  formatAddress,
  isUnspecified,
  sameAddress,
} from '@fairlead/shared/address/address.ts';
import { ALLOCATED_ON_REQUEST, ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { type Allocation, allocate } from '../allocator/allocate.ts';
import { type FamilyPlan, planFamilies } from '../allocator/families.ts';
import type { SharingTerms } from '../allocator/sharing.ts';
import { choosePool, type PoolChoice, type PoolSubject } from '../pools/choose-pool.ts';
import { hasFamily, interfaceFor, type Pool, poolContains } from '../pools/pool.ts';
import type { Assignment, DecisionContext, Refusal } from './decide.ts';
import { type Drain, drainsOf } from './draining.ts';
import { explainFailure, explainNoPool, isUsable } from './explain.ts';
import type { Given } from './given.ts';
import { addressesIn, entriesOf, familyRequestOf, statusAddresses } from './service-state.ts';
import { sharedPortsFor, termsOf } from './sharing-terms.ts';
import type { Need } from './waiters.ts';
import { writtenOf } from './written.ts';

/** What the choice of a pool looks at. */
export function subjectOf({ metadata }: Service): PoolSubject {
  return {
    namespace: metadata?.namespace ?? '',
    labels: metadata?.labels ?? {},
    requestedPool: metadata?.annotations?.[ANNOTATION.addressPool],
  };
}

/** The addresses of a Service that left the choice to its pool. */
export function decideFromPool(
  service: Service,
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  const scene = sceneOf(service, undefined, given, context);
  if (given !== undefined) return keepUp(scene, given);
  if (scene.pool === undefined) {
    return noPool(scene);
  }
  const result = allocateFor(scene, scene.pool, familyRequestOf(service));
  if (!result.ok) return refusal(scene, scene.pool, result);
  const { addresses, exhausted } = result;
  return assignment(scene, {
    addresses,
    annotation: addresses.map(formatAddress).join(),
    allocatedFrom: scene.pool.id,
    exhausted,
  });
}

/** An address that the user asked for, and those of the families that it leaves open. */
export function completeFromPool(
  service: Service,
  requested: { readonly address: Address; readonly text: string },
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  const scene = sceneOf(service, requested, given, context);
  if (given !== undefined) return keepUp(scene, given);
  const { plan, pool } = scene;
  const all = [requested.address];
  const missing: Family[] = [];
  let failure: Failure | undefined;
  for (const family of plan.families.filter((each) => each !== requested.address.family)) {
    const result = pool && allocateFor(scene, pool, { policy: 'SingleStack', families: [family] });
    if (result?.ok) all.push(...result.addresses);
    else {
      missing.push(family);
      failure = result;
    }
  }
  if (missing.length > 0 && plan.need === 'all') {
    return pool === undefined || failure === undefined ? noPool(scene) : refusal(scene, pool, failure);
  }
  return assignment(scene, {
    addresses: all,
    // The user's own spelling, so that the spec can stay as it is written.
    annotation: [requested.text, ...all.slice(1).map(formatAddress)].join(),
    allocatedFrom: ALLOCATED_ON_REQUEST,
    exhausted: missing.filter((family) => pool !== undefined && hasFamily(pool, family)),
    coolingUntilMs: failure?.coolingUntilMs,
  });
}

type Failure = Extract<Allocation, { ok: false }>;

/** Everything that the steps of one decision look at. */
interface Scene {
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

function sceneOf(
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
  // A request decides the family of a single-stack Service that names none.
  if (requested !== undefined && request.policy === 'SingleStack') {
    return { families: [requested.family], need: 'all' };
  }
  if (pool !== undefined) return planFamilies(request, pool);
  return { families: [...new Set(has.map(({ family }) => family))], need: 'some' };
}

/** What a Service has, judged one by one: what stays, what has to go, and why. */
interface Judged {
  readonly kept: readonly Address[];
  /** The pool may not give them any more, and says that they are to be replaced. */
  readonly leaving: readonly Address[];
  /** Replaced earlier, and still held on. */
  readonly drains: readonly Drain[];
  /** Services that these addresses belong to instead. */
  readonly rivals: readonly string[];
}

/** Follows families, conflicts and the pool for a Service that has addresses. What need not change stays. */
function keepUp(scene: Scene, given: Given): Assignment | Refusal {
  const { pool, plan } = scene;
  const judged = judge(scene, given);
  const kept = [...judged.kept];
  const fresh: Address[] = [];
  const moved: Address[] = [];
  const drains = [...judged.drains];
  const missing: Family[] = [];
  let failure: Failure | undefined;
  for (const family of plan.families) {
    if (kept.some((address) => address.family === family)) continue;
    const leaving = judged.leaving.filter((address) => address.family === family);
    const result = pool && allocateFor(scene, pool, { policy: 'SingleStack', families: [family] });
    if (result?.ok) {
      fresh.push(...result.addresses);
      moved.push(...leaving);
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
  const same =
    addresses.length === given.addresses.length && addresses.every((one) => includes(given.addresses, one));
  return assignment(scene, {
    addresses: same ? given.addresses : addresses,
    annotation: same ? given.text : addresses.map(formatAddress).join(),
    allocatedFrom: scene.requested === undefined && fresh.length > 0 ? (pool?.id ?? given.from) : given.from,
    exhausted: missing.filter((family) => pool !== undefined && hasFamily(pool, family)),
    coolingUntilMs: failure?.coolingUntilMs,
    drains: draining,
    moved,
    lacking: missing.filter(
      (family) => plan.need === 'all' && !(pool !== undefined && hasFamily(pool, family)),
    ),
  });
}

function judge(scene: Scene, given: Given): Judged {
  const { service, context, key, terms, pool, plan, requested } = scene;
  const known = drainsOf(service).filter(({ address }) => includes(given.addresses, address));
  const kept: Address[] = [];
  const leaving: Address[] = [];
  const rivals: string[] = [];
  const rivalOf = (address: Address) =>
    isUnspecified(address) ? undefined : context.holdings.rivalOf(key, address, terms);
  for (const address of given.addresses) {
    if (known.some((drain) => sameAddress(drain.address, address))) continue;
    const isRequested = requested !== undefined && sameAddress(requested.address, address);
    if (!isRequested && !plan.families.includes(address.family)) continue;
    const rival = isRequested ? undefined : rivalOf(address);
    if (rival !== undefined) rivals.push(rival);
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
  return { kept, leaving, drains, rivals };
}

function gives(pool: Pool, address: Address): boolean {
  return isUnspecified(address) ? pool.dhcp.has(address.family) : poolContains(pool, address);
}

/** What the pool that the addresses came from says about those that it may not give any more. */
function policyOf({ context, pool }: Scene, given: Given) {
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

function allocateFor(
  scene: Scene,
  pool: Pool,
  families: Parameters<typeof allocate>[1]['families'],
): Allocation {
  const { service, context, key, terms, given } = scene;
  const written = addressesIn(entriesOf(writtenOf(service)?.addresses ?? ''));
  const before = given === undefined ? [...written, ...statusAddresses(service)] : [];
  const preferred = [...context.holdings.reservedFor(key), ...before];
  return allocate(
    pool,
    { service: key, families, preferred, sharing: terms },
    context.holdings,
    context.nowMs,
  );
}

function noPool(scene: Scene): Refusal {
  const { context, choice, service } = scene;
  const why = explainNoPool(context, choice, subjectOf(service));
  return { kind: 'refuse', ...why, need: needOf(scene) };
}

function refusal(scene: Scene, pool: Pool, failure: Failure): Refusal {
  const { pools, configMap } = scene.context;
  return {
    kind: 'refuse',
    ...explainFailure(pools, pool, failure, configMap),
    need: needOf(scene),
    coolingUntilMs: failure.coolingUntilMs,
  };
}

/** None of the addresses is its own any more, and there are no others. */
function withdrawal(scene: Scene, { rivals }: Judged, failure: Failure | undefined): Refusal {
  const { pool } = scene;
  const base = pool === undefined || failure === undefined ? noPool(scene) : refusal(scene, pool, failure);
  const others = [...new Set(rivals)].join(' and ');
  return {
    ...base,
    withdraw: others === '' ? 'its address is of no use to it' : `its address belongs to Service ${others}`,
  };
}

/** What a Service without any address waits for: those who need the same of a pool are served in turn. */
function needOf({ service, requested }: Scene): Need {
  const { policy, families } = familyRequestOf(service);
  const beside = requested === undefined ? '' : ` beside ${familyName(requested.address.family)}`;
  return { of: 'pool', what: `${policy} ${families.join()}${beside}` };
}

interface Result {
  readonly addresses: readonly Address[];
  readonly annotation: string;
  readonly allocatedFrom: string | undefined;
  readonly exhausted: readonly Family[];
  readonly coolingUntilMs?: number | undefined;
  readonly drains?: readonly Drain[];
  readonly moved?: readonly Address[];
  /** Families that the Service must have and the pool does not have at all. */
  readonly lacking?: readonly Family[];
}

function assignment(scene: Scene, result: Result): Assignment {
  const { service, context, requested, given } = scene;
  const { addresses, exhausted, lacking = [] } = result;
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
    moved: result.moved ?? [],
  };
}

function includes(list: readonly Address[], address: Address): boolean {
  return list.some((other) => sameAddress(other, address));
}
