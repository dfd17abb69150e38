// SPDX-License-Identifier: Apache-2.0
import { CONDITION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Condition, Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { ServiceProblem } from '../services/problem.ts';

/** What the condition `fairlead.io/AddressAnnounced` shall say. */
export interface AnnouncedWord {
  /** `True`: a node answers for the addresses. */
  readonly status: 'True' | 'False';
  readonly reason: ServiceProblem['reason'];
  readonly message: string;
}

/**
 * The conditions of a Service with this word among them (undefined: without one), or undefined when they are so already.
 * Others' conditions stay; `lastTransitionTime` changes only with `status`. Pure.
 */
export function conditionsWith(
  { status, metadata }: Service,
  word: AnnouncedWord | undefined,
  wallMs: number,
): readonly Condition[] | undefined {
  const present = status?.conditions ?? [];
  const known = present.find(({ type }) => type === CONDITION.addressAnnounced);
  const others = present.filter(({ type }) => type !== CONDITION.addressAnnounced);
  if (word === undefined) return known === undefined ? undefined : others;
  const isSame =
    known?.status === word.status && known.reason === word.reason && known.message === word.message;
  if (isSame) return undefined;
  const isTurned = known?.status !== word.status || known.lastTransitionTime === undefined;
  const condition: Condition = {
    type: CONDITION.addressAnnounced,
    ...word,
    // meta/v1 Time has whole seconds.
    lastTransitionTime: isTurned
      ? new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z')
      : known.lastTransitionTime,
    ...(metadata?.generation === undefined ? {} : { observedGeneration: metadata.generation }),
  };
  return [...others, condition];
}
