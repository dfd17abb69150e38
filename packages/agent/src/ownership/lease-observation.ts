// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';

/** What one Lease looked like when it last changed, and when we saw that. */
export interface LeaseRecord {
  /** Empty when free. */
  readonly holder: string;
  /** As written, RFC 3339 by the holder's clock. Only compared with other times of the same host. */
  readonly renewTime: string;
  readonly durationMs: number;
  readonly transitions: number;
  /** Monotonic time at which we saw this record first. */
  readonly observedMs: number;
  /** Seen to be written by a living holder: it changed while we watched, or was fresh when we first saw it. */
  readonly live: boolean;
}

/** A node whose Lease ran out, and what will show that it lives again. */
export interface LostNode {
  readonly sinceMs: number;
  /** The last sign of life, by that node's own clock, in milliseconds since 1970. */
  readonly lastSeenWallMs: number;
}

/** The moment, for the methods below. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** A Lease older than this when first seen is left over from a Service of the past, not from a node that just died. */
const LEFTOVER_AGE_MS = 60_000;
/** A takeover counts as one from a dead holder when it came this near to the end of the Lease or later. */
const EXPIRY_TOLERANCE = 0.9;
/** A holder that renewed another Lease this much of a duration later than the one that ran out is alive. */
const OTHER_LEASE_LEAD = 0.4;

/**
 * Who holds which Lease, and which nodes have died, from nothing but Leases and heartbeats as they are seen. A state
 * machine without time or I/O of its own; every method returns whether a holder or the set of lost nodes changed.
 *
 * The rules of client-go: only a *change* of the record, seen by our own clock, shows that the holder lives; a Lease is
 * free when its holder is empty, or when nothing changed for its duration. A holder that is replaced at that time did
 * not say goodbye (it would have left an empty holder), so its node counts as lost until it is seen alive.
 */
export class LeaseObservations {
  readonly #leases = new Map<string, LeaseRecord>();
  readonly #lost = new Map<string, LostNode>();

  /** Lease key (`namespace/name`) -> what was seen. */
  get leases(): ReadonlyMap<string, LeaseRecord> {
    return this.#leases;
  }

  /** Node -> why it counts as lost. */
  get lost(): ReadonlyMap<string, LostNode> {
    return this.#lost;
  }

  /** Takes in the newest version of a Lease (`undefined`: deleted). */
  observe(key: string, lease: Lease | undefined, now: Moment): boolean {
    const previous = this.#leases.get(key);
    const record = lease === undefined ? undefined : recordOf(lease, previous, now);
    if (record === previous) return false;
    if (record === undefined) {
      this.#leases.delete(key);
      return true;
    }
    this.#leases.set(key, record);
    const wasLost = this.#lost.size;
    if (previous !== undefined && wasTaken(previous, record, now) && !this.#isAliveElsewhere(previous)) {
      this.#markLost(previous, now);
    }
    const revived =
      record.live && record.holder !== '' && this.#reviveBy(record.holder, Date.parse(record.renewTime));
    const awoke = previous !== undefined && isExpired(previous, now.monotonicMs);
    return record.holder !== previous?.holder || awoke || revived || this.#lost.size !== wasLost;
  }

  /** Marks the holders of Leases that have run out as lost. Call it when {@link nextExpiryMs} has come. */
  expire(now: Moment): boolean {
    const before = this.#lost.size;
    for (const record of this.suspects(now.monotonicMs).values()) {
      if (!this.#isAliveElsewhere(record)) this.#markLost(record, now);
    }
    return this.#lost.size !== before;
  }

  /** Lease key -> record that has run out and would make its holder lost. */
  suspects(nowMs: number): ReadonlyMap<string, LeaseRecord> {
    const suspects = new Map<string, LeaseRecord>();
    for (const [key, record] of this.#leases) {
      if (!record.live || record.holder === '' || this.#lost.has(record.holder)) continue;
      if (isExpired(record, nowMs)) suspects.set(key, record);
    }
    return suspects;
  }

  /**
   * Takes in a sign of life that is not a Lease of ours: the heartbeat of the Node object, or the kubelet's own Lease.
   * Both are written with the clock of the same host as the Lease that ran out, so they can be compared.
   */
  heartbeat(node: string, wallMs: number): boolean {
    return this.#reviveBy(node, wallMs);
  }

  /** Forgets a node that is no longer in the cluster. */
  forget(node: string): boolean {
    return this.#lost.delete(node);
  }

  /** The living holder of a Lease; undefined when it is free, has run out, or does not exist. */
  holder(key: string, nowMs: number): string | undefined {
    const record = this.#leases.get(key);
    if (record === undefined || record.holder === '' || isExpired(record, nowMs)) return undefined;
    return record.holder;
  }

  /** When the next Lease runs out unless it is renewed; undefined when none will. */
  nextExpiryMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const record of this.#leases.values()) {
      if (record.holder === '' || isExpired(record, nowMs)) continue;
      const expiresMs = record.observedMs + record.durationMs;
      if (next === undefined || expiresMs < next) next = expiresMs;
    }
    return next;
  }

  /** A dead holder stops renewing all its Leases within one retry period; one that let go of a single Lease is not dead. */
  #isAliveElsewhere(expired: LeaseRecord): boolean {
    const limitMs = expired.observedMs + expired.durationMs * OTHER_LEASE_LEAD;
    for (const record of this.#leases.values()) {
      if (record.holder === expired.holder && record.live && record.observedMs > limitMs) return true;
    }
    return false;
  }

  #markLost(record: LeaseRecord, now: Moment): void {
    const renewedMs = Date.parse(record.renewTime);
    this.#lost.set(record.holder, {
      sinceMs: now.monotonicMs,
      // A sign of life must be newer than the moment at which the Lease ran out, not just than its last renewal: the
      // kubelet of a node that died at once may have written its own heartbeat shortly after.
      lastSeenWallMs: (Number.isNaN(renewedMs) ? now.wallMs : renewedMs) + record.durationMs,
    });
  }

  #reviveBy(node: string, wallMs: number): boolean {
    const entry = this.#lost.get(node);
    if (entry === undefined || !(wallMs > entry.lastSeenWallMs)) return false;
    return this.#lost.delete(node);
  }
}

/** Whether nobody holds the Lease any more, by our clock. */
export function isExpired(record: LeaseRecord, nowMs: number): boolean {
  return nowMs >= record.observedMs + record.durationMs;
}

function wasTaken(previous: LeaseRecord, record: LeaseRecord, now: Moment): boolean {
  if (!previous.live || previous.holder === '' || record.holder === '') return false;
  const age = now.monotonicMs - previous.observedMs;
  return record.holder !== previous.holder && age >= previous.durationMs * EXPIRY_TOLERANCE;
}

function recordOf(lease: Lease, previous: LeaseRecord | undefined, now: Moment): LeaseRecord {
  const {
    holderIdentity = '',
    renewTime = '',
    leaseDurationSeconds = 0,
    leaseTransitions = 0,
  } = lease.spec ?? {};
  const unchanged =
    previous?.holder === holderIdentity &&
    previous.renewTime === renewTime &&
    previous.transitions === leaseTransitions;
  if (unchanged) return previous;
  const durationMs = leaseDurationSeconds * 1000;
  return {
    holder: holderIdentity,
    renewTime,
    durationMs,
    transitions: leaseTransitions,
    observedMs: now.monotonicMs,
    // Clocks of hosts differ, but hardly by a minute; a wrong guess here only delays or adds a suspicion that the next
    // heartbeat of the node removes.
    live: previous !== undefined || now.wallMs - Date.parse(renewTime) < durationMs + LEFTOVER_AGE_MS,
  };
}
