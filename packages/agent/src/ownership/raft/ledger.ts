// SPDX-License-Identifier: Apache-2.0
import { MAX_ADDRESSES_PER_MESSAGE } from './messages.ts';

/** A step from one version of a member's grants towards the present one. */
export interface LedgerStep {
  readonly base: number;
  readonly version: number;
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Ends at the present version. */
  readonly isLast: boolean;
}

/**
 * What the coordinator has granted to one binding of one member, and so all that this member can possibly hold: version 0
 * is what it reported, each change of one address makes the next version.
 *
 * A grant extends the whole of a version, so one time bounds all that is in it. What was removed may be held until the
 * member says that it is off its node, or until the time that bounded it when it was removed: no later grant extends it.
 */
export class Ledger {
  readonly instance: string;
  readonly binding: number;
  #version = 0;
  /** Latest end, on our clock, of anything granted. */
  #boundMs: number;
  /** Granted now -> version that added it. */
  readonly #held = new Map<string, number>();
  /** Removed, but may still be held. */
  readonly #leaving = new Map<string, Leaving>();
  /** Changes that the member may not know, oldest first -> their version. */
  readonly #unknown = new Map<string, number>();

  constructor(owner: { instance: string; binding: number }, reported: Iterable<string>, boundMs: number) {
    this.instance = owner.instance;
    this.binding = owner.binding;
    this.#boundMs = boundMs;
    for (const address of reported) this.#held.set(address, 0);
  }

  get version(): number {
    return this.#version;
  }

  /** Until when anything that was granted may be held. */
  get boundMs(): number {
    return this.#boundMs;
  }

  get held(): ReadonlyMap<string, number> {
    return this.#held;
  }

  get leaving(): ReadonlyMap<string, Leaving> {
    return this.#leaving;
  }

  /** Has the member been told everything, as far as we know? */
  get isKnown(): boolean {
    return this.#unknown.size === 0;
  }

  has(address: string): boolean {
    return this.#held.has(address);
  }

  /** Until when the address, which is not granted any more, may be held. */
  leavingUntilMs(address: string): number {
    return this.#leaving.get(address)?.untilMs ?? Number.NEGATIVE_INFINITY;
  }

  add(address: string): void {
    this.#leaving.delete(address);
    this.#change(address);
    this.#held.set(address, this.#version);
  }

  remove(address: string): void {
    if (!this.#held.delete(address)) return;
    this.#change(address);
    this.#leaving.set(address, { version: this.#version, untilMs: this.#boundMs });
  }

  /** Forgets a removed address whose time is over. */
  forget(address: string): void {
    this.#leaving.delete(address);
  }

  /** All that is granted now is, or will be by the member, held until then at most. */
  extend(untilMs: number): void {
    this.#boundMs = Math.max(this.#boundMs, untilMs);
  }

  /** The member has all up to `applied`, and has put off all that was removed up to `settled`. Returns what that frees. */
  acknowledge(applied: number, settled: number): readonly string[] {
    for (const [address, version] of this.#unknown) {
      if (version > applied) break;
      this.#unknown.delete(address);
    }
    if (this.#leaving.size === 0) return NOTHING;
    const freed: string[] = [];
    for (const [address, { version }] of this.#leaving) {
      if (version > settled) continue;
      this.#leaving.delete(address);
      freed.push(address);
    }
    return freed;
  }

  /**
   * The member, which has all up to `applied`, has put these off by itself (undefined: everything). One that was added in
   * a later version is not meant: it does not know of that yet. Returns what is free now.
   */
  refuse(addresses: Iterable<string> | undefined, applied: number): readonly string[] {
    const freed: string[] = [];
    for (const address of addresses ?? [...this.#held.keys()]) {
      const added = this.#held.get(address);
      if (added === undefined || added > applied) continue;
      this.remove(address);
      this.#leaving.delete(address);
      freed.push(address);
    }
    return freed;
  }

  /** The way from `applied` to the present: nearly always one step. */
  steps(applied: number): readonly LedgerStep[] {
    if (this.#unknown.size === 0) {
      return [{ base: applied, version: this.#version, add: NOTHING, remove: NOTHING, isLast: true }];
    }
    const steps: LedgerStep[] = [];
    const changes = [...this.#unknown];
    let base = applied;
    for (let start = 0; start < changes.length; start += MAX_ADDRESSES_PER_MESSAGE) {
      const part = changes.slice(start, start + MAX_ADDRESSES_PER_MESSAGE);
      const isLast = start + part.length === changes.length;
      const version = isLast ? this.#version : (part.at(-1)?.[1] ?? base);
      const add: string[] = [];
      const remove: string[] = [];
      for (const [address] of part) (this.#held.has(address) ? add : remove).push(address);
      steps.push({ base, version, add, remove, isLast });
      base = version;
    }
    return steps;
  }

  #change(address: string): void {
    this.#version++;
    // To the end: the map is in the order of versions.
    this.#unknown.delete(address);
    this.#unknown.set(address, this.#version);
  }
}

/** An address that is being put off. */
export interface Leaving {
  readonly version: number;
  readonly untilMs: number;
}

const NOTHING: readonly string[] = [];
