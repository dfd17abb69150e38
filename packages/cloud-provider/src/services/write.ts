// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, sameAddress } from '@fairlead/shared/address/address.ts';
import {
  ANNOTATION,
  IMPLEMENTATION_KUBE_VIP,
  LABEL,
  LOAD_BALANCER_FINALIZER,
} from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Assignment } from './decide.ts';
import { annotatedAddresses, hasFinalizer, isMarked, specAddress } from './service-state.ts';

/**
 * The Service as it has to be for this assignment, or undefined when it is so already. Label, annotation, finalizer and
 * `spec.loadBalancerIP` change together, in one PUT, so that no reader ever sees half of it. Everything else stays as
 * read, and so does `resourceVersion`: the write fails when the Service has changed since.
 */
export function withAssignment(service: Service, assignment: Assignment): Service | undefined {
  const [first] = assignment.addresses;
  const spec = specAddress(service);
  const known = addressOf(spec);
  const sameSpec = first === undefined ? true : known !== undefined && sameAddress(known, first);
  const wantsInterface =
    assignment.interface !== undefined &&
    service.metadata?.annotations?.[ANNOTATION.serviceInterface] === undefined;
  const complete =
    isMarked(service) &&
    hasFinalizer(service) &&
    annotatedAddresses(service) === assignment.annotation &&
    sameSpec &&
    service.metadata?.labels?.[LABEL.ipamAddress] === undefined;
  if (complete) return undefined;
  const { [LABEL.ipamAddress]: _old, ...labels } = service.metadata?.labels ?? {};
  return {
    ...service,
    metadata: {
      ...service.metadata,
      labels: { ...labels, [LABEL.implementation]: IMPLEMENTATION_KUBE_VIP },
      annotations: {
        ...service.metadata?.annotations,
        [ANNOTATION.loadBalancerIPs]: assignment.annotation,
        ...(wantsInterface && { [ANNOTATION.serviceInterface]: assignment.interface ?? '' }),
      },
      finalizers: hasFinalizer(service)
        ? (service.metadata?.finalizers ?? [])
        : [...(service.metadata?.finalizers ?? []), LOAD_BALANCER_FINALIZER],
    },
    spec: {
      ...service.spec,
      ...(first !== undefined && !sameSpec && { loadBalancerIP: formatAddress(first) }),
    },
  };
}

/** The Service without the finalizer, and with `everything` without any trace of an address. */
export function withoutAssignment(service: Service, only: 'finalizer' | 'everything'): Service {
  const finalizers = (service.metadata?.finalizers ?? []).filter((name) => name !== LOAD_BALANCER_FINALIZER);
  if (only === 'finalizer') return { ...service, metadata: { ...service.metadata, finalizers } };
  const {
    [LABEL.implementation]: _label,
    [LABEL.ipamAddress]: _old,
    ...labels
  } = service.metadata?.labels ?? {};
  const { [ANNOTATION.loadBalancerIPs]: _addresses, ...annotations } = service.metadata?.annotations ?? {};
  const { loadBalancerIP: _address, ...spec } = service.spec ?? {};
  return { ...service, metadata: { ...service.metadata, labels, annotations, finalizers }, spec };
}
