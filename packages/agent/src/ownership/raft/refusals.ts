// SPDX-License-Identifier: Apache-2.0
import type { PlacementGroup } from './placement-group.ts';

/** A member that could not serve an address is not given it again for this long; twice as long each further time. */
const FIRST_REFUSAL_MS = 500;
const LONGEST_REFUSAL_MS = 8_000;
/** The next refusal after such a time is a first one again. */
const FORGIVE_MS = 60_000;

interface Refusal {
  readonly lastsMs: number;
  readonly untilMs: number;
}

/** Who could not serve which address a moment ago, so that it is not given back only to be refused again. */
export class Refusals {
  /** Address -> member -> its last one. */
  readonly #refusals = new Map<string, Map<string, Refusal>>();

  note(address: string, member: string, nowMs: number): void {
    const members = this.#refusals.get(address) ?? new Map<string, Refusal>();
    const last = members.get(member);
    // Said again before it was tried again: still the same one.
    if (last !== undefined && last.untilMs > nowMs) return;
    const isNew = last === undefined || last.untilMs + FORGIVE_MS <= nowMs;
    const lastsMs = isNew ? FIRST_REFUSAL_MS : Math.min(LONGEST_REFUSAL_MS, last.lastsMs * 2);
    members.set(member, { lastsMs, untilMs: nowMs + lastsMs });
    this.#refusals.set(address, members);
  }

  /** Until when it is believed that the member cannot serve the address. */
  untilMs(address: string, member: string): number {
    return this.#refusals.get(address)?.get(member)?.untilMs ?? Number.NEGATIVE_INFINITY;
  }

  /** When something else follows from it if nothing happens. */
  nextMs(nowMs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const members of this.#refusals.values()) {
      for (const { untilMs } of members.values()) if (untilMs > nowMs) next = Math.min(next, untilMs);
    }
    return next;
  }

  /** The groups as they are, less the members that cannot serve one of their addresses. */
  applyTo(
    groups: readonly PlacementGroup[],
    members: ReadonlyMap<string, unknown>,
    nowMs: number,
  ): readonly PlacementGroup[] {
    this.#forgive(nowMs);
    if (this.#refusals.size === 0) return groups;
    return groups.map((group) => {
      const refusing = group.addresses.flatMap((address) => this.#refusing(address, nowMs));
      if (refusing.length === 0) return group;
      const candidates = new Set(group.candidates === 'any' ? members.keys() : group.candidates);
      for (const member of refusing) candidates.delete(member);
      return { ...group, candidates };
    });
  }

  #refusing(address: string, nowMs: number): readonly string[] {
    const members = [...(this.#refusals.get(address) ?? [])];
    return members.filter(([, { untilMs }]) => untilMs > nowMs).map(([member]) => member);
  }

  #forgive(nowMs: number): void {
    for (const [address, members] of this.#refusals) {
      for (const [member, { untilMs }] of members) if (untilMs + FORGIVE_MS <= nowMs) members.delete(member);
      if (members.size === 0) this.#refusals.delete(address);
    }
  }
}
