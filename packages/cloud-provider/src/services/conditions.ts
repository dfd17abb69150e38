// SPDX-License-Identifier: Apache-2.0
import { CONDITION, type Reason } from '@fairlead/shared/kubernetes/contract.ts';
import type { Condition, Service } from '@fairlead/shared/kubernetes/objects.ts';

/** What the condition `fairlead.io/AddressAllocated` shall say. */
export interface ConditionWord {
  /** `True`: the Service has its addresses. `False`: nobody may answer for what it names. */
  readonly status: 'True' | 'False';
  readonly reason: Reason;
  readonly message: string;
}

/** The cloud provider's condition of a Service. */
export function allocationConditionOf({ status }: Service): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === CONDITION.addressAllocated);
}

/**
 * The Service with the condition saying this, or undefined when it says so already. All else of the status stays as
 * read: the agent's addresses and others' conditions. `lastTransitionTime` changes only with `status`.
 */
export function withCondition(service: Service, word: ConditionWord, wallMs: number): Service | undefined {
  const known = allocationConditionOf(service);
  const generation = service.metadata?.generation;
  const same =
    known !== undefined &&
    known.status === word.status &&
    known.reason === word.reason &&
    known.message === word.message &&
    (generation === undefined || known.observedGeneration === generation);
  if (same) return undefined;
  const turned = known?.status !== word.status || known.lastTransitionTime === undefined;
  const condition: Condition = {
    type: CONDITION.addressAllocated,
    status: word.status,
    reason: word.reason,
    message: word.message,
    lastTransitionTime: turned ? isoSeconds(wallMs) : known.lastTransitionTime,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return withConditions(service, [...othersOf(service), condition]);
}

/** The Service without the condition, or undefined when it has none. */
export function withoutCondition(service: Service): Service | undefined {
  return allocationConditionOf(service) && withConditions(service, othersOf(service));
}

function othersOf({ status }: Service): readonly Condition[] {
  return (status?.conditions ?? []).filter(({ type }) => type !== CONDITION.addressAllocated);
}

function withConditions(service: Service, conditions: readonly Condition[]): Service {
  return { ...service, status: { ...service.status, conditions } };
}

/** meta/v1 Time has whole seconds. */
function isoSeconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
