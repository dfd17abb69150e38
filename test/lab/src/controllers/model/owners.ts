// SPDX-License-Identifier: Apache-2.0
import { isTerminating } from './pods.ts';
import { type LabelSelector, matchesSelector } from './selectors.ts';

/** An entry of `metadata.ownerReferences`. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** What owner handling needs to know of any object. */
export interface Owned {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
    readonly deletionTimestamp?: string;
  };
}

/** The owner that manages the object: the reference with `controller: true`. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
}

/** The reference a managing owner puts into what it creates or adopts. */
export function ownerReferenceTo(owner: Owned, apiVersion: string, kind: string) {
  return {
    apiVersion,
    kind,
    name: owner.metadata?.name ?? '',
    uid: owner.metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Objects of one owner, told apart by what has to be done with them. */
export interface Claims<T> {
  /** Managed by the owner and matching its selector. */
  readonly owned: T[];
  /** Nobody's and matching: to be adopted. */
  readonly adopt: T[];
  /** Managed by the owner but no longer matching: to be let go. */
  readonly release: T[];
}

/** Sorts candidates (same namespace) by owner reference and selector. A terminating owner adopts nothing. */
export function claim<T extends Owned>(
  owner: Owned,
  selector: LabelSelector | undefined,
  candidates: Iterable<T>,
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] };
  for (const candidate of candidates) {
    const manager = controllerOf(candidate);
    const matches = matchesSelector(selector, candidate.metadata?.labels);
    if (manager !== undefined) {
      if (manager.uid !== owner.metadata?.uid) continue;
      (matches ? claims.owned : claims.release).push(candidate);
    } else if (matches && !isTerminating(owner) && !isTerminating(candidate)) {
      claims.adopt.push(candidate);
    }
  }
  return claims;
}
