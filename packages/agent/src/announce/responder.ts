// SPDX-License-Identifier: Apache-2.0
import type { Grant } from './grant.ts';
import type { Claim, NeighbourMessage, Question } from './neighbour-protocol.ts';
import { Pacer } from './pacer.ts';

/** How announcements are timed. All in milliseconds or frames per second. */
export interface ResponderTiming {
  /** Repeats of the announcement after the first one. Default 5. */
  readonly repeats: number;
  /** Time between repeats. Default 1,000. */
  readonly repeatIntervalMs: number;
  /** Time between announcements of an address at rest. Default 60,000. */
  readonly refreshIntervalMs: number;
  /** Shortest time between two announcements against a foreign claim of one address. Default 1,000. */
  readonly defendIntervalMs: number;
  /** Limit for first announcements and repeats. Default 5,000. */
  readonly burstFramesPerSecond: number;
  /** Limit for the slow refresh. Default 200. */
  readonly refreshFramesPerSecond: number;
}

/** The timing of the design: one announcement at once, five repeats over 5 s, then a slow refresh. */
export const DEFAULT_RESPONDER_TIMING: ResponderTiming = {
  repeats: 5,
  repeatIntervalMs: 1000,
  refreshIntervalMs: 60_000,
  defendIntervalMs: 1000,
  burstFramesPerSecond: 5000,
  refreshFramesPerSecond: 200,
};

/** Something to send for an address. Whoever sends it checks `notAfterMs` against the clock before each frame. */
export type Transmission =
  | {
      readonly kind: 'answer';
      readonly address: string;
      readonly interface: string;
      readonly question: Question;
      readonly notAfterMs: number;
    }
  | {
      readonly kind: 'announcement';
      readonly address: string;
      readonly interface: string;
      readonly notAfterMs: number;
    };

/** What a received frame leads to. */
export interface Reaction {
  readonly answer?: Transmission;
  /** Somebody else claims an address that we hold. */
  readonly foreignClaim?: Claim;
}

/** Frames of one announcement, for pacing: request and reply form. An unsolicited advertisement counts as much. */
const FRAMES_PER_ANNOUNCEMENT = 2;
/** The paced output is spread over slices of this length, so that no burst exceeds a link's queue. */
const PACER_SLICE_MS = 50;

interface Holding {
  readonly address: string;
  interface: string;
  untilMs: number;
  /** When the next announcement is due. */
  announceAtMs: number;
  /** Announcements of the takeover burst that are still to be sent. */
  burstLeft: number;
  /** No defence before this time. */
  defendFromMs: number;
}

/**
 * Decides who is answered and when announcements go out, from grants and received frames. Pure: no socket, no clock of
 * its own. The one rule that everything here serves: nothing is sent for an address without a live grant.
 */
export class Responder {
  readonly #timing: ResponderTiming;
  readonly #holdings = new Map<string, Holding>();
  readonly #burstPacer: Pacer;
  readonly #refreshPacer: Pacer;
  /** Cached answer of nextAtMs(); undefined after anything changed. */
  #nextAtMs: number | undefined;

  constructor(timing: ResponderTiming = DEFAULT_RESPONDER_TIMING) {
    this.#timing = timing;
    this.#burstPacer = pacer(timing.burstFramesPerSecond);
    this.#refreshPacer = pacer(timing.refreshFramesPerSecond);
  }

  /** Addresses held, expired ones included until {@link expire} is called. */
  get size(): number {
    return this.#holdings.size;
  }

  has(address: string): boolean {
    return this.#holdings.has(address);
  }

  /** Takes or updates grants. An address that is new, or that moved to another link, is announced at once. */
  hold(grants: readonly Grant[], nowMs: number): void {
    this.#nextAtMs = undefined;
    for (const grant of grants) {
      if (grant.untilMs <= nowMs) continue;
      const known = this.#holdings.get(grant.address);
      if (known !== undefined && known.interface === grant.interface && known.untilMs > nowMs) {
        known.untilMs = grant.untilMs;
        continue;
      }
      this.#holdings.set(grant.address, {
        address: grant.address,
        interface: grant.interface,
        untilMs: grant.untilMs,
        announceAtMs: nowMs,
        burstLeft: this.#timing.repeats + 1,
        defendFromMs: nowMs,
      });
    }
  }

  /** New deadlines for addresses held under a live grant; never a new holding. */
  setDeadlines(grants: readonly Grant[], nowMs: number): void {
    this.#nextAtMs = undefined;
    for (const grant of grants) {
      const known = this.#holdings.get(grant.address);
      // An expired holding is lost: taking it up again has to begin with an announcement, see hold().
      if (known === undefined || known.untilMs <= nowMs) continue;
      known.untilMs = grant.untilMs;
    }
  }

  /** Falls silent about these addresses. */
  release(addresses: readonly string[]): void {
    this.#nextAtMs = undefined;
    for (const address of addresses) this.#holdings.delete(address);
  }

  /** Falls silent about everything; returns what was held under a live grant. */
  releaseAll(nowMs: number): readonly string[] {
    const live = [...this.#holdings.values()].filter((holding) => holding.untilMs > nowMs);
    this.#holdings.clear();
    this.#nextAtMs = undefined;
    return live.map((holding) => holding.address);
  }

  /** Drops the holdings whose grant has ended and returns their addresses. */
  expire(nowMs: number): readonly string[] {
    if (nowMs < this.nextAtMs(nowMs)) return [];
    const expired: string[] = [];
    for (const holding of this.#holdings.values()) {
      if (holding.untilMs <= nowMs) expired.push(holding.address);
    }
    this.release(expired);
    return expired;
  }

  /**
   * What a frame received on a link leads to. Frames of our own must not get here: `ownMacs` are the hardware
   * addresses of this node, whose claims are not foreign (two ports in one segment).
   */
  receive(link: string, message: NeighbourMessage, ownMacs: ReadonlySet<string>, nowMs: number): Reaction {
    const { question, claim } = message;
    const asked = question === undefined ? undefined : this.#live(question.address, link, nowMs);
    const claimed =
      claim === undefined || ownMacs.has(claim.mac) ? undefined : this.#live(claim.address, link, nowMs);
    if (claimed !== undefined) this.#defend(claimed, nowMs);
    return {
      ...(asked !== undefined && question !== undefined && !ownMacs.has(question.askerMac)
        ? {
            answer: {
              kind: 'answer',
              address: asked.address,
              interface: link,
              question,
              notAfterMs: asked.untilMs,
            },
          }
        : {}),
      ...(claimed !== undefined && claim !== undefined ? { foreignClaim: claim } : {}),
    };
  }

  /** Announcements that are due and that the limits allow now. Taken ones count as sent. */
  due(nowMs: number): readonly Transmission[] {
    if (nowMs < this.nextAtMs(nowMs)) return [];
    this.#nextAtMs = undefined;
    const transmissions: Transmission[] = [];
    const waiting = [...this.#holdings.values()]
      .filter((holding) => holding.announceAtMs <= nowMs && holding.untilMs > nowMs)
      .sort((a, b) => a.announceAtMs - b.announceAtMs);
    for (const holding of waiting) {
      if (!this.#pacerOf(holding).take(FRAMES_PER_ANNOUNCEMENT, nowMs)) continue;
      if (holding.burstLeft > 0) holding.burstLeft -= 1;
      holding.announceAtMs =
        nowMs + (holding.burstLeft > 0 ? this.#timing.repeatIntervalMs : this.#timing.refreshIntervalMs);
      transmissions.push({
        kind: 'announcement',
        address: holding.address,
        interface: holding.interface,
        notAfterMs: holding.untilMs,
      });
    }
    return transmissions;
  }

  /** When something is to be done next (announce or expire); Infinity when nothing ever is. */
  nextAtMs(nowMs: number): number {
    if (this.#nextAtMs !== undefined) return this.#nextAtMs;
    const burstFromMs = nowMs + this.#burstPacer.waitMs(FRAMES_PER_ANNOUNCEMENT, nowMs);
    const refreshFromMs = nowMs + this.#refreshPacer.waitMs(FRAMES_PER_ANNOUNCEMENT, nowMs);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const holding of this.#holdings.values()) {
      const allowedMs = holding.burstLeft > 0 ? burstFromMs : refreshFromMs;
      nextMs = Math.min(nextMs, holding.untilMs, Math.max(holding.announceAtMs, allowedMs));
    }
    this.#nextAtMs = nextMs;
    return nextMs;
  }

  /** A link is back, possibly elsewhere: announces what is held on it as after a takeover. */
  announceAgain(link: string, nowMs: number): void {
    for (const holding of this.#holdings.values()) {
      if (holding.interface !== link) continue;
      holding.announceAtMs = nowMs;
      holding.burstLeft = this.#timing.repeats + 1;
    }
    this.#nextAtMs = undefined;
  }

  #live(address: string, link: string, nowMs: number): Holding | undefined {
    const holding = this.#holdings.get(address);
    return holding !== undefined && holding.interface === link && holding.untilMs > nowMs
      ? holding
      : undefined;
  }

  #defend(holding: Holding, nowMs: number): void {
    if (nowMs < holding.defendFromMs) return;
    holding.defendFromMs = nowMs + this.#timing.defendIntervalMs;
    holding.announceAtMs = nowMs;
    this.#nextAtMs = undefined;
    // One more of the fast kind: the refresh limit must not delay a defence.
    holding.burstLeft = Math.max(holding.burstLeft, 1);
  }

  #pacerOf(holding: Holding): Pacer {
    return holding.burstLeft > 0 ? this.#burstPacer : this.#refreshPacer;
  }
}

function pacer(framesPerSecond: number): Pacer {
  return new Pacer(
    framesPerSecond,
    Math.max(FRAMES_PER_ANNOUNCEMENT, (framesPerSecond * PACER_SLICE_MS) / 1000),
  );
}
