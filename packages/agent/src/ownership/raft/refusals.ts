// SPDX-License-Identifier: Apache-2.0
import type { PlacementGroup } from './placement.ts';

/** A member that could not serve an address is not given it again for this long. */
const REFUSAL_MS = 5_000;

/** Who could not serve which address a moment ago, so that it is not given back only to be refused again. */
export class Refusals {
  /** Address -> member -> until when that is believed. */
  readonly #untilMs = new Map<string, Map<string, number>>();

  note(address: string, member: string, nowMs: number): void {
    const members = this.#untilMs.get(address) ?? new Map<string, number>();
    members.set(member, nowMs + REFUSAL_MS);
    this.#untilMs.set(address, members);
  }

  /** Until when it is believed that the member cannot serve the address. */
  untilMs(address: string, member: string): number {
    return this.#untilMs.get(address)?.get(member) ?? Number.NEGATIVE_INFINITY;
  }

  /** When the next one is forgotten. */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const members of this.#untilMs.values()) {
      for (const untilMs of members.values()) next = Math.min(next, untilMs);
    }
    return next;
  }

  forgetOld(nowMs: number): void {
    for (const [address, members] of this.#untilMs) {
      for (const [member, untilMs] of members) if (untilMs <= nowMs) members.delete(member);
      if (members.size === 0) this.#untilMs.delete(address);
    }
  }

  /** The groups as they are, less the members that cannot serve one of their addresses. */
  applyTo(
    groups: readonly PlacementGroup[],
    members: ReadonlyMap<string, unknown>,
  ): readonly PlacementGroup[] {
    if (this.#untilMs.size === 0) return groups;
    return groups.map((group) => {
      const refusing = group.addresses.flatMap((address) => [...(this.#untilMs.get(address)?.keys() ?? [])]);
      if (refusing.length === 0) return group;
      const candidates = new Set(group.candidates === 'any' ? members.keys() : group.candidates);
      for (const member of refusing) candidates.delete(member);
      return { ...group, candidates };
    });
  }
}
