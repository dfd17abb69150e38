// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '../objects.ts';
import { type LeaseRecord, microTime, RELEASED_DURATION_MS, readLease, sameRecord } from './record.ts';
import type { LeaseTiming } from './timing.ts';

/**
 * What one contender knows of a Lease, and what follows from it. Pure: every time is passed in, from its own monotonic
 * clock; the times in the Lease are written for others to read and never compared with ours.
 *
 * Two rules make two holders impossible, whatever the network does. A holder counts from when it *sent* a renewal that
 * the server has acknowledged, up to the renew deadline. A candidate counts from when it *saw* the record change, up to
 * the lease duration, which is longer; and it takes the Lease with a compare-and-swap on exactly the record it saw.
 *
 * In two points it is more careful than client-go, with which it shares Leases: a Lease that is deleted, or whose holder
 * is erased by hand, is not free before the time of the holder we last saw is over, because that holder may not know yet.
 */
export class LeaseCandidate {
  readonly #identity: string;
  readonly #timing: LeaseTiming;
  #seen: LeaseRecord | undefined;
  #seenMs = 0;
  /** Until when somebody else may believe to hold. */
  #othersUntilMs = Number.NEGATIVE_INFINITY;
  #holdUntilMs = 0;

  constructor(identity: string, timing: LeaseTiming) {
    this.#identity = identity;
    this.#timing = timing;
  }

  /** Identity in the Lease as last seen; '' when free or absent; undefined when it was never looked at. */
  get holder(): string | undefined {
    return this.#seen?.holder;
  }

  /** Takes what the server says the Lease is now (undefined: there is none). True when that is news. */
  observe(lease: Lease | undefined, nowMs: number): boolean {
    const record = lease === undefined ? ABSENT : readLease(lease);
    const before = this.#seen;
    if (before !== undefined && sameRecord(before, record)) return false;
    this.#seen = record;
    this.#seenMs = nowMs;
    if (record.holder !== '') {
      // Our own identity in it is no obstacle: there is only one of us.
      const others = record.holder === this.#identity ? Number.NEGATIVE_INFINITY : nowMs + record.durationMs;
      this.#othersUntilMs = others;
    } else if (record.durationMs === RELEASED_DURATION_MS && lease !== undefined) {
      this.#othersUntilMs = Number.NEGATIVE_INFINITY;
    }
    return true;
  }

  /** From when on the Lease may be taken: in the past when it is free. */
  freeAtMs(): number {
    return this.#othersUntilMs;
  }

  /** When the record was last seen to change. */
  get seenMs(): number {
    return this.#seenMs;
  }

  /** May we write ourselves into the Lease (take or renew it)? Not before it has been looked at. */
  mayWrite(nowMs: number): boolean {
    return this.#seen !== undefined && nowMs >= this.#othersUntilMs;
  }

  /** The record that makes us holder, or keeps us holder. */
  proposal(wallMs: number): LeaseRecord {
    const now = microTime(wallMs);
    const seen = this.#seen ?? ABSENT;
    const ours = seen.holder === this.#identity;
    return {
      holder: this.#identity,
      durationMs: this.#timing.leaseDurationMs,
      transitions: ours || seen === ABSENT ? seen.transitions : seen.transitions + 1,
      acquireTime: ours && seen.acquireTime !== '' ? seen.acquireTime : now,
      renewTime: now,
    };
  }

  /** The record that gives the Lease back, as client-go writes it. */
  release(wallMs: number): LeaseRecord {
    const now = microTime(wallMs);
    const transitions = this.#seen?.transitions ?? 0;
    return { holder: '', durationMs: RELEASED_DURATION_MS, transitions, acquireTime: now, renewTime: now };
  }

  /**
   * The server has acknowledged a proposal that was sent at `sentMs`. False when that came too late to count.
   */
  acknowledged(lease: Lease, sentMs: number, nowMs: number): boolean {
    this.observe(lease, nowMs);
    const untilMs = sentMs + this.#timing.renewDeadlineMs;
    if (nowMs >= untilMs) return false;
    this.#holdUntilMs = Math.max(this.#holdUntilMs, untilMs);
    return true;
  }

  /** We no longer hold, by our own decision or because somebody else was seen to. */
  drop(): void {
    this.#holdUntilMs = 0;
  }

  /** Up to when we hold; 0 when we do not. */
  get holdUntilMs(): number {
    return this.#holdUntilMs;
  }

  /** Do we hold at this time? */
  holds(nowMs: number): boolean {
    return nowMs < this.#holdUntilMs;
  }
}

const ABSENT: LeaseRecord = { holder: '', durationMs: 0, transitions: 0, acquireTime: '', renewTime: '' };
