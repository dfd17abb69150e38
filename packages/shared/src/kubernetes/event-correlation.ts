// SPDX-License-Identifier: Apache-2.0
import { TokenBucket } from './token-bucket.ts';

/** What an Event says, without where and when. */
export interface Occurrence {
  /** Identity of the object the Event is about. */
  readonly about: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** An Event object that stands for one or more occurrences. */
export interface Series {
  readonly key: string;
  readonly message: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Name of the Event object on the server, once it has been created. */
  readonly name?: string;
}

/** Different messages of one reason before they are combined, and the time within which they count (client-go's). */
const SIMILAR_LIMIT = 10;
const SIMILAR_WITHIN_MS = 600_000;
/** Events per object: 25 at once, then one in five minutes (client-go's). */
const BURST = 25;
const PER_SECOND = 1 / 300;
/** How many objects and series are remembered. */
const MEMORY = 4_096;

/** The prefix under which client-go combines, so that people recognise it. */
const COMBINED = '(combined from similar events): ';

interface Similar {
  readonly messages: Set<string>;
  readonly sinceMs: number;
}

/**
 * Decides which occurrences become a new Event, which only raise a count, and which are dropped, as client-go does.
 * Pure: times (wall clock, for the texts) are passed in.
 */
export class EventCorrelator {
  readonly #similar = new Recent<Similar>();
  readonly #series = new Recent<Series>();
  readonly #buckets = new Recent<TokenBucket>();

  /** The series as it stands after this occurrence, or undefined when the object has had too many Events. */
  take(occurrence: Occurrence, nowMs: number): Series | undefined {
    const bucket = this.#buckets.get(occurrence.about) ?? new TokenBucket(PER_SECOND, BURST, nowMs);
    this.#buckets.set(occurrence.about, bucket);
    if (!bucket.tryTake(nowMs)) return undefined;
    const { key, message } = this.#combine(occurrence, nowMs);
    const known = this.#series.get(key);
    const series =
      known === undefined
        ? { key, message, count: 1, firstMs: nowMs, lastMs: nowMs }
        : { ...known, message, count: known.count + 1, lastMs: nowMs };
    this.#series.set(key, series);
    return series;
  }

  /** The Event object of a series has been created under this name. */
  created(key: string, name: string): void {
    const series = this.#series.get(key);
    if (series !== undefined) this.#series.set(key, { ...series, name });
  }

  /** Name of the Event object of a series, if there is one. */
  nameOf(key: string): string | undefined {
    return this.#series.get(key)?.name;
  }

  /** The Event object of a series is gone (they live an hour): the next occurrence begins a new one. */
  forget(key: string): void {
    this.#series.delete(key);
  }

  #combine(occurrence: Occurrence, nowMs: number): { key: string; message: string } {
    const group = JSON.stringify([occurrence.about, occurrence.type, occurrence.reason]);
    const known = this.#similar.get(group);
    const fresh = known !== undefined && nowMs - known.sinceMs < SIMILAR_WITHIN_MS;
    const similar = fresh ? known : { messages: new Set<string>(), sinceMs: nowMs };
    similar.messages.add(occurrence.message);
    this.#similar.set(group, similar);
    return similar.messages.size < SIMILAR_LIMIT
      ? { key: JSON.stringify([group, occurrence.message]), message: occurrence.message }
      : { key: group, message: COMBINED + occurrence.message };
  }
}

/** A map that forgets what was not used for the longest time. */
class Recent<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MEMORY && oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

/** Cuts text to at most `limit` bytes of UTF-8, at a character. */
export function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  let end = limit;
  // 10xxxxxx is the inside of a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
