// SPDX-License-Identifier: Apache-2.0
import type { SharingTerms } from './sharing.ts';
import { circlesOf } from './tally.ts';
import { type Direction, ValueSet } from './value-set.ts';

/** What a change of an address was to those who look for one to join. */
export interface Listing {
  readonly circles: readonly string[];
  /** Whether a port is in use at the address. */
  uses(port: string): boolean;
}

/**
 * The addresses of one family that others may join, so that one of them is found without looking at each: by circle those
 * that are open to it, and by port those where it is in use. A search goes from run to run of these sets: 10,000
 * neighbours that all use TCP/80 are one step.
 */
export class JoinableAddresses {
  readonly #circles = new Map<string, ValueSet>();
  readonly #ports = new Map<string, ValueSet>();

  /**
   * Replaces what an address is listed as; `ports` are those whose use may have changed. Says whether anybody may join
   * now who could not before.
   */
  relist(value: bigint, before: readonly string[], after: Listing, ports: Iterable<string>): boolean {
    let widened = false;
    for (const circle of before) if (!after.circles.includes(circle)) remove(this.#circles, circle, value);
    for (const circle of after.circles) {
      if (before.includes(circle)) continue;
      add(this.#circles, circle, value);
      widened = true;
    }
    for (const port of ports) {
      if (after.uses(port)) add(this.#ports, port, value);
      else if (remove(this.#ports, port, value)) widened = true;
    }
    return widened && after.circles.length > 0;
  }

  /** The nearest address from `from` on that Services on these terms may join. */
  next(terms: SharingTerms, from: bigint, direction: Direction): bigint | undefined {
    const used = terms.ports.flatMap((port) => this.#ports.get(port) ?? []);
    let nearest: bigint | undefined;
    for (const circle of circlesOf(terms)) {
      const open = this.#circles.get(circle);
      const found = open && nextOutside(open, used, from, direction);
      if (found === undefined) continue;
      if (nearest === undefined || (direction === 'ascending' ? found < nearest : found > nearest))
        nearest = found;
    }
    return nearest;
  }
}

/** The nearest value that is in `open` and in none of `used`. */
function nextOutside(
  open: ValueSet,
  used: readonly ValueSet[],
  from: bigint,
  direction: Direction,
): bigint | undefined {
  let value = open.nextPresent(from, direction);
  while (value !== undefined) {
    let free = value;
    for (const set of used) free = set.nextAbsent(free, direction);
    if (free === value) return value;
    value = open.nextPresent(free, direction);
  }
  return undefined;
}

function add(sets: Map<string, ValueSet>, name: string, value: bigint): void {
  const set = sets.get(name) ?? new ValueSet();
  if (set.isEmpty) sets.set(name, set);
  set.add(value);
}

/** Says whether it was there. */
function remove(sets: Map<string, ValueSet>, name: string, value: bigint): boolean {
  const set = sets.get(name);
  if (set === undefined || !set.delete(value)) return false;
  if (set.isEmpty) sets.delete(name);
  return true;
}
