// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { ClassRule } from '../config/settings.ts';

/** What decides whether a Service is ours. */
export interface SelectionRule {
  readonly classRule: ClassRule;
  /** Undefined = all namespaces. */
  readonly namespace: string | undefined;
}

/** Whether we serve this Service: type, class, namespace, not ignored, not being deleted. Pure. */
export function isServed(service: Service, rule: SelectionRule): boolean {
  const { metadata, spec } = service;
  if (spec?.type !== 'LoadBalancer' || metadata?.deletionTimestamp !== undefined) return false;
  if (rule.namespace !== undefined && metadata?.namespace !== rule.namespace) return false;
  if (metadata?.annotations?.[ANNOTATION.ignore] === 'true') return false;
  return matchesClass(spec.loadBalancerClass, rule.classRule);
}

/**
 * kube-vip's class rules. Legacy: a Service without a class is taken unless `classOnly`, one with a class when it is
 * ours. Modern: exactly the configured class, or exactly the Services without one when it is empty.
 */
export function matchesClass(serviceClass: string | undefined, rule: ClassRule): boolean {
  const given = serviceClass ?? '';
  if (rule.handling === 'modern') return given === rule.name;
  return given === '' ? !rule.classOnly : given === rule.name;
}
