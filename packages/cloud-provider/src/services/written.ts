// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * What the cloud provider wrote into a Service last. What stands there now and differs is the user's; without this nobody
 * could tell a pool's address from one that the user typed, or a second address that was accepted from one that was not.
 */
export interface Written {
  /** The address annotation. */
  readonly addresses: string;
  /** `spec.loadBalancerIP` as the user asked for it, when the rest of the addresses came from a pool. */
  readonly requested?: string | undefined;
  /** The interface annotation; absent when it was not ours to write. */
  readonly interface?: string | undefined;
  /** `loadBalancerClass` that was served; absent: none. It cannot change while the type stays. */
  readonly class?: string | undefined;
}

/** What was written last; undefined when it was not us, or when somebody spoiled the record. */
export function writtenOf(service: Service): Written | undefined {
  const text = service.metadata?.annotations?.[ANNOTATION.lastApplied];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isWritten(value) ? value : undefined;
  } catch {
    // Not JSON: the Service counts as one that the peer served.
    return undefined;
  }
}

/** The value of the annotation. The same record always gives the same text. */
export function formatWritten({ addresses, requested, interface: link, class: name }: Written): string {
  return JSON.stringify({ addresses, requested, interface: link, class: name });
}

/** Whether two address annotations say the same, however they are spelled. */
export function sameAddressList(a: string, b: string): boolean {
  return a === b || canonicalList(a) === canonicalList(b);
}

function canonicalList(text: string): string {
  const canonical = (entry: string): string => {
    const address = addressOf(entry);
    return address === undefined ? entry : formatAddress(address);
  };
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(canonical)
    .join();
}

function isWritten(value: unknown): value is Written {
  if (typeof value !== 'object' || value === null) return false;
  const { addresses, requested, interface: link, class: name } = value as Record<string, unknown>;
  const isText = (part: unknown) => part === undefined || typeof part === 'string';
  return typeof addresses === 'string' && [requested, link, name].every(isText);
}
