// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION, CONDITION } from './contract.ts';
import type { Condition, Service } from './objects.ts';

/** The field of a Service that names addresses, and what it says. */
export interface AddressRequest {
  readonly field: string;
  /** Trimmed, never empty. */
  readonly text: string;
}

/** What names the Service's addresses: the annotation, else `spec.loadBalancerIP`; undefined when neither does. Pure. */
export function addressRequestOf({ metadata, spec }: Service): AddressRequest | undefined {
  const annotated = metadata?.annotations?.[ANNOTATION.loadBalancerIPs]?.trim() ?? '';
  if (annotated !== '') return { field: ANNOTATION.loadBalancerIPs, text: annotated };
  const inSpec = spec?.loadBalancerIP?.trim() ?? '';
  return inSpec === '' ? undefined : { field: 'spec.loadBalancerIP', text: inSpec };
}

/**
 * How the message of a refusal begins: with what was refused. By this an agent knows whether the condition is about what
 * the Service says now, or about what it said once, when nobody is left to keep the condition up to date (kube-vip's own
 * cloud provider knows no conditions).
 */
export function refusalPrefix({ field, text }: AddressRequest): string {
  return `${field}=${text}: `;
}

/**
 * The condition by which the cloud provider says that this Service must not be served at what it names, when it is about
 * what the Service names now. A condition that refused another text, or that speaks of a Service without addresses which
 * has some by now, is out of date and counts for nothing. Pure.
 */
export function standingRefusal(service: Service): Condition | undefined {
  const condition = service.status?.conditions?.find(({ type }) => type === CONDITION.addressAllocated);
  if (condition?.status !== 'False') return undefined;
  const request = addressRequestOf(service);
  const isCurrent = request === undefined || (condition.message ?? '').startsWith(refusalPrefix(request));
  return isCurrent ? condition : undefined;
}
