// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { allocationConditionOf } from '../conditions.ts';

/** Annotations that only users write. */
const USERS: ReadonlySet<string> = new Set([ANNOTATION.addressPool, ANNOTATION.shareAcrossNamespaces]);

/** Everything in a Service that only a cloud provider writes. */
export function tracesOf(service: Service | undefined): readonly string[] {
  const { annotations = {}, labels = {}, finalizers = [] } = service?.metadata ?? {};
  return [
    ...Object.keys(annotations).filter((key) => /^(fairlead|kube-vip)\.io\//.test(key) && !USERS.has(key)),
    ...Object.keys(labels).filter((key) => key === 'implementation'),
    ...finalizers.filter((name) => name.includes('load-balancer')),
    ...(service?.spec?.loadBalancerIP === undefined ? [] : ['spec.loadBalancerIP']),
    ...(service && allocationConditionOf(service) ? ['condition'] : []),
  ];
}
