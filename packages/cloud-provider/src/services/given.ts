// SPDX-License-Identifier: Apache-2.0
import { type Address, addressOf, sameAddress } from '@fairlead/shared/address/address.ts';
import { ALLOCATED_ON_REQUEST } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import {
  addressesIn,
  allocatedFrom,
  annotatedAddresses,
  entriesOf,
  isAccepted,
  specAddress,
} from './service-state.ts';
import { sameAddressList, writtenOf } from './written.ts';

/** The addresses that a cloud provider gave to a Service and that it still names. */
export interface Given {
  readonly origin: 'pool' | 'request';
  /** Id of the pool they came from; undefined: not known, the peer served it. */
  readonly from: string | undefined;
  /** The annotation, as it stands or, when somebody removed it, as it stood. */
  readonly text: string;
  /** The addresses in it, host names aside. */
  readonly addresses: readonly Address[];
  /** `spec.loadBalancerIP` as asked for, when the rest came from a pool. */
  readonly requested: string | undefined;
}

/** What a Service was given; undefined when it has nothing, or the user has written something else in its place. */
export function givenTo(service: Service): Given | undefined {
  const text = givenText(service);
  if (text === undefined) return undefined;
  const from = allocatedFrom(service);
  return {
    origin: from === ALLOCATED_ON_REQUEST ? 'request' : 'pool',
    from,
    text,
    addresses: addressesIn(entriesOf(text)),
    requested: writtenOf(service)?.requested,
  };
}

/**
 * What the user has put into `spec.loadBalancerIP` in place of the first address given; undefined when nothing. Only our
 * record tells such an edit from one of the annotation, which leads wherever both were edited.
 */
export function editedSpec(service: Service, { addresses }: Given): string | undefined {
  const text = specAddress(service);
  const [first] = addresses;
  if (text === '' || first === undefined) return undefined;
  if (writtenOf(service) === undefined || annotatedAddresses(service) === '') return undefined;
  const address = addressOf(text);
  return address !== undefined && sameAddress(address, first) ? undefined : text;
}

/**
 * The annotation leads. When it is gone and the spec still names the address that was written last, it is put back.
 */
function givenText(service: Service): string | undefined {
  const annotated = annotatedAddresses(service);
  const written = writtenOf(service);
  if (written === undefined) return isAccepted(service) ? annotated : undefined;
  if (annotated !== '') return sameAddressList(written.addresses, annotated) ? annotated : undefined;
  const [first] = addressesIn(entriesOf(written.addresses));
  const spec = addressOf(specAddress(service));
  return first !== undefined && spec !== undefined && sameAddress(first, spec)
    ? written.addresses
    : undefined;
}
