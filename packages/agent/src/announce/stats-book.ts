// SPDX-License-Identifier: Apache-2.0
import type { Transmission } from './responder.ts';
import type { WorkerCounters } from './worker-protocol.ts';

interface Counts {
  announced: number;
  firstAnnouncedMs?: number;
  answered: number;
  foreignClaims: number;
}

/** Shortest time between two reports of foreign claims about one address; a storm of them is one fact. */
const CLAIM_REPORT_INTERVAL_MS = 1000;

/** The worker's counters. */
export class StatsBook {
  framesFailed = 0;
  framesSuppressed = 0;
  letGo = 0;
  #framesSent = 0;
  #probesAnswered = 0;
  #foreignClaims = 0;
  readonly #addresses = new Map<string, Counts>();
  readonly #claimReportFromMs = new Map<string, number>();
  #reported = '';

  countSent({ address, kind }: Transmission, nowMs: number): void {
    this.#framesSent += 1;
    const counts = this.#of(address);
    if (kind === 'answer') {
      this.#probesAnswered += 1;
      counts.answered += 1;
    } else {
      counts.announced += 1;
      counts.firstAnnouncedMs ??= nowMs;
    }
  }

  /** Counts a foreign claim; returns how many there were about this address when it is time to report that. */
  countClaim(address: string, nowMs: number): number | undefined {
    this.#foreignClaims += 1;
    const counts = this.#of(address);
    counts.foreignClaims += 1;
    if (nowMs < (this.#claimReportFromMs.get(address) ?? 0)) return undefined;
    this.#claimReportFromMs.set(address, nowMs + CLAIM_REPORT_INTERVAL_MS);
    return counts.foreignClaims;
  }

  forget(addresses: readonly string[]): void {
    for (const address of addresses) {
      this.#addresses.delete(address);
      this.#claimReportFromMs.delete(address);
    }
  }

  /** Whether any total changed since the last call. */
  takeChanged(): boolean {
    const now = [
      this.#framesSent,
      this.framesFailed,
      this.framesSuppressed,
      this.#foreignClaims,
      this.letGo,
    ].join();
    const changed = now !== this.#reported;
    this.#reported = now;
    return changed;
  }

  snapshot(): WorkerCounters {
    return {
      framesSent: this.#framesSent,
      framesFailed: this.framesFailed,
      framesSuppressed: this.framesSuppressed,
      probesAnswered: this.#probesAnswered,
      foreignClaims: this.#foreignClaims,
      letGo: this.letGo,
      addresses: new Map([...this.#addresses].map(([address, counts]) => [address, { ...counts }])),
    };
  }

  #of(address: string): Counts {
    let counts = this.#addresses.get(address);
    if (counts === undefined) {
      counts = { announced: 0, answered: 0, foreignClaims: 0 };
      this.#addresses.set(address, counts);
    }
    return counts;
  }
}
