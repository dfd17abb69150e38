// SPDX-License-Identifier: Apache-2.0

/** On what terms a Service shares its addresses with others. */
export interface SharingTerms {
  readonly namespace: string;
  /** It shares with Services of other namespaces that do so too. */
  readonly acrossNamespaces: boolean;
  /** `TCP/80`, sorted. Without ports it shares with nobody: it may get any. */
  readonly ports: readonly string[];
  /** These are the ports that it had when it was admitted to its address. */
  readonly settled: boolean;
  /** Its selector in canonical form when only Services with the same one can share its addresses. */
  readonly localSelector: string | undefined;
  /** Its selector in canonical form. */
  readonly selector: string;
  /** Interface that its addresses are announced on; '' when not given. */
  readonly interface: string;
}

/**
 * Every set of terms that one Service may have at an address: one as a rule, two while a write is under way that was
 * decided on another state than the observed one. None: it shares with nobody.
 */
export type TermsList = readonly SharingTerms[];

/** The Service shares with nobody. */
export const EXCLUSIVE: TermsList = [];

/** The list of these terms alone; terms that let nobody in are as good as none. */
export function termsList(terms: SharingTerms | undefined): TermsList {
  return terms === undefined || terms.ports.length === 0 ? EXCLUSIVE : [terms];
}

/** Whether two Services may have one address. */
export function compatible(a: TermsList, b: TermsList): boolean {
  if (a.length === 0 || b.length === 0) return false;
  return a.every((mine) => b.every((theirs) => maySharePair(mine, theirs)));
}

function maySharePair(a: SharingTerms, b: SharingTerms): boolean {
  if (a.namespace !== b.namespace && !(a.acrossNamespaces && b.acrossNamespaces)) return false;
  if (a.interface !== b.interface) return false;
  if ((isLocal(a) || isLocal(b)) && a.selector !== b.selector) return false;
  return !a.ports.some((port) => b.ports.includes(port));
}

/** Whether it shares with Services of the same selector alone. */
export function isLocal({ localSelector }: SharingTerms): boolean {
  return localSelector !== undefined;
}

/** Whether the lists say the same. */
export function sameTerms(a: TermsList, b: TermsList): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((terms, i) => sameSharing(terms, b[i]));
}

/** Whether the terms say the same. */
export function sameSharing(a: SharingTerms, b: SharingTerms | undefined): boolean {
  if (b === undefined) return false;
  return (
    a.namespace === b.namespace &&
    a.acrossNamespaces === b.acrossNamespaces &&
    a.settled === b.settled &&
    a.localSelector === b.localSelector &&
    a.selector === b.selector &&
    a.interface === b.interface &&
    a.ports.length === b.ports.length &&
    a.ports.every((port, i) => port === b.ports[i])
  );
}
