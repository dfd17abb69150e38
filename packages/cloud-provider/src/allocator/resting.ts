// SPDX-License-Identifier: Apache-2.0

/** A released address. */
interface Rest {
  readonly value: bigint;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly line: Line;
  previous: Rest | undefined;
  next: Rest | undefined;
}

/** Rests of the same length, in the order in which they began and so also end. */
interface Line {
  first: Rest | undefined;
  last: Rest | undefined;
}

/**
 * Released addresses of one family that are not to be given out yet. Rests of one length stand in line (there are as many
 * lengths as there are settings in the ConfigMap), so that beginning, ending and cancelling one costs the same however
 * many there are.
 */
export class RestingAddresses {
  readonly #rests = new Map<bigint, Rest>();
  /** By length. */
  readonly #lines = new Map<number, Line>();
  /** No rest ends before. */
  #nextEndMs = Number.POSITIVE_INFINITY;

  /** All of them, in no particular order. */
  values(): Iterable<bigint> {
    return this.#rests.keys();
  }

  /** Whether the address rests. */
  has(value: bigint): boolean {
    return this.#rests.has(value);
  }

  /** Lays an address to rest. */
  begin(value: bigint, nowMs: number, lengthMs: number): void {
    this.cancel(value);
    const line = this.#lineOf(lengthMs);
    const untilMs = nowMs + lengthMs;
    const rest: Rest = { value, sinceMs: nowMs, untilMs, line, previous: line.last, next: undefined };
    if (line.last === undefined) line.first = rest;
    else line.last.next = rest;
    line.last = rest;
    this.#rests.set(value, rest);
    this.#nextEndMs = Math.min(this.#nextEndMs, untilMs);
  }

  /** The address is held again; no effect when it does not rest. */
  cancel(value: bigint): void {
    const rest = this.#rests.get(value);
    if (rest !== undefined) this.#remove(rest);
  }

  /** Ends the rests that are over, and reports each. */
  endRests(nowMs: number, ended: (value: bigint) => void): void {
    if (nowMs < this.#nextEndMs) return;
    this.#nextEndMs = Number.POSITIVE_INFINITY;
    for (const [lengthMs, line] of this.#lines) {
      let rest = line.first;
      for (; rest !== undefined && rest.untilMs <= nowMs; rest = rest.next) {
        this.#remove(rest);
        ended(rest.value);
      }
      if (rest === undefined) this.#lines.delete(lengthMs);
      else this.#nextEndMs = Math.min(this.#nextEndMs, rest.untilMs);
    }
  }

  /** The address that has rested longest of those that `fit`. */
  longest(fits: (value: bigint) => boolean): bigint | undefined {
    return least(this.#heads(fits), ({ sinceMs }) => sinceMs)?.value;
  }

  /** When the first rest ends of those that `fit`. */
  firstEndMs(fits: (value: bigint) => boolean): number | undefined {
    return least(this.#heads(fits), ({ untilMs }) => untilMs)?.untilMs;
  }

  /** The first that fits in each line. */
  #heads(fits: (value: bigint) => boolean): readonly Rest[] {
    return [...this.#lines.values()].flatMap(({ first }) => {
      let rest = first;
      while (rest !== undefined && !fits(rest.value)) rest = rest.next;
      return rest ?? [];
    });
  }

  #lineOf(lengthMs: number): Line {
    const known = this.#lines.get(lengthMs);
    if (known !== undefined) return known;
    const line: Line = { first: undefined, last: undefined };
    this.#lines.set(lengthMs, line);
    return line;
  }

  #remove({ value, line, previous, next }: Rest): void {
    if (previous === undefined) line.first = next;
    else previous.next = next;
    if (next === undefined) line.last = previous;
    else next.previous = previous;
    this.#rests.delete(value);
  }
}

function least<T>(items: readonly T[], key: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || key(item) < key(best) ? item : best),
    undefined,
  );
}
