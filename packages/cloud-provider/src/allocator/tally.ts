// SPDX-License-Identifier: Apache-2.0
import { isLocal, type SharingTerms, type TermsList } from './sharing.ts';

/**
 * What the Services at one address have in common, counted so that one more can be checked against all of them, and
 * one taken away, at a cost that does not depend on how many they are.
 */
export class Tally {
  #exclusive = 0;
  readonly #ports = new Counts();
  readonly #namespaces = new Counts();
  /** Namespaces of those that share with nobody outside them. */
  readonly #closedNamespaces = new Counts();
  readonly #selectors = new Counts();
  /** Selectors of those that share with the same selector alone. */
  readonly #localSelectors = new Counts();
  readonly #interfaces = new Counts();

  /** Takes a Service in. */
  add(list: TermsList): void {
    this.#count(list, 1);
  }

  /** Takes out a Service that was taken in on the same terms. */
  remove(list: TermsList): void {
    this.#count(list, -1);
  }

  /** Whether a Service on these terms may share with all of them: the same as `compatible` with each. */
  admits(list: TermsList): boolean {
    if (this.#exclusive === 0 && this.#ports.size === 0) return true;
    return this.#exclusive === 0 && list.length > 0 && list.every((terms) => this.#admits(terms));
  }

  /** Whether one of them uses the port. */
  uses(port: string): boolean {
    return this.#ports.has(port);
  }

  /** The ports in use. */
  ports(): Iterable<string> {
    return this.#ports.keys();
  }

  /**
   * The circles that the address is open to: it admits a Service exactly when one of these is among the Service's
   * {@link circlesOf} and the ports are free.
   */
  circles(): readonly string[] {
    const interfaceName = this.#interfaces.only;
    if (this.#exclusive > 0 || interfaceName === undefined) return [];
    const selectors = reach(this.#selectors, this.#localSelectors);
    return reach(this.#namespaces, this.#closedNamespaces).flatMap((namespaces) =>
      selectors.map((selector) => circle(interfaceName, namespaces, selector)),
    );
  }

  #admits(terms: SharingTerms): boolean {
    const { namespace, selector } = terms;
    return (
      this.#interfaces.hasOnly(terms.interface) &&
      (terms.acrossNamespaces ? this.#closedNamespaces : this.#namespaces).hasOnly(namespace) &&
      (isLocal(terms) ? this.#selectors : this.#localSelectors).hasOnly(selector) &&
      !terms.ports.some((port) => this.#ports.has(port))
    );
  }

  #count(list: TermsList, by: 1 | -1): void {
    if (list.length === 0) this.#exclusive += by;
    for (const terms of list) {
      this.#namespaces.count(terms.namespace, by);
      if (!terms.acrossNamespaces) this.#closedNamespaces.count(terms.namespace, by);
      this.#selectors.count(terms.selector, by);
      if (isLocal(terms)) this.#localSelectors.count(terms.selector, by);
      this.#interfaces.count(terms.interface, by);
      for (const port of terms.ports) this.#ports.count(port, by);
    }
  }
}

/** The circles in which a Service finds the addresses that it can join, ports aside. */
export function circlesOf(terms: SharingTerms): readonly string[] {
  const selectors = isLocal(terms) ? [`all ${terms.selector}`] : ['open', `closed ${terms.selector}`];
  const namespaces = terms.acrossNamespaces
    ? ['open', `closed ${terms.namespace}`]
    : [`all ${terms.namespace}`];
  return namespaces.flatMap((names) => selectors.map((selector) => circle(terms.interface, names, selector)));
}

/**
 * To whom a trait (namespace, or selector) leaves an address open: to those who insist on the trait that `all` have, and
 * to those who do not insist, when nobody does or they have the trait of those who do (`closed`).
 */
function reach(all: Counts, closed: Counts): readonly string[] {
  const open = closed.size === 0 ? ['open'] : closed.only === undefined ? [] : [`closed ${closed.only}`];
  return all.only === undefined ? open : [...open, `all ${all.only}`];
}

function circle(interfaceName: string, namespaces: string, selector: string): string {
  return `${interfaceName}\n${namespaces}\n${selector}`;
}

/** How often each word was counted. */
class Counts {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  /** The word, when there is exactly one. */
  get only(): string | undefined {
    return this.#counts.size === 1 ? this.#counts.keys().next().value : undefined;
  }

  has(word: string): boolean {
    return this.#counts.has(word);
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Whether no other word than this was counted. */
  hasOnly(word: string): boolean {
    return this.#counts.size === 0 || (this.#counts.size === 1 && this.#counts.has(word));
  }

  count(word: string, by: number): void {
    const count = (this.#counts.get(word) ?? 0) + by;
    if (count === 0) this.#counts.delete(word);
    else this.#counts.set(word, count);
  }
}
