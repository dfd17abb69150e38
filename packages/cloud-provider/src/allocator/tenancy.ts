// SPDX-License-Identifier: Apache-2.0
import { compatible, sameTerms, type TermsList } from './sharing.ts';
import { Tally } from './tally.ts';
import { byRank, Title } from './title.ts';

const NOBODY: ReadonlyMap<string, string> = new Map();

/**
 * All Services that claim one address, and which of them may have it: the best title first, then each that can share with
 * all those admitted before it. Who that is depends on the claims alone, not on the order in which they came.
 *
 * As long as all of them can share, which is nearly always, nothing has to be sorted: whoever joins or leaves is checked
 * against the {@link Tally}.
 */
export class Tenancy {
  readonly #titles = new Set<Title>();
  /** Of those admitted, and of those who keep the address although they are not: nobody may join against either. */
  #tally = new Tally();
  /** Services that may not have the address, each with another one that is in its way. */
  #blocked = NOBODY;
  /** Services that are not admitted. Others may be blocked too: see {@link Title.isBinding}. */
  #turnedAway: ReadonlySet<Title> = new Set();

  constructor(title?: Title) {
    if (title !== undefined) this.#take(title);
  }

  get size(): number {
    return this.#titles.size;
  }

  /** The claim, when there is only one. */
  get only(): Title | undefined {
    return this.#titles.size === 1 ? this.#titles.values().next().value : undefined;
  }

  /** Services that may not have the address, each with one that is in its way. A new map after each change. */
  get blocked(): ReadonlyMap<string, string> {
    return this.#blocked;
  }

  /** Whether a newcomer on these terms would disturb nobody. */
  admits(terms: TermsList): boolean {
    return this.#tally.admits(terms);
  }

  /** The circles to which the address is open (see {@link Tally.circles}). */
  get circles(): readonly string[] {
    return this.#titles.size === 0 ? [] : this.#tally.circles();
  }

  /** Whether the port is in use. */
  uses(port: string): boolean {
    return this.#tally.uses(port);
  }

  /** Services that may use the address, the best title first. */
  holders(): readonly string[] {
    return [...this.#titles]
      .filter((title) => !this.#turnedAway.has(title))
      .sort(byRank)
      .map(({ service }) => service);
  }

  /** Replaces the claim of one Service. Returns the ports whose use may have changed. */
  exchange(before: Title | undefined, after: Title | undefined): Iterable<string> {
    const touched = [before, after].flatMap((title) => (title?.terms ?? []).flatMap(({ ports }) => ports));
    if (this.#turnedAway.size === 0) {
      if (before !== undefined) this.#drop(before);
      if (after === undefined || this.#tally.admits(after.terms)) {
        if (after !== undefined) this.#take(after);
        return touched;
      }
    } else if (before !== undefined) this.#titles.delete(before);
    if (after !== undefined) this.#titles.add(after);
    const previous = this.#tally;
    ({
      turnedAway: this.#turnedAway,
      blocked: this.#blocked,
      tally: this.#tally,
    } = settle([...this.#titles]));
    return new Set([...touched, ...previous.ports(), ...this.#tally.ports()]);
  }

  /**
   * Another Service whose claim keeps this one from having the address on these terms. `own` is the claim that it has
   * already; without one it comes last.
   */
  rivalOf(service: string, own: Title | undefined, terms: TermsList): string | undefined {
    if (own !== undefined && sameTerms(own.terms, terms)) return this.#blocked.get(service);
    if (this.#turnedAway.size === 0 && this.#admitsInsteadOf(own, terms)) return undefined;
    const [any] = this.#titles;
    if (any === undefined) return undefined;
    const { standing, born } = own ?? { standing: 'requested', born: Number.POSITIVE_INFINITY };
    const subject = new Title(service, any, standing, born, terms);
    const others = [...this.#titles].filter((title) => title !== own);
    return settle([...others, subject]).blocked.get(service);
  }

  #admitsInsteadOf(own: Title | undefined, terms: TermsList): boolean {
    if (own === undefined) return this.#tally.admits(terms);
    this.#tally.remove(own.terms);
    const admitted = this.#tally.admits(terms);
    this.#tally.add(own.terms);
    return admitted;
  }

  #take(title: Title): void {
    this.#titles.add(title);
    this.#tally.add(title.terms);
  }

  #drop(title: Title): void {
    this.#titles.delete(title);
    this.#tally.remove(title.terms);
  }
}

interface Settlement {
  readonly turnedAway: ReadonlySet<Title>;
  readonly blocked: ReadonlyMap<string, string>;
  readonly tally: Tally;
}

/** Admits the best title, then each that goes with all those admitted before it. */
function settle(titles: readonly Title[]): Settlement {
  const tally = new Tally();
  const admitted: Title[] = [];
  const turnedAway: Title[] = [];
  for (const title of titles.toSorted(byRank)) {
    if (tally.admits(title.terms)) {
      tally.add(title.terms);
      admitted.push(title);
    } else turnedAway.push(title);
  }
  const keepers = turnedAway.filter(({ isBinding }) => isBinding);
  for (const { terms } of keepers) tally.add(terms);
  const blocked = new Map<string, string>();
  const block = (title: Title, by: readonly Title[]) => {
    const rival = by.find((other) => !compatible(other.terms, title.terms));
    if (rival !== undefined) blocked.set(title.service, rival.service);
  };
  for (const title of turnedAway) block(title, admitted);
  // What is not accepted yet, one may only take when nobody else keeps it.
  for (const title of admitted) if (title.standing !== 'accepted') block(title, keepers);
  return { turnedAway: new Set(turnedAway), blocked, tally };
}
