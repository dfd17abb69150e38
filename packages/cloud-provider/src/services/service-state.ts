// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  addressOf,
  type Family,
  isUnspecified,
  sameAddress,
} from '@fairlead/shared/address/address.ts';
import {
  ANNOTATION,
  IMPLEMENTATION_KUBE_VIP,
  LABEL,
  LOAD_BALANCER_FINALIZER,
} from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { FamilyRequest } from '../allocator/families.ts';
import type { Claim, ClaimedAddress, Standing } from '../allocator/holdings.ts';
import type { PoolSubject } from '../pools/choose-pool.ts';
import { NO_POOLS } from '../pools/parse.ts';
import type { Pools } from '../pools/pool.ts';
import { allocationConditionOf } from './conditions.ts';
import { termsOf } from './sharing-terms.ts';
import { sameAddressList, writtenOf } from './written.ts';

/** Which Services are ours: those without a class, or those of one class. */
export type ClassMode = { readonly kind: 'classless' } | { readonly kind: 'class'; readonly name: string };

/** Whether the Service's `loadBalancerClass` makes it ours, whatever its type. */
export function isOurClass(service: Service, mode: ClassMode): boolean {
  const name = service.spec?.loadBalancerClass;
  return mode.kind === 'class' ? name === mode.name : name === undefined;
}

/** Whether the Service wants addresses from us and is not being deleted. */
export function wantsAddresses(service: Service, mode: ClassMode): boolean {
  return isLoadBalancer(service) && isOurClass(service, mode) && !isBeingDeleted(service);
}

/** `spec.type` is LoadBalancer. */
export function isLoadBalancer(service: Service): boolean {
  return service.spec?.type === 'LoadBalancer';
}

/** `metadata.deletionTimestamp` is set. */
export function isBeingDeleted(service: Service): boolean {
  return service.metadata?.deletionTimestamp !== undefined;
}

/** Carries the label that marks a Service whose address is managed. */
export function isMarked(service: Service): boolean {
  return service.metadata?.labels?.[LABEL.implementation] === IMPLEMENTATION_KUBE_VIP;
}

/** Carries the load balancer finalizer. */
export function hasFinalizer(service: Service): boolean {
  return service.metadata?.finalizers?.includes(LOAD_BALANCER_FINALIZER) ?? false;
}

/** Text of the address annotation, trimmed; '' when absent. */
export function annotatedAddresses(service: Service): string {
  return service.metadata?.annotations?.[ANNOTATION.loadBalancerIPs]?.trim() ?? '';
}

/** Text of `spec.loadBalancerIP`, trimmed; '' when absent. */
export function specAddress(service: Service): string {
  return service.spec?.loadBalancerIP?.trim() ?? '';
}

/** Addresses in the status, in order. */
export function statusAddresses(service: Service): readonly Address[] {
  return addressesIn((service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? ''));
}

/** Entries of a comma list, trimmed, without empty ones. */
export function entriesOf(list: string): readonly string[] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** What the choice of a pool looks at. */
export function subjectOf({ metadata }: Service): PoolSubject {
  return {
    namespace: metadata?.namespace ?? '',
    labels: metadata?.labels ?? {},
    requestedPool: metadata?.annotations?.[ANNOTATION.addressPool],
  };
}

/** What the Service says about IP families. */
export function familyRequestOf(service: Service): FamilyRequest {
  const { ipFamilyPolicy, ipFamilies = [] } = service.spec ?? {};
  const policy =
    ipFamilyPolicy === 'PreferDualStack' || ipFamilyPolicy === 'RequireDualStack'
      ? ipFamilyPolicy
      : 'SingleStack';
  return { policy, families: ipFamilies.map((name): Family => (name === 'IPv6' ? 6 : 4)) };
}

/** Carries anything that the cloud provider writes and has to take away again. */
export function hasTraces(service: Service): boolean {
  return (
    isMarked(service) ||
    hasFinalizer(service) ||
    service.metadata?.annotations?.[ANNOTATION.lastApplied] !== undefined ||
    allocationConditionOf(service) !== undefined
  );
}

/** The pool that its addresses came from, `request`, or undefined: unknown, the peer served it. */
export function allocatedFrom(service: Service): string | undefined {
  return service.metadata?.annotations?.[ANNOTATION.allocatedFrom];
}

/** The addresses of the annotation; host names are left out. */
export function annotatedList(service: Service): readonly Address[] {
  return addressesIn(entriesOf(annotatedAddresses(service)));
}

/**
 * Every address the Service mentions, with its title. Any LoadBalancer Service counts, of whatever class and whoever wrote
 * the address, and so does a Service that was one as long as it carries our label: its address is not given back yet.
 */
export function claimOf(service: Service, pools: Pools = NO_POOLS): Claim {
  const claim = {
    service: keyOf(service),
    createdAt: service.metadata?.creationTimestamp ?? '',
    sharing: termsOf(service, pools),
  };
  if (!isLoadBalancer(service) && !isMarked(service)) return { ...claim, addresses: [] };
  const annotated = annotatedList(service);
  const inSpec = addressesIn([specAddress(service)]);
  const addresses: ClaimedAddress[] = [];
  const add = (list: readonly Address[], standing: Standing) => {
    for (const address of list) {
      if (isUnspecified(address) || addresses.some((known) => sameAddress(known, address))) continue;
      addresses.push({ family: address.family, value: address.value, standing });
    }
  };
  if (isAccepted(service)) add(annotated, 'accepted');
  else if (isMarked(service)) add(keptBy(service, annotated, inSpec), 'kept');
  add(statusAddresses(service), 'serving');
  add(annotated, 'requested');
  add(inSpec, 'requested');
  return { ...claim, addresses };
}

/**
 * Whether a cloud provider accepted what the annotation says: where we wrote it, our record says the same. The peer keeps no
 * record, but writes label, annotation and spec together, so that their agreement shows it.
 */
export function isAccepted(service: Service): boolean {
  if (!isMarked(service)) return false;
  const [first] = annotatedList(service);
  if (first === undefined) return false;
  const written = writtenOf(service);
  if (written !== undefined) return sameAddressList(written.addresses, annotatedAddresses(service));
  const spec = addressOf(specAddress(service));
  return spec !== undefined && sameAddress(first, spec);
}

/** A marked Service whose fields came apart: a user edited one, and may take it back. What was accepted stays its own. */
function keptBy(
  service: Service,
  annotated: readonly Address[],
  inSpec: readonly Address[],
): readonly Address[] {
  const written = writtenOf(service);
  return written === undefined ? [...annotated, ...inSpec] : addressesIn(entriesOf(written.addresses));
}

/** The addresses among these texts. */
export function addressesIn(texts: readonly string[]): readonly Address[] {
  return texts.flatMap((text) => addressOf(text) ?? []);
}
