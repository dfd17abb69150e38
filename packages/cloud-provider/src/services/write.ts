// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress, sameAddress } from '@fairlead/shared/address/address.ts';
import {
  ANNOTATION,
  IMPLEMENTATION_KUBE_VIP,
  LABEL,
  LOAD_BALANCER_FINALIZER,
} from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Assignment, Release } from './decision.ts';
import { formatDrains } from './draining.ts';
import {
  addressesIn,
  allocatedFrom,
  entriesOf,
  hasFinalizer,
  isAccepted,
  isLoadBalancer,
  isMarked,
  specAddress,
} from './service-state.ts';
import { formatWritten, sameAddressList, writtenOf } from './written.ts';

type Annotations = Readonly<Record<string, string>>;

/**
 * The Service as it has to be for this assignment, or undefined when it is so already. Label, annotations, finalizer and
 * `spec.loadBalancerIP` change together, in one PUT, so that no reader ever sees half of it. Everything else stays as
 * read, and so does `resourceVersion`: the write fails when the Service has changed since.
 */
export function withAssignment(service: Service, assignment: Assignment): Service | undefined {
  const [first] = assignment.addresses;
  const known = addressOf(specAddress(service));
  const sameSpec =
    first === undefined ||
    assignment.refusedEdit !== undefined ||
    (known !== undefined && sameAddress(known, first));
  const before = service.metadata?.annotations ?? {};
  const annotations = annotationsFor(service, assignment);
  const complete =
    isMarked(service) &&
    hasFinalizer(service) &&
    sameSpec &&
    service.metadata?.labels?.[LABEL.ipamAddress] === undefined &&
    sameAnnotations(before, annotations);
  if (complete) return undefined;
  const { [LABEL.ipamAddress]: _old, ...labels } = service.metadata?.labels ?? {};
  return {
    ...service,
    metadata: {
      ...service.metadata,
      labels: { ...labels, [LABEL.implementation]: IMPLEMENTATION_KUBE_VIP },
      annotations,
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

/** The Service without what we wrote outside its status, or undefined when there is nothing of it. */
export function withoutAssignment(service: Service, only: Release): Service | undefined {
  if (only === 'condition') return undefined;
  const finalizers = (service.metadata?.finalizers ?? []).filter((name) => name !== LOAD_BALANCER_FINALIZER);
  if (only === 'finalizer') {
    return hasFinalizer(service) ? { ...service, metadata: { ...service.metadata, finalizers } } : undefined;
  }
  const {
    [LABEL.implementation]: _label,
    [LABEL.ipamAddress]: _old,
    ...labels
  } = service.metadata?.labels ?? {};
  return {
    ...service,
    metadata: { ...service.metadata, labels, annotations: withoutOurs(service), finalizers },
    spec: withoutAddress(service),
  };
}

function annotationsFor(service: Service, assignment: Assignment): Annotations {
  const before = service.metadata?.annotations ?? {};
  const link = interfaceOf(service, assignment);
  const drains = formatDrains(assignment.drains);
  const sharedPorts = assignment.sharedPorts ?? before[ANNOTATION.sharedPorts];
  const wanted: Record<string, string | undefined> = {
    ...before,
    [ANNOTATION.loadBalancerIPs]: assignment.annotation,
    [ANNOTATION.serviceInterface]: link.value,
    [ANNOTATION.draining]: drains,
    [ANNOTATION.sharedPorts]: sharedPorts,
  };
  // What the peer served stays as it is, as long as nothing about it has to change.
  const untouched =
    isAccepted(service) && writtenOf(service) === undefined && allocatedFrom(service) === undefined;
  if (untouched && sameAnnotations(before, wanted)) return before;
  return defined({
    ...wanted,
    [ANNOTATION.allocatedFrom]: assignment.allocatedFrom,
    [ANNOTATION.lastApplied]: formatWritten({
      addresses: assignment.annotation,
      requested: assignment.requested,
      interface: link.ours,
      class: service.spec?.loadBalancerClass,
    }),
  });
}

/**
 * The interface follows the ConfigMap as long as the annotation is what was written last; what a user wrote, or removed,
 * stays so. On addresses of the user's choice, and those that the peer gave, it is not ours to write.
 */
function interfaceOf(
  service: Service,
  assignment: Assignment,
): { readonly value: string | undefined; readonly ours: string | undefined } {
  const value = service.metadata?.annotations?.[ANNOTATION.serviceInterface];
  const written = writtenOf(service);
  const follows =
    assignment.origin === 'pool' &&
    (written === undefined ? value === undefined && !isAccepted(service) : value === written.interface);
  return follows
    ? { value: assignment.interface, ours: assignment.interface }
    : { value, ours: written?.interface };
}

function withoutOurs(service: Service): Annotations {
  const {
    [ANNOTATION.loadBalancerIPs]: addresses,
    [ANNOTATION.allocatedFrom]: _from,
    [ANNOTATION.sharedPorts]: _ports,
    [ANNOTATION.draining]: _draining,
    [ANNOTATION.lastApplied]: _written,
    [ANNOTATION.serviceInterface]: link,
    ...rest
  } = service.metadata?.annotations ?? {};
  const written = writtenOf(service);
  const others = isOthers(service, addresses ?? '');
  return {
    ...rest,
    ...(addresses !== undefined && others && { [ANNOTATION.loadBalancerIPs]: addresses }),
    ...(link !== undefined && link !== written?.interface && { [ANNOTATION.serviceInterface]: link }),
  };
}

function withoutAddress(service: Service): NonNullable<Service['spec']> {
  const { loadBalancerIP, ...spec } = service.spec ?? {};
  const others = isOthers(service, loadBalancerIP ?? '');
  return { ...spec, ...(loadBalancerIP !== undefined && others && { loadBalancerIP }) };
}

/**
 * Of a Service that another load balancer serves by now, only what we wrote is taken away. A Service that is no
 * LoadBalancer any more needs no address at all.
 */
function isOthers(service: Service, text: string): boolean {
  const written = writtenOf(service)?.addresses;
  if (!isLoadBalancer(service) || written === undefined) return false;
  if (sameAddressList(written, text)) return false;
  const [first] = addressesIn(entriesOf(written));
  const other = addressOf(text.trim());
  return first === undefined || other === undefined || !sameAddress(first, other);
}

function sameAnnotations(before: Annotations, after: Readonly<Record<string, string | undefined>>): boolean {
  if (annotatedText(before) !== annotatedText(after)) return false;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  keys.delete(ANNOTATION.loadBalancerIPs);
  return [...keys].every((key) => before[key] === after[key]);
}

/** Blanks around the user's text are no reason to write. */
function annotatedText(annotations: Readonly<Record<string, string | undefined>>): string {
  return annotations[ANNOTATION.loadBalancerIPs]?.trim() ?? '';
}

function defined(annotations: Readonly<Record<string, string | undefined>>): Annotations {
  const entries = Object.entries(annotations).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
