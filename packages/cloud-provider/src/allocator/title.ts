// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from '@fairlead/shared/address/address.ts';
import { EXCLUSIVE, sameTerms, type TermsList } from './sharing.ts';

/**
 * How good a Service's title to an address is, best first:
 *
 * - `accepted`: a cloud provider wrote it, and annotation and spec agree.
 * - `kept`: it bears our mark, but annotation and spec differ: a user has edited one of them, and until that is dealt with
 *   it keeps both, because the edit may be taken back at any time.
 * - `serving`: an agent put it into the status. Agents serve refused addresses too, so this comes after acceptance.
 * - `requested`: a user wrote it.
 */
export type Standing = 'accepted' | 'kept' | 'serving' | 'requested';

/** Best first. */
export const STANDINGS: readonly Standing[] = ['accepted', 'kept', 'serving', 'requested'];

const STANDING_ORDER: Readonly<Record<Standing, number>> = { accepted: 0, kept: 1, serving: 2, requested: 3 };

/** The better of two. */
export function betterOf(a: Standing, b: Standing): Standing {
  return STANDING_ORDER[a] <= STANDING_ORDER[b] ? a : b;
}

/**
 * One Service's claim to one address. There is one of these per held address, so it is small: a handful of words, no
 * object within it. Immutable.
 */
export class Title implements Address {
  readonly service: string;
  readonly family: Family;
  readonly value: bigint;
  readonly standing: Standing;
  /** See {@link birthOf}. */
  readonly born: number;
  readonly terms: TermsList;

  constructor(
    service: string,
    { family, value }: Address,
    standing: Standing,
    born: number,
    terms: TermsList = EXCLUSIVE,
  ) {
    this.service = service;
    this.family = family;
    this.value = value;
    this.standing = standing;
    this.born = born;
    this.terms = terms;
  }

  /** Holders of such titles keep the address even when they may not have it: nobody new gets it beside them. */
  get isBinding(): boolean {
    return this.standing === 'accepted' || this.standing === 'kept';
  }

  /** Others may share the address with it. */
  get isShared(): boolean {
    return this.terms.length > 0;
  }

  /** The circles that the address is open to while nobody else claims it. */
  get circles(): readonly string[] {
    const [first, ...others] = this.terms;
    if (first === undefined || others.length === 0) return first?.circles ?? [];
    return first.circles.filter((circle) => others.every(({ circles }) => circles.includes(circle)));
  }

  /** Whether it uses the port, on one of its terms. */
  uses(port: string): boolean {
    return this.terms.some(({ ports }) => ports.includes(port));
  }

  /** The ports that it uses, each once. */
  ports(): readonly string[] {
    const [first, ...others] = this.terms;
    if (first === undefined || others.length === 0) return first?.ports ?? [];
    return [...new Set(this.terms.flatMap(({ ports }) => ports))];
  }

  /** Whether it is the same claim on the same terms. */
  equals(other: Title): boolean {
    return (
      this.value === other.value &&
      this.family === other.family &&
      this.standing === other.standing &&
      this.born === other.born &&
      this.service === other.service &&
      sameTerms(this.terms, other.terms)
    );
  }
}

const UNKNOWN_BIRTH = -(2 ** 31);
const EPOCH_MS = Date.UTC(2020, 0, 1);

/**
 * `metadata.creationTimestamp` in seconds since 2020: the API server knows no fractions, and V8 keeps such a number without
 * an object of its own until 2088. A time that cannot be read comes before all others.
 */
export function birthOf(createdAt: string): number {
  const ms = Date.parse(createdAt);
  return Number.isNaN(ms) ? UNKNOWN_BIRTH : Math.floor((ms - EPOCH_MS) / 1000) | 0;
}

/** Sorts the best title to an address first: standing, ports unchanged since admission, age, name. */
export function byRank(a: Title, b: Title): number {
  const standing = STANDING_ORDER[a.standing] - STANDING_ORDER[b.standing];
  if (standing !== 0) return standing;
  const settled = Number(isSettled(b)) - Number(isSettled(a));
  if (settled !== 0) return settled;
  if (a.born !== b.born) return a.born - b.born;
  return a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}

function isSettled({ terms }: Title): boolean {
  return terms.every(({ settled }) => settled);
}
