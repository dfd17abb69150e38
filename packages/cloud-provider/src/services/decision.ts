// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from '@fairlead/shared/address/address.ts';
import type { Reason } from '@fairlead/shared/kubernetes/contract.ts';
import type { Holdings } from '../allocator/holdings.ts';
import type { Pools } from '../pools/pool.ts';
import type { Drain } from './draining.ts';
import type { ClassMode } from './service-state.ts';
import type { Need } from './waiters.ts';

/** What a decision may look at. */
export interface DecisionContext {
  readonly pools: Pools;
  readonly holdings: Holdings;
  readonly mode: ClassMode;
  /** `namespace/name` of the ConfigMap, for messages. */
  readonly configMap: string;
  /** Monotonic. */
  readonly nowMs: number;
  /** Unix time: ends of drains are written into Services. */
  readonly wallMs: number;
}

/** The addresses a Service shall carry. */
export interface Assignment {
  readonly kind: 'assign';
  /** Taken from a pool, or asked for by the user. */
  readonly origin: 'pool' | 'request';
  /** Id of the pool, or `request`; undefined: not known, because the peer served the Service. */
  readonly allocatedFrom: string | undefined;
  /** All that stand in the annotation, host names aside, in its order. */
  readonly addresses: readonly Address[];
  /** Value of the address annotation: the user's own text where the user asked. */
  readonly annotation: string;
  /** `spec.loadBalancerIP` as the user asked for it, when other addresses are added to it from a pool. */
  readonly requested: string | undefined;
  /** Addresses that were replaced and go later. */
  readonly drains: readonly Drain[];
  /** Ports to be remembered as those with which the addresses are shared; undefined: leave what is there. */
  readonly sharedPorts: string | undefined;
  /** What the ConfigMap says about the interface; where the user says otherwise, the user is right. */
  readonly interface: string | undefined;
  /** Families that the Service wants and the pool has, but none of whose addresses is free. */
  readonly exhausted: readonly Family[];
  /** What the Service goes on to wait for. */
  readonly need: Need | undefined;
  /** When an address may become free for `exhausted`; monotonic. */
  readonly coolingUntilMs: number | undefined;
  /** What the user should know; sentences without a full stop. */
  readonly notes: readonly string[];
  /** Addresses that are replaced just now. */
  readonly moves: readonly Move[];
  /** The user has put something into `spec.loadBalancerIP` that is refused: it stays there, and the rest as it was. */
  readonly refusedEdit?: Refusal;
}

/** An address from a pool that a Service loses for another one. */
export interface Move {
  readonly address: Address;
  /** A sentence without a full stop. */
  readonly why: string;
}

/** What is wrong and cannot be put right here; why, as a code and as a sentence. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: Reason;
  readonly message: string;
  /** What the Service waits for. */
  readonly need: Need;
  /** The Service has addresses from a pool that belong to others and have to be taken out of it; says so. */
  readonly withdraw?: string;
  /** When an address may become free; monotonic. */
  readonly coolingUntilMs?: number | undefined;
}

/** What to do about one Service. */
export type Decision =
  /** Not ours. */
  | { readonly kind: 'leave' }
  | Assignment
  | Refusal
  /** Give back what we wrote: the Service is being deleted, or is no LoadBalancer of ours any more. */
  | { readonly kind: 'release'; readonly only: Release };

/**
 * What is given back: all that was written, with the condition; the finalizer, and the condition unless the Service is being
 * deleted; the condition alone.
 */
export type Release = 'everything' | 'finalizer' | 'condition';
