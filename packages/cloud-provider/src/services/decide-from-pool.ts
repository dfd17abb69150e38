// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import { ALLOCATED_ON_REQUEST } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Assignment, DecisionContext, Refusal } from './decision.ts';
import type { Given } from './given.ts';
import { keepUp } from './keep-up.ts';
import { allocateFor, allocateOne, assignment, type Failure, noPool, refusal, sceneOf } from './scene.ts';
import { familyRequestOf } from './service-state.ts';

/** The addresses of a Service that left the choice to its pool. */
export function decideFromPool(
  service: Service,
  given: Given | undefined,
  context: DecisionContext,
): Assignment | Refusal {
  const scene = sceneOf(service, undefined, given, context);
  if (given !== undefined) return keepUp(scene, given);
  if (scene.pool === undefined) return noPool(scene);
  const result = allocateFor(scene, scene.pool, familyRequestOf(service));
  if (!result.ok) return refusal(scene, scene.pool, result);
  const { addresses, exhausted } = result;
  return assignment(scene, {
    addresses,
    annotation: addresses.map(formatAddress).join(),
    allocatedFrom: scene.pool.id,
    missing: exhausted,
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
    const result = allocateOne(scene, family);
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
    missing,
    coolingUntilMs: failure?.coolingUntilMs,
  });
}
