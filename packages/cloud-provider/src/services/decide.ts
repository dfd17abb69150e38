// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { addressRequestOf, refusalPrefix } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import { ANNOTATION, REASON } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { acceptableFamilies } from '../allocator/families.ts';
import { allocationConditionOf, type ConditionWord } from './conditions.ts';
import { decideFromPool } from './decide-from-pool.ts';
import { decideRequest, decideSpecRequest } from './decide-request.ts';
import type { Assignment, Decision, DecisionContext, Refusal, Release } from './decision.ts';
import { editedSpec, type Given, givenTo } from './given.ts';
import {
  type ClassMode,
  familyRequestOf,
  hasFinalizer,
  isBeingDeleted,
  isLoadBalancer,
  isMarked,
  isOurClass,
  wantsAddresses,
} from './service-state.ts';
import { writtenOf } from './written.ts';

/** Decides about one Service from its state, the pools and who holds what. Pure but for caches in `holdings`. */
export function decide(service: Service, context: DecisionContext): Decision {
  if (!wantsAddresses(service, context.mode)) return decideRelease(service, context.mode);
  const decision = decideAddresses(service, context);
  return decision.kind === 'refuse' ? namingWhatIsRefused(service, decision) : decision;
}

/** What the condition says once the assignment has been written; undefined: nothing is said. */
export function wordOf(
  service: Service,
  { annotation, allocatedFrom, notes }: Assignment,
): ConditionWord | undefined {
  // What the peer served stays as it is, to the letter.
  if (writtenOf(service) === undefined && allocationConditionOf(service) === undefined) return undefined;
  const origin =
    allocatedFrom === undefined || allocatedFrom === 'request'
      ? 'as requested'
      : `from pool ${allocatedFrom}`;
  const message = [`has ${annotation} ${origin}`, ...notes].join('; ');
  return { status: 'True', reason: REASON.allocated, message };
}

function decideAddresses(service: Service, context: DecisionContext): Assignment | Refusal {
  const given = givenTo(service);
  const edited = given === undefined ? undefined : editedSpec(service, given);
  if (edited === undefined) return decideUnedited(service, given, context);
  const asked = decideSpecRequest(service, edited, undefined, context);
  if (asked.kind === 'assign') return asked;
  // Whoever asks for more than can be had does not lose what there is.
  const kept = decideUnedited(service, given, context);
  if (kept.kind === 'refuse') return kept;
  return {
    ...kept,
    refusedEdit: asked,
    notes: [...kept.notes, asked.message],
    need: kept.need ?? asked.need,
    coolingUntilMs: kept.coolingUntilMs ?? asked.coolingUntilMs,
  };
}

function decideUnedited(
  service: Service,
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  if (given?.origin === 'pool') return decideFromPool(service, given, context);
  if (given?.requested !== undefined) {
    return hasFamilyOf(service, given.requested)
      ? decideSpecRequest(service, given.requested, given, context)
      : decideFromPool(service, { ...given, origin: 'pool', from: undefined, requested: undefined }, context);
  }
  const request =
    given === undefined ? addressRequestOf(service) : { field: ANNOTATION.loadBalancerIPs, text: given.text };
  if (request === undefined) return decideFromPool(service, undefined, context);
  return request.field === ANNOTATION.loadBalancerIPs
    ? decideRequest(service, request.text, given, context)
    : decideSpecRequest(service, request.text, undefined, context);
}

/** A Service that gave up the family of the address that it asked for is left with what its pool added to it. */
function hasFamilyOf(service: Service, requested: string): boolean {
  const family = addressOf(requested)?.family;
  return family === undefined || acceptableFamilies(familyRequestOf(service)).includes(family);
}

/** Agents believe a refusal only while it begins with what the Service still says. */
function namingWhatIsRefused(service: Service, refusal: Refusal): Refusal {
  const request = refusal.withdraw !== undefined ? undefined : addressRequestOf(service);
  const prefix = request === undefined ? '' : refusalPrefix(request);
  return refusal.message.startsWith(prefix) ? refusal : { ...refusal, message: prefix + refusal.message };
}

function decideRelease(service: Service, mode: ClassMode): Decision {
  const wrote = isMarked(service) || writtenOf(service) !== undefined;
  const isOurs = isLoadBalancer(service)
    ? isOurClass(service, mode) || isLeftover(service, mode)
    : isOurClass(service, mode) || wrote;
  const hasCondition = allocationConditionOf(service) !== undefined;
  const release = (only: Release): Decision => ({ kind: 'release', only });
  // A Service that goes away keeps its address on view until it is gone; only the finalizer holds it up.
  if (isBeingDeleted(service))
    return isOurs && hasFinalizer(service) ? release('finalizer') : { kind: 'leave' };
  if (isLoadBalancer(service)) return isOurs ? release('everything') : { kind: 'leave' };
  if (wrote) return release('everything');
  if (isOurs && hasFinalizer(service)) return release('finalizer');
  // Nobody says it of a Service that is no LoadBalancer, whatever class it had: the API server drops that with the type.
  return hasCondition ? release('condition') : { kind: 'leave' };
}

/**
 * Written by us, or an instance like us, before the Service took another class. A class cannot change while the type
 * stays, so whoever serves the Service now came later; an instance for that class has its own record.
 */
function isLeftover(service: Service, mode: ClassMode): boolean {
  const written = writtenOf(service);
  const served = mode.kind === 'class' ? mode.name : undefined;
  return written !== undefined && written.class === served && !isOurClass(service, mode);
}
