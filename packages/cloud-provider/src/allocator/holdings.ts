// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, isUnspecified, sameAddress } from '@fairlead/shared/address/address.ts';
import { AddressBook } from './address-book.ts';
import { CompactMap, hashText } from './compact-map.ts';
import { EXCLUSIVE, type SharingTerms, type Terms, termsList, unitedTerms } from './sharing.ts';
import { betterOf, birthOf, type Standing, Title } from './title.ts';
import type { Direction } from './value-set.ts';

export type { Standing } from './title.ts';

/** An address that a Service mentions, with the best title it has. */
export interface ClaimedAddress extends Address {
  readonly standing: Standing;
}

/** What is known about one Service's addresses. */
export interface Claim {
  /** `namespace/name`. */
  readonly service: string;
  /** Every address the Service mentions, whoever wrote it and wherever it stands; each once. */
  readonly addresses: readonly ClaimedAddress[];
  /** `metadata.creationTimestamp`: the older of two equal claims wins. */
  readonly createdAt: string;
  /** With whom it shares its addresses; absent: with nobody. */
  readonly sharing?: SharingTerms | undefined;
}

/** An address that is, may be, or is going to be written to a Service without having been observed there yet. */
export interface ReservedAddress extends ClaimedAddress {
  /** `metadata.creationTimestamp` of the Service; absent: it counts as the oldest. */
  readonly createdAt?: string | undefined;
  /** Terms of the Service in the state that the write is for; absent: it shares with nobody. */
  readonly sharing?: SharingTerms | undefined;
}

/** What a change of one Service's claims means for the others. */
export interface Handover {
  /** Addresses that nobody claims any more. */
  readonly freed: readonly Address[];
  /** Addresses still held, which others may be able to join now: a sharer left, or one of its ports did. */
  readonly loosened: readonly Address[];
  /** Other Services whose right to an address has changed. */
  readonly affected: readonly string[];
}

/** Options of {@link Holdings}. */
export interface HoldingsOptions {
  /**
   * How long this address, released now, rests before it is handed out again: neighbour caches and clients still point
   * at its old owner. Asked at the moment of the release.
   */
  readonly restOf: (address: Address) => number;
}

/** A Service with a reservation: what it was observed with is kept apart from what is reserved. */
interface Pending {
  observed: readonly Title[];
  reserved: readonly Title[];
}

const NO_HANDOVER: Handover = { freed: [], loosened: [], affected: [] };
const NO_TITLES: readonly Title[] = [];

/**
 * Who holds which address, over all Services of the cluster, kept up to date claim by claim. Several Services may claim
 * one address (users write what they like). The one with the best title holds it, and with it each other that can share
 * with all those before it: better titles first, then Services whose ports are as they were admitted, then the older
 * Service, then the name. The rule looks at the objects alone, so a restart decides the same.
 */
export class Holdings {
  readonly #restOf: (address: Address) => number;
  /** What each Service claims. A lone claim is kept without an array: that is nearly all of them. */
  readonly #titles = new CompactMap<string, Title | readonly Title[]>({ keyOf: serviceOf, hash: hashText });
  readonly #pending = new Map<string, Pending>();
  readonly #books: Readonly<Record<Family, AddressBook>> = { 4: new AddressBook(), 6: new AddressBook() };

  constructor({ restOf }: HoldingsOptions) {
    this.#restOf = restOf;
  }

  /** Number of addresses with a holder. */
  get size(): number {
    return this.#books[4].size + this.#books[6].size;
  }

  /** Takes note of a Service as the API server has it. Replaces what was known, reservation aside. */
  observe({ service, addresses, createdAt, sharing }: Claim, nowMs: number): Handover {
    const born = birthOf(createdAt);
    const terms = termsList(sharing);
    const observed = holdable(addresses).map(
      (address) => new Title(service, address, address.standing, born, terms),
    );
    return this.#observed(service, observed, nowMs);
  }

  /** The Service is gone. What is reserved for it stays reserved. */
  forget(service: string, nowMs: number): Handover {
    return this.#observed(service, NO_TITLES, nowMs);
  }

  /**
   * Counts addresses as held by a Service beside those it was observed with: the caller knows that they are, or may
   * be, written to it. Replaces what was reserved before; an empty list ends the reservation.
   */
  reserve(service: string, addresses: readonly ReservedAddress[], nowMs: number): Handover {
    const reserved = holdable(addresses).map((address) => {
      const born = birthOf(address.createdAt ?? '');
      return new Title(service, address, address.standing, born, termsList(address.sharing));
    });
    const pending = this.#pending.get(service);
    const observed = pending?.observed ?? this.#titlesOf(service);
    if (reserved.length > 0) this.#pending.set(service, { observed, reserved });
    else if (!this.#pending.delete(service)) return NO_HANDOVER;
    // Nobody has seen an address that was only reserved: no cache points at it.
    return this.#replace(service, merge(observed, reserved), nowMs, false);
  }

  /** Addresses reserved for the Service. */
  reservedFor(service: string): readonly Address[] {
    return this.#pending.get(service)?.reserved ?? [];
  }

  /** All Services that hold the address, the best title first. */
  holdersOf({ family, value }: Address): readonly string[] {
    return this.#books[family].holdersOf(value);
  }

  /** The Service that holds the address; of several that share it, the one with the best title. */
  holderOf(address: Address): string | undefined {
    return this.holdersOf(address)[0];
  }

  /**
   * Whether the Service may have this address on these terms: it disturbs nobody whose claim comes first. What is not its
   * own yet it may only take when nobody keeps it who cannot share it.
   */
  isAvailableTo(service: string, address: Address, sharing?: SharingTerms): boolean {
    return isUnspecified(address) || this.rivalOf(service, address, sharing) === undefined;
  }

  /** Another Service whose claim keeps this one, on these terms, from having the address. */
  rivalOf(service: string, address: Address, sharing?: SharingTerms): string | undefined {
    const own = this.#titlesOf(service).find((title) => sameAddress(title, address));
    return this.#books[address.family].rivalOf(address.value, service, own, termsList(sharing));
  }

  /** The nearest address from `from` on that is neither held nor resting; -1 when descending finds none. */
  nextFree(family: Family, from: bigint, direction: Direction): bigint {
    return this.#books[family].nextFree(from, direction);
  }

  /** The nearest held address from `from` on that a Service on these terms may join. */
  nextJoinable(family: Family, terms: Terms, from: bigint, direction: Direction): bigint | undefined {
    return this.#books[family].nextJoinable(terms, from, direction);
  }

  /** Whether the address has a holder or rests. */
  isTaken({ family, value }: Address): boolean {
    return this.#books[family].isTaken(value);
  }

  /**
   * Makes searches step over an address that no pool gives out. So each is met once, not by every search: a full /8 has
   * 131,072 addresses ending in .0 or .255.
   */
  stepOver(family: Family, value: bigint): void {
    this.#books[family].stepOver(value);
  }

  /** Ends the rest of addresses whose time is over. */
  endRests(nowMs: number): void {
    for (const family of [4, 6] as const) this.#books[family].endRests(nowMs);
  }

  /** Resting addresses of a family, in no particular order. */
  resting(family: Family): Iterable<bigint> {
    return this.#books[family].resting.values();
  }

  /** The address that has rested longest of those that `fit`. */
  longestResting(family: Family, fits: (value: bigint) => boolean): bigint | undefined {
    return this.#books[family].resting.longest(fits);
  }

  /** When the first rest ends of those addresses that `fit`. */
  firstRestEndMs(family: Family, fits: (value: bigint) => boolean): number | undefined {
    return this.#books[family].resting.firstEndMs(fits);
  }

  /** Held addresses of a family, in no particular order. */
  held(family: Family): Iterable<bigint> {
    return this.#books[family].held();
  }

  #titlesOf(service: string): readonly Title[] {
    const titles = this.#titles.get(service);
    if (titles === undefined) return NO_TITLES;
    return titles instanceof Title ? [titles] : titles;
  }

  #observed(service: string, observed: readonly Title[], nowMs: number): Handover {
    const pending = this.#pending.get(service);
    if (pending === undefined) return this.#replace(service, observed, nowMs);
    pending.observed = observed;
    return this.#replace(service, merge(observed, pending.reserved), nowMs);
  }

  /** Puts these titles in the place of those the Service has. What is free by that rests, or not. */
  #replace(service: string, wanted: readonly Title[], nowMs: number, rests = true): Handover {
    const before = this.#titlesOf(service);
    if (sameTitles(before, wanted)) return NO_HANDOVER;
    // The books know titles by identity: those that have not changed stay.
    const after = wanted.map((title) => before.find((known) => known.equals(title)) ?? title);
    const [only] = after;
    if (only === undefined) this.#titles.delete(service);
    else this.#titles.set(after.length === 1 ? only : after);
    const changes: Changes = { freed: [], loosened: [], affected: [] };
    for (const title of before) this.#exchange(title, titleTo(title, after), changes);
    for (const title of after) {
      if (titleTo(title, before) === undefined) this.#exchange(undefined, title, changes);
    }
    for (const address of changes.freed) {
      this.#books[address.family].release(address.value, nowMs, rests ? this.#restOf(address) : 0);
    }
    if (changes.affected.length === 0) return changes;
    const affected = new Set(changes.affected);
    affected.delete(service);
    return { ...changes, affected: [...affected] };
  }

  #exchange(before: Title | undefined, after: Title | undefined, changes: Changes): void {
    const title = after ?? before;
    if (before === after || title === undefined) return;
    const address = { family: title.family, value: title.value };
    const { freed, loosened, affected } = this.#books[address.family].exchange(address.value, before, after);
    if (freed) changes.freed.push(address);
    if (loosened) changes.loosened.push(address);
    if (affected.length > 0) changes.affected.push(...affected);
  }
}

/** A {@link Handover} in the making. */
interface Changes {
  readonly freed: Address[];
  readonly loosened: Address[];
  readonly affected: string[];
}

function sameTitles(a: readonly Title[], b: readonly Title[]): boolean {
  return a.length === b.length && a.every((title, i) => b[i]?.equals(title));
}

function serviceOf(titles: Title | readonly Title[]): string {
  const first = titles instanceof Title ? titles : titles[0];
  if (first === undefined) throw new TypeError('a Service without claims is in the index of claims');
  return first.service;
}

/** The title to this address. */
function titleTo(address: Address, titles: readonly Title[]): Title | undefined {
  return titles.find((title) => sameAddress(title, address));
}

/** Those that can be held: everyone may have the DHCP placeholders. */
function holdable<T extends Address>(addresses: readonly T[]): readonly T[] {
  return addresses.filter((address) => !isUnspecified(address));
}

/** One title to each address: what is observed and what is reserved may both be true. */
function merge(observed: readonly Title[], reserved: readonly Title[]): readonly Title[] {
  const all = [...observed];
  for (const title of reserved) {
    const i = all.findIndex((other) => sameAddress(other, title));
    const known = all[i];
    if (known === undefined) all.push(title);
    else if (!known.equals(title)) all[i] = combine(known, title);
  }
  return all;
}

/** A Service that shares in one state of two and not in the other does not share. */
function combine(a: Title, b: Title): Title {
  const terms = a.terms.length === 0 || b.terms.length === 0 ? EXCLUSIVE : unitedTerms(a.terms, b.terms);
  return new Title(a.service, a, betterOf(a.standing, b.standing), a.born, terms);
}
