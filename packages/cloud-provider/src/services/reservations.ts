// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Claim, ReservedAddress } from '../allocator/holdings.ts';
import { isOlder, supersedes } from './resource-version.ts';

/** A write whose outcome is not known: under way, or its answer was lost. */
interface Attempt {
  /** Version it replaces. It fails, or has succeeded already, once the Service has a later one. */
  readonly base: string;
  readonly addresses: readonly ReservedAddress[];
  /** When it began; monotonic. */
  readonly sinceMs: number;
}

interface Reservation {
  /** A Service deleted and made anew under the same name is another one. */
  readonly uid: string | undefined;
  /** Chosen, the write has not begun. */
  promised: readonly ReservedAddress[];
  attempts: readonly Attempt[];
  /** The newest state that the server has shown, when the reflector has yet to show it. */
  seen: Service | undefined;
}

/** What {@link Reservations} needs. */
export interface ReservationsOptions {
  /** The reflector's state of a Service. */
  readonly stored: (key: string) => Service | undefined;
  /** What a state of a Service claims, and on what terms. */
  readonly claimOf: (service: Service) => Claim;
  /** Told a state of a Service that is newer than the reflector's: what counts is the newest. */
  readonly observe: (service: Service) => void;
  /** Told that a Service which only {@link observe} has shown does not exist. */
  readonly forget: (key: string) => void;
  /** Told the addresses to hold for a Service beside those that it has been seen with; empty: none any more. */
  readonly reserve: (key: string, addresses: readonly ReservedAddress[]) => void;
}

/**
 * What is known about Services beyond what the reflector shows: the states that answers have shown, and the addresses that
 * were promised, or are in writes under way or with an unclear outcome. They count as held until the reflector has caught up
 * or it is certain that they were not written, so that no address is given twice.
 */
export class Reservations {
  readonly #options: ReservationsOptions;
  readonly #entries = new Map<string, Reservation>();

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  /** Whether the server is known to have a later state of the Service than this one. */
  isOutdated(service: Service): boolean {
    const seen = this.#entries.get(keyOf(service))?.seen;
    return seen !== undefined && isOlder(service, versionOf(seen));
  }

  /** The newest known state of a Service, of which the reflector shows this one. */
  newest(service: Service): Service {
    return this.isOutdated(service) ? (this.#entries.get(keyOf(service))?.seen ?? service) : service;
  }

  /** Whether a state of the Service is known that the reflector has yet to show. */
  isAhead(key: string): boolean {
    return this.#entries.get(key)?.seen !== undefined;
  }

  /** Holds addresses for a Service that are going to be written to it. */
  promise(service: Service, addresses: readonly Address[]): void {
    const entry = this.#entryOf(service);
    entry.promised = this.#held(service, addresses);
    this.#publish(keyOf(service), entry);
  }

  /** Nothing is going to be written to the Service now. */
  dropPromise(key: string): void {
    this.#update(key, (entry) => {
      entry.promised = [];
    });
  }

  /** A write of these addresses begins. Takes the place of a promise. */
  begin(service: Service, addresses: readonly Address[], nowMs: number): void {
    const entry = this.#entryOf(service);
    entry.promised = [];
    const attempt = {
      base: versionOf(service),
      addresses: this.#held(service, addresses),
      sinceMs: nowMs,
    };
    entry.attempts = [...entry.attempts, attempt];
    this.#publish(keyOf(service), entry);
  }

  /** The last write that began was certainly not carried out. */
  failed(key: string): void {
    this.#update(key, (entry) => {
      entry.attempts = entry.attempts.slice(0, -1);
    });
  }

  /** When the oldest write began of which it is unclear whether it was carried out; undefined when there is none. */
  unclearSinceMs(key: string): number | undefined {
    return this.#entries.get(key)?.attempts[0]?.sinceMs;
  }

  /** None of the writes whose outcome is unclear was carried out, nor will be. */
  allFailed(key: string): void {
    this.#update(key, (entry) => {
      entry.attempts = [];
    });
  }

  /** The server has answered with this state of a Service that the reflector has shown before. */
  answered(service: Service): void {
    const key = keyOf(service);
    const entry = this.#entries.get(key);
    // The reflector has meanwhile shown its end.
    if (this.#options.stored(key) === undefined && entry?.uid !== service.metadata?.uid) return;
    this.listed(service);
  }

  /** The server has listed this state of a Service, which may be new to the reflector. */
  listed(service: Service): void {
    const key = keyOf(service);
    const version = versionOf(service);
    const stored = this.#options.stored(key);
    const behind = stored === undefined || isOlder(stored, version);
    if (!behind && !this.#entries.has(key)) return;
    const entry = this.#entryOf(service);
    entry.attempts = entry.attempts.filter(({ base }) => !supersedes(version, base));
    if (behind && (entry.seen === undefined || isOlder(entry.seen, version))) {
      entry.seen = service;
      this.#options.observe(service);
    }
    this.#publish(key, entry);
  }

  /** The reflector shows this state of the Service. */
  observed(service: Service): void {
    const version = versionOf(service);
    this.#update(keyOf(service), (entry) => {
      if (entry.seen !== undefined && !isOlder(service, versionOf(entry.seen))) entry.seen = undefined;
      entry.attempts = entry.attempts.filter(({ base }) => !supersedes(version, base));
    });
  }

  /** The reflector shows that the Service is gone. What is held for a successor of the same name stays. */
  deleted(service: Service): void {
    const key = keyOf(service);
    if (this.#entries.get(key)?.uid === service.metadata?.uid) this.gone(key);
  }

  /** The Service does not exist on the server. */
  gone(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#options.reserve(key, []);
    // Otherwise the reflector will show its end.
    if (entry.seen !== undefined && this.#options.stored(key) === undefined) this.#options.forget(key);
  }

  /** Nothing that was under way can still happen, and all that did happen is known. */
  clear(): void {
    for (const key of [...this.#entries.keys()]) {
      if (this.#options.stored(key) === undefined) this.gone(key);
      this.#update(key, (entry) => {
        entry.promised = [];
        entry.attempts = [];
      });
    }
  }

  /**
   * Nobody else gets them, but who has one by right comes first: a promise, or a write whose outcome is unclear, is no title,
   * and with whom it can be shared may have changed since. On the terms of the state that the write is for.
   */
  #held(service: Service, addresses: readonly Address[]): readonly ReservedAddress[] {
    const { createdAt, sharing } = this.#options.claimOf(service);
    return addresses.map(({ family, value }) => ({ family, value, standing: 'kept', createdAt, sharing }));
  }

  #entryOf(service: Service): Reservation {
    const key = keyOf(service);
    const uid = service.metadata?.uid;
    const known = this.#entries.get(key);
    if (known !== undefined && known.uid === uid) return known;
    const entry: Reservation = { uid, promised: [], attempts: [], seen: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  #update(key: string, change: (entry: Reservation) => void): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    change(entry);
    this.#publish(key, entry);
  }

  #publish(key: string, { promised, attempts, seen }: Reservation): void {
    const chosen = [promised, ...attempts.map((attempt) => attempt.addresses)].flat();
    if (promised.length === 0 && attempts.length === 0 && seen === undefined) this.#entries.delete(key);
    this.#options.reserve(key, chosen);
  }
}

function versionOf(service: Service): string {
  return service.metadata?.resourceVersion ?? '';
}
