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
 * The same, in the form in which it is compared: two Services may have one address when they are in a common circle and use
 * no common port. And a Service may join several that share an address when it is in a circle that is common to all of
 * them: whoever pairwise have a circle in common have one in common all together.
 */
export interface Terms {
  readonly circles: readonly string[];
  readonly ports: readonly string[];
  readonly settled: boolean;
}

/**
 * Every set of terms that one Service may have at an address: one as a rule, two while a write is under way that was
 * decided on another state than the observed one. None: it shares with nobody.
 */
export type TermsList = readonly Terms[];

/** The Service shares with nobody. */
export const EXCLUSIVE: TermsList = [];

/** The list of these terms alone; terms that let nobody in are as good as none. */
export function termsList(sharing: SharingTerms | undefined): TermsList {
  if (sharing === undefined || sharing.ports.length === 0) return EXCLUSIVE;
  return [{ circles: circlesOf(sharing), ports: sharing.ports, settled: sharing.settled }];
}

/** Whether two Services may have one address. */
export function compatible(a: TermsList, b: TermsList): boolean {
  if (a.length === 0 || b.length === 0) return false;
  return a.every((mine) =>
    b.every((theirs) => overlap(mine.circles, theirs.circles) && !overlap(mine.ports, theirs.ports)),
  );
}

/** Whether the lists say the same. */
export function sameTerms(a: TermsList, b: TermsList): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((terms, i) => isSame(terms, b[i]));
}

/** Both lists without repetition. */
export function unitedTerms(a: TermsList, b: TermsList): TermsList {
  return [...a, ...b.filter((terms) => !a.some((known) => isSame(known, terms)))];
}

function isSame(a: Terms, b: Terms | undefined): boolean {
  return (
    b !== undefined &&
    a.settled === b.settled &&
    sameWords(a.circles, b.circles) &&
    sameWords(a.ports, b.ports)
  );
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((word) => b.includes(word));
}

/**
 * A circle for each combination of those with whom the Service shares its namespace, and those with whom it shares its
 * selector: all who do not insist on their own, unless it does itself, and its own kind. The interface is always the same.
 */
function circlesOf(sharing: SharingTerms): readonly string[] {
  const { interface: name, acrossNamespaces, localSelector, selector } = sharing;
  // The length tells where the interface, which may be any text, ends.
  const own = `=${sharing.namespace} ${name.length} ${name} `;
  const circles = localSelector === undefined ? [`${own}*`, `${own}=${selector}`] : [`${own}=${selector}`];
  return acrossNamespaces
    ? [...circles, ...circles.map((circle) => circle.replace(`=${sharing.namespace}`, '*'))]
    : circles;
}
