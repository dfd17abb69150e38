// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { type Address, type Family, isUnspecified, sameAddress } from '@fairlead/shared/address/address.ts';
import type { SharingTerms } from './sharing.ts';
import { ValueSet } from './value-set.ts';

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
  /** Terms of the Service in the state that the write is for; absent: it shares with nobody. */
  readonly sharing?: SharingTerms | undefined;
}

/** What a change of one Service's claims means for the others. */
export interface Handover {
  /** Addresses that nobody claims any more. */
  readonly freed: readonly Address[];
  /** Addresses still held, which others may be able to join now: a sharer left, or one of its ports did. */
  readonly loosened: readonly Address[];
  /** Other Services whose right to an address may have changed. */
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

interface Claimant {
  readonly service: string;
  observed: readonly ClaimedAddress[];
  /** On the server, or perhaps there, or going to be: not observed yet. */
  reserved: readonly ReservedAddress[];
  createdAt: string;
}

const NO_HANDOVER: Handover = { freed: [], loosened: [], affected: [] };

/**
 * Who holds which address, over all Services of the cluster, kept up to date claim by claim. Several Services may claim
 * one address (users write what they like); exactly one of them holds it: the better title, then the older
 * Service, then the name. The rule looks at the objects alone, so a restart decides the same.
 */
export class Holdings {
  readonly #restOf: (address: Address) => number;
  readonly #claimants = new Map<string, Claimant>();
  /** Claimants by address, the holder first. A lone claimant is kept without an array: that is nearly all of them. */
  readonly #byAddress: Readonly<Record<Family, Map<bigint, Claimant | Claimant[]>>> = {
    4: new Map(),
    6: new Map(),
  };
  /** Held, resting and never-given addresses: what a search for a free one has to step over. */
  readonly #taken: Readonly<Record<Family, ValueSet>> = { 4: new ValueSet(), 6: new ValueSet() };
  /** Released addresses, the longest resting first, with the end of their rest. */
  readonly #resting: Readonly<Record<Family, Map<bigint, number>>> = { 4: new Map(), 6: new Map() };

  constructor({ restOf }: HoldingsOptions) {
    this.#restOf = restOf;
  }

  /** Number of addresses with a holder. */
  get size(): number {
    return this.#byAddress[4].size + this.#byAddress[6].size;
  }

  /** Takes note of a Service as the API server has it. Replaces what was known, reservation aside. */
  observe(claim: Claim, nowMs: number): Handover {
    const claimant = this.#claimantOf(claim.service);
    return this.#change(claimant, nowMs, () => {
      claimant.observed = claim.addresses.filter((address) => !isUnspecified(address));
      claimant.createdAt = claim.createdAt;
    });
  }

  /** The Service is gone. What is reserved for it stays reserved. */
  forget(service: string, nowMs: number): Handover {
    const claimant = this.#claimants.get(service);
    if (claimant === undefined) return NO_HANDOVER;
    const handover = this.#change(claimant, nowMs, () => {
      claimant.observed = [];
    });
    this.#dropIfIdle(claimant);
    return handover;
  }

  /**
   * Counts addresses as held by a Service beside those it was observed with: the caller knows that they are, or may
   * be, written to it. Replaces what was reserved before; an empty list ends the reservation.
   */
  reserve(service: string, addresses: readonly ReservedAddress[], nowMs: number): Handover {
    if (addresses.length === 0 && !this.#claimants.has(service)) return NO_HANDOVER;
    const claimant = this.#claimantOf(service);
    const handover = this.#change(claimant, nowMs, () => {
      claimant.reserved = addresses.filter((address) => !isUnspecified(address));
    });
    this.#dropIfIdle(claimant);
    return handover;
  }

  /** Addresses reserved for the Service. */
  reservedFor(service: string): readonly Address[] {
    return this.#claimants.get(service)?.reserved ?? [];
  }

  /** All Services that hold the address, the best title first. */
  holdersOf(address: Address): readonly string[] {
    const holder = this.holderOf(address);
    return holder === undefined ? [] : [holder];
  }

  /** The Service that holds the address; of several that share it, the one with the best title. */
  holderOf(address: Address): string | undefined {
    const entry = this.#byAddress[address.family].get(address.value);
    return (Array.isArray(entry) ? entry[0] : entry)?.service;
  }

  /**
   * Whether the Service may have this address: nobody claims it, or its own claim comes first. What is not its own yet it
   * may only take when nobody else keeps it.
   */
  isAvailableTo(service: string, address: Address, sharing?: SharingTerms): boolean {
    if (isUnspecified(address)) return true;
    return this.rivalOf(service, address, sharing) === undefined;
  }

  /** Another Service whose claim keeps this one, on these terms, from having the address. */
  rivalOf(service: string, address: Address, _sharing?: SharingTerms): string | undefined {
    const entry = this.#byAddress[address.family].get(address.value);
    const [first, ...others] = Array.isArray(entry) ? entry : entry === undefined ? [] : [entry];
    if (first === undefined) return undefined;
    if (first.service !== service) return first.service;
    if (standingOf(first, address) === 'accepted') return undefined;
    return others.find((other) => BINDING.has(standingOf(other, address)))?.service;
  }

  /** Lowest address at or above `from` that is neither held nor resting. Expire resting ones first. */
  nextFree(family: Family, from: bigint): bigint {
    return this.#taken[family].nextAbsent(from);
  }

  /** Highest address at or below `from` that is neither held nor resting; -1 when there is none. */
  previousFree(family: Family, from: bigint): bigint {
    return this.#taken[family].previousAbsent(from);
  }

  /** Whether the address has a holder or rests. */
  isTaken({ family, value }: Address): boolean {
    return this.#byAddress[family].has(value) || this.#resting[family].has(value);
  }

  /**
   * Makes searches step over an address that no pool gives out. So each is met once, not by every search: a full /8 has
   * 131,072 addresses ending in .0 or .255.
   */
  stepOver(family: Family, value: bigint): void {
    this.#taken[family].add(value);
  }

  /** Ends the rest of addresses released long enough ago. */
  endRests(nowMs: number): void {
    for (const family of [4, 6] as const) {
      const resting = this.#resting[family];
      for (const [value, endMs] of resting) {
        if (endMs > nowMs) continue;
        resting.delete(value);
        this.#taken[family].delete(value);
      }
    }
  }

  /** Resting addresses of a family, the longest resting first. */
  resting(family: Family): Iterable<bigint> {
    return this.#resting[family].keys();
  }

  /** Held addresses of a family, in no particular order. */
  held(family: Family): Iterable<bigint> {
    return this.#byAddress[family].keys();
  }

  #claimantOf(service: string): Claimant {
    const known = this.#claimants.get(service);
    if (known !== undefined) return known;
    const claimant: Claimant = { service, observed: [], reserved: [], createdAt: '' };
    this.#claimants.set(service, claimant);
    return claimant;
  }

  #dropIfIdle({ service, observed, reserved }: Claimant): void {
    if (observed.length === 0 && reserved.length === 0) this.#claimants.delete(service);
  }

  /** Takes the claimant out of the index, changes it and puts it back where it now belongs. */
  #change(claimant: Claimant, nowMs: number, update: () => void): Handover {
    const before = claimsOf(claimant);
    const ranksBefore = before.map((address) => rankOf(claimant, address));
    update();
    const after = claimsOf(claimant);
    const ranks = after.map((address) => rankOf(claimant, address));
    if (isDeepStrictEqual([before, ranksBefore], [after, ranks])) return NO_HANDOVER;
    const touched = union(before, after);
    const holdersBefore = touched.map((address) => this.holderOf(address));
    for (const address of before) this.#unlist(address, claimant);
    for (const address of after) this.#enlist(address, claimant);
    const freed: Address[] = [];
    const affected = new Set<string>();
    touched.forEach((address, i) => {
      const holder = this.holderOf(address);
      if (holder === undefined) {
        this.#rest(address, nowMs);
        freed.push(address);
      } else {
        for (const service of [holder, holdersBefore[i]]) if (service !== undefined) affected.add(service);
      }
    });
    affected.delete(claimant.service);
    return { freed, loosened: [], affected: [...affected] };
  }

  #enlist({ family, value }: Address, claimant: Claimant): void {
    const entries = this.#byAddress[family];
    const entry = entries.get(value);
    if (entry === undefined) {
      entries.set(value, claimant);
      this.#resting[family].delete(value);
      this.#taken[family].add(value);
    } else {
      const list = Array.isArray(entry) ? entry : [entry];
      entries.set(value, [...list, claimant].sort(byRank({ family, value })));
    }
  }

  #unlist({ family, value }: Address, claimant: Claimant): void {
    const entries = this.#byAddress[family];
    const entry = entries.get(value);
    const rest = Array.isArray(entry) ? entry.filter((other) => other !== claimant) : [];
    const [only] = rest;
    if (only === undefined) entries.delete(value);
    else entries.set(value, rest.length === 1 ? only : rest);
  }

  #rest({ family, value }: Address, nowMs: number): void {
    const restMs = this.#restOf({ family, value });
    if (restMs > 0) this.#resting[family].set(value, nowMs + restMs);
    else this.#taken[family].delete(value);
  }
}

/** Every address the Service claims, each once. */
function claimsOf({ observed, reserved }: Claimant): readonly Address[] {
  return reserved.length === 0 && observed.length < 2 ? observed : union(observed, reserved);
}

function union(a: readonly Address[], b: readonly Address[]): readonly Address[] {
  const all: Address[] = [];
  for (const address of [...a, ...b]) if (!includes(all, address)) all.push(address);
  return all;
}

function includes(list: readonly Address[], address: Address): boolean {
  return list.some((other) => sameAddress(other, address));
}

const STANDING_ORDER: Readonly<Record<Standing, number>> = { accepted: 0, kept: 1, serving: 2, requested: 3 };
const BINDING: ReadonlySet<Standing> = new Set(['accepted', 'kept']);

/** The best title of the Service to an address that it claims. */
function standingOf({ observed, reserved }: Claimant, address: Address): Standing {
  let best: Standing = 'requested';
  for (const claimed of [...observed, ...reserved]) {
    if (STANDING_ORDER[claimed.standing] < STANDING_ORDER[best] && sameAddress(claimed, address))
      best = claimed.standing;
  }
  return best;
}

/** Sorts the holder of the address first. */
function rankOf(claimant: Claimant, address: Address): string {
  const order = STANDING_ORDER[standingOf(claimant, address)];
  return `${order} ${claimant.createdAt} ${claimant.service}`;
}

function byRank(address: Address): (a: Claimant, b: Claimant) => number {
  return (a, b) => {
    const [left, right] = [rankOf(a, address), rankOf(b, address)];
    return left < right ? -1 : left > right ? 1 : 0;
  };
}
