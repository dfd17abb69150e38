// SPDX-License-Identifier: Apache-2.0
import type { PortChange } from './port-tree.ts';
import { compatible, sameTerms, type TermsList } from './sharing.ts';
import { Tally } from './tally.ts';
import { byRank, Title } from './title.ts';

const NONE: ReadonlySet<Title> = new Set();
const NOBODY: ReadonlyMap<string, string> = new Map();

/**
 * All Services that claim one address, and which of them may have it: the best title first, then each that can share with
 * all those admitted before it. Who that is depends on the claims alone, not on the order in which they came.
 *
 * As long as all of them can share, which is nearly always, nothing has to be sorted: whoever joins or leaves is checked
 * against the {@link Tally}.
 */
export class Tenancy {
  readonly value: bigint;
  readonly #titles = new Set<Title>();
  /** Of those admitted. */
  #tally = new Tally();
  #turnedAway: ReadonlySet<Title> = NONE;
  /** Services that may not have the address, each with another one that is in its way. */
  #blocked: ReadonlyMap<string, string> = NOBODY;

  constructor(value: bigint, title?: Title) {
    this.value = value;
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

  /** The circles that it is open to (see {@link Terms}): none while somebody keeps it who may not have it. */
  get circles(): readonly string[] {
    for (const { isBinding } of this.#turnedAway) if (isBinding) return [];
    const [any] = this.#admitted();
    return this.#tally.common(any?.terms[0]?.circles ?? []);
  }

  /** Whether the port is in use. */
  uses(port: string): boolean {
    return this.#tally.uses(port);
  }

  /** The ports in use. */
  ports(): Iterable<string> {
    return this.#tally.ports();
  }

  /** Services that may use the address, the best title first. */
  holders(): readonly string[] {
    return [...this.#admitted()].sort(byRank).map(({ service }) => service);
  }

  /** Replaces the claim of one Service. Tells how the ports in use have changed by it. */
  exchange(before: Title | undefined, after: Title | undefined): PortChange {
    const own = [...(before?.ports() ?? []), ...(after?.ports() ?? [])];
    const used = own.filter((port) => this.uses(port));
    if (this.#exchangeSharer(before, after)) return this.#portChange(used, own);
    used.push(...this.ports());
    if (after !== undefined) this.#titles.add(after);
    this.#settle();
    return this.#portChange(used, this.ports());
  }

  /** `used`: before the change; `candidates`: those among which new ones are. */
  #portChange(used: readonly string[], candidates: Iterable<string>): PortChange {
    const before = new Set(used);
    const after = new Set(candidates);
    return {
      gained: [...after].filter((port) => !before.has(port) && this.uses(port)),
      lost: [...before].filter((port) => !this.uses(port)),
    };
  }

  /** Takes out the claim before and, when all can go on sharing, takes in the one after; says whether they can. */
  #exchangeSharer(before: Title | undefined, after: Title | undefined): boolean {
    if (this.#turnedAway.size > 0) {
      if (before !== undefined) this.#titles.delete(before);
      return false;
    }
    if (before !== undefined) this.#drop(before);
    if (after === undefined) return true;
    if (!this.#tally.admits(after.terms)) return false;
    this.#take(after);
    return true;
  }

  /**
   * Another Service whose claim keeps this one from having the address on these terms. `own` is the claim that it has
   * already; without one it comes last.
   */
  rivalOf(service: string, own: Title | undefined, terms: TermsList): string | undefined {
    if (own !== undefined && sameTerms(own.terms, terms)) return this.#blocked.get(service);
    if (this.#turnedAway.size === 0 && this.#admitsInsteadOf(own, terms)) return undefined;
    if (own === undefined) {
      const keepers = [...this.#turnedAway].filter(({ isBinding }) => isBinding);
      const present = [...[...this.#admitted()].sort(byRank), ...keepers.sort(byRank)];
      return present.find((other) => !compatible(other.terms, terms))?.service;
    }
    const subject = new Title(service, own, own.standing, own.born, terms);
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

  *#admitted(): Iterable<Title> {
    for (const title of this.#titles) if (!this.#turnedAway.has(title)) yield title;
  }

  #settle(): void {
    const { tally, turnedAway, blocked } = settle([...this.#titles]);
    this.#tally = tally;
    this.#turnedAway = turnedAway;
    this.#blocked = blocked;
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
