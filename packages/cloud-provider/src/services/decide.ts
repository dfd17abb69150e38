// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  addressOf,
  type Family,
  familyName,
  formatAddress,
  isUnspecified,
  parseAddress,
} from '@fairlead/shared/address/address.ts';
import { ANNOTATION, REASON, type Reason } from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { allocate } from '../allocator/allocate.ts';
import { acceptableFamilies } from '../allocator/families.ts';
import type { Holdings } from '../allocator/holdings.ts';
import { interfaceFor, type Pools, poolFor } from '../pools/pool.ts';
import { explainExhausted, explainNoFamily, explainNoPool } from './explain.ts';
import {
  annotatedAddresses,
  type ClassMode,
  claimOf,
  entriesOf,
  familyRequestOf,
  hasFinalizer,
  isBeingDeleted,
  isLoadBalancer,
  isMarked,
  isOurClass,
  specAddress,
  statusAddresses,
  wantsAddresses,
} from './service-state.ts';

/** What a decision may look at. */
export interface DecisionContext {
  readonly pools: Pools;
  readonly holdings: Holdings;
  readonly mode: ClassMode;
  /** `namespace/name` of the ConfigMap, for messages. */
  readonly configMap: string;
  readonly nowMs: number;
}

/** The addresses a Service shall carry. */
export interface Assignment {
  readonly kind: 'assign';
  /** Taken from a pool, or asked for by the user. */
  readonly origin: 'pool' | 'request';
  readonly addresses: readonly Address[];
  /** Value of the address annotation: the user's own text where the user asked. */
  readonly annotation: string;
  /** Value of the interface annotation when the Service has none. */
  readonly interface: string | undefined;
  /** Families of `PreferDualStack` that the pool has but could not give. */
  readonly exhausted: readonly Family[];
}

/** What is wrong and cannot be put right here; why, as a code and as a sentence. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: Reason;
  readonly message: string;
}

/** What to do about one Service. */
export type Decision =
  /** Not ours. */
  | { readonly kind: 'leave' }
  | Assignment
  | Refusal
  /** Give back what we wrote: the Service is no LoadBalancer any more, or is being deleted. */
  | { readonly kind: 'release'; readonly only: 'finalizer' | 'everything' };

/** Decides about one Service from its state, the pools and who holds what. Pure but for caches in `holdings`. */
export function decide(service: Service, context: DecisionContext): Decision {
  if (!wantsAddresses(service, context.mode)) return decideRelease(service, context.mode);
  const annotated = annotatedAddresses(service);
  if (annotated !== '') return decideRequest(service, ANNOTATION.loadBalancerIPs, annotated, context);
  const inSpec = specAddress(service);
  if (inSpec !== '') return decideRequest(service, 'spec.loadBalancerIP', inSpec, context);
  return decideAllocation(service, context);
}

function decideRelease(service: Service, mode: ClassMode): Decision {
  const ours = isOurClass(service, mode) || (!isLoadBalancer(service) && isMarked(service));
  if (!ours || (!hasFinalizer(service) && !isMarked(service))) return { kind: 'leave' };
  // A Service that goes away keeps its address on view until it is gone; only the finalizer holds it up.
  if (isBeingDeleted(service))
    return hasFinalizer(service) ? { kind: 'release', only: 'finalizer' } : { kind: 'leave' };
  if (isLoadBalancer(service)) return { kind: 'leave' };
  return { kind: 'release', only: isMarked(service) ? 'everything' : 'finalizer' };
}

/** The user, or an earlier sync, named the addresses: they are checked and kept. */
function decideRequest(service: Service, field: string, text: string, context: DecisionContext): Decision {
  const key = keyOf(service);
  const acceptable = acceptableFamilies(familyRequestOf(service));
  // What was accepted once stays: a Service whose families change later is not taken its addresses for it.
  const accepted = claimOf(service).addresses.some(({ standing }) => standing === 'accepted');
  const entries = entriesOf(text);
  const addresses: Address[] = [];
  for (const entry of entries) {
    const address = addressOf(entry);
    if (address === undefined) {
      // The agents resolve host names in the annotation; which address that gives is not ours to manage.
      if (field === ANNOTATION.loadBalancerIPs && looksLikeHostName(entry)) continue;
      return invalid(field, text, entry);
    }
    if (!accepted && !isUnspecified(address) && !acceptable.includes(address.family)) {
      const wanted = acceptable.map(familyName).join();
      return refuse(
        REASON.invalidRequest,
        `${field}=${text}: ${entry} is an ${familyName(address.family)} address; the Service has the family ${wanted} alone`,
      );
    }
    const rival = isUnspecified(address) ? undefined : context.holdings.rivalOf(key, address);
    if (rival !== undefined) {
      return refuse(
        REASON.addressConflict,
        `${field}=${text}: ${entry} belongs to Service ${rival}; expected an address that no other Service holds`,
      );
    }
    addresses.push(address);
  }
  if (entries.length === 0) return invalid(field, text, text);
  return {
    kind: 'assign',
    origin: 'request',
    addresses,
    annotation: text,
    interface: undefined,
    exhausted: [],
  };
}

function decideAllocation(service: Service, context: DecisionContext): Decision {
  const { pools, holdings, configMap, nowMs } = context;
  const namespace = service.metadata?.namespace ?? '';
  const key = keyOf(service);
  const pool = poolFor(pools, namespace);
  if (pool === undefined || (pool.sources.length === 0 && pool.dhcp.size === 0)) {
    return { kind: 'refuse', ...explainNoPool(pools, namespace, configMap) };
  }
  const families = familyRequestOf(service);
  const preferred = [...holdings.reservedFor(key), ...statusAddresses(service)];
  const result = allocate(pool, { service: key, families, preferred }, holdings, nowMs);
  if (!result.ok) {
    const explain = result.reason === 'PoolExhausted' ? explainExhausted : explainNoFamily;
    return { kind: 'refuse', ...explain(pools, pool, result.families, configMap) };
  }
  return {
    kind: 'assign',
    origin: 'pool',
    addresses: result.addresses,
    annotation: result.addresses.map(formatAddress).join(','),
    interface: interfaceFor(pools, namespace),
    exhausted: result.exhausted,
  };
}

/** A name with a dot whose last label is no number: `banana` and `10.0.0.300` are mistakes, `lb.example.org` is not. */
function looksLikeHostName(text: string): boolean {
  return /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);
}

function invalid(field: string, text: string, entry: string): Refusal {
  const result = parseAddress(entry);
  return refuse(
    REASON.invalidRequest,
    `${field}=${text}: ${result.ok ? 'names no address' : result.problem}`,
  );
}

function refuse(reason: Reason, message: string): Refusal {
  return { kind: 'refuse', reason, message };
}
