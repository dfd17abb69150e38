// SPDX-License-Identifier: Apache-2.0
import { CompactMap, hashValue } from './compact-map.ts';
import { JoinableAddresses } from './joinable.ts';
import type { PortChange } from './port-tree.ts';
import { RestingAddresses } from './resting.ts';
import { compatible, type Terms, type TermsList } from './sharing.ts';
import { Tenancy } from './tenancy.ts';
import type { Title } from './title.ts';
import { type Direction, ValueSet } from './value-set.ts';

/** What became of an address by the change of one Service's claim. */
export interface Outcome {
  /** Nobody claims it any more. */
  readonly freed: boolean;
  /** It is still held, and somebody may be able to join who could not before. */
  readonly loosened: boolean;
  /** Other Services that may have it now and could not before, or the other way round, or have another rival now. */
  readonly affected: readonly string[];
}

const UNCHANGED: Outcome = { freed: false, loosened: false, affected: [] };
const FREED: Outcome = { freed: true, loosened: false, affected: [] };

/** Who claims which address of one family, and which addresses are free, resting, or open to sharers. */
export class AddressBook {
  /** A lone claim is kept as it is: that is nearly all of them. */
  readonly #entries = new CompactMap<bigint, Title | Tenancy>({
    keyOf: ({ value }) => value,
    hash: hashValue,
  });
  /** Held, resting and never-given addresses: what a search for a free one has to step over. */
  readonly #taken = new ValueSet();
  readonly #resting = new RestingAddresses();
  /** Only addresses whose Services share are listed, so that clusters without sharing pay nothing. */
  readonly #joinable = new JoinableAddresses();

  /** Number of addresses with a holder. */
  get size(): number {
    return this.#entries.size;
  }

  /** Held addresses, in no particular order. */
  *held(): Iterable<bigint> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** Released addresses that rest. */
  get resting(): RestingAddresses {
    return this.#resting;
  }

  /** Services that hold the address, the best title first. */
  holdersOf(value: bigint): readonly string[] {
    const entry = this.#entries.get(value);
    if (entry === undefined) return [];
    return entry instanceof Tenancy ? entry.holders() : [entry.service];
  }

  /** Another Service that keeps this one from having the address on these terms; `own` is its present claim. */
  rivalOf(value: bigint, service: string, own: Title | undefined, terms: TermsList): string | undefined {
    const entry = this.#entries.get(value);
    if (entry === undefined || entry === own) return undefined;
    if (entry instanceof Tenancy) return entry.rivalOf(service, own, terms);
    return compatible(entry.terms, terms) ? undefined : entry.service;
  }

  /**
   * Replaces one Service's claim to an address: `before`, after which there may be none, by `after`, before which there may
   * have been none. A freed address stays taken until {@link release}.
   */
  exchange(value: bigint, before: Title | undefined, after: Title | undefined): Outcome {
    const entry = this.#entries.get(value);
    if (entry === undefined) this.#take(value);
    if (entry !== before) return this.#exchangeAmong(value, entry, before, after);
    if (after === undefined) this.#entries.delete(value);
    else this.#entries.set(after);
    const loosened = (before?.isShared || after?.isShared) && this.#relistLone(value, before, after);
    if (loosened) return { freed: false, loosened, affected: [] };
    return after === undefined ? FREED : UNCHANGED;
  }

  /** What nobody claims any more is free at once, or rests. */
  release(value: bigint, nowMs: number, restMs: number): void {
    if (restMs > 0) this.#resting.begin(value, nowMs, restMs);
    else this.#taken.delete(value);
  }

  /** Ends the rest of addresses whose time is over. */
  endRests(nowMs: number): void {
    this.#resting.endRests(nowMs, (value) => this.#taken.delete(value));
  }

  /** The nearest address from `from` on that is neither held nor resting; -1 when descending finds none. */
  nextFree(from: bigint, direction: Direction): bigint {
    return this.#taken.nextAbsent(from, direction);
  }

  /** The nearest held address from `from` on that a Service on these terms may join. */
  nextJoinable(terms: Terms, from: bigint, direction: Direction): bigint | undefined {
    return this.#joinable.next(terms, from, direction);
  }

  /** Whether the address is held or rests. */
  isTaken(value: bigint): boolean {
    return this.#entries.get(value) !== undefined || this.#resting.has(value);
  }

  /** Makes searches for a free address step over this one. */
  stepOver(value: bigint): void {
    this.#taken.add(value);
  }

  /** Replaces one of several claims to an address, or adds a second. */
  #exchangeAmong(
    value: bigint,
    entry: Title | Tenancy | undefined,
    before: Title | undefined,
    after: Title | undefined,
  ): Outcome {
    const tenancy = entry instanceof Tenancy ? entry : new Tenancy(value, entry);
    const { circles, blocked } = tenancy;
    const change = tenancy.exchange(before, after);
    const remaining = tenancy.only ?? tenancy;
    this.#entries.set(remaining);
    this.#joinable.relist(remaining, circles, tenancy.circles, change);
    return {
      freed: false,
      loosened: isLoosened(circles, tenancy.circles, change),
      affected: difference(blocked, tenancy.blocked),
    };
  }

  /** Says whether somebody may be able to join now who could not before. */
  #relistLone(value: bigint, before: Title | undefined, after: Title | undefined): boolean {
    const circles = before?.circles ?? [];
    const open = after?.circles ?? [];
    const change = portChange(before, after);
    this.#joinable.relist(after ?? new Tenancy(value), circles, open, change);
    return before !== undefined && isLoosened(circles, open, change);
  }

  #take(value: bigint): void {
    this.#resting.cancel(value);
    this.#taken.add(value);
  }
}

function portChange(before: Title | undefined, after: Title | undefined): PortChange {
  const [lost, gained] = [before?.ports() ?? [], after?.ports() ?? []];
  return {
    gained: gained.filter((port) => !lost.includes(port)),
    lost: lost.filter((port) => !gained.includes(port)),
  };
}

/** Whether somebody may be able to join now who was not before. */
function isLoosened(before: readonly string[], after: readonly string[], { lost }: PortChange): boolean {
  return after.some((circle) => lost.length > 0 || !before.includes(circle));
}

/** Keys whose value differs, or that only one of the maps has. */
function difference(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly string[] {
  if (a.size === 0 && b.size === 0) return [];
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}
