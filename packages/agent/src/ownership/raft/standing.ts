// SPDX-License-Identifier: Apache-2.0

/** What a node can be used for at the moment. A node that is not known at all is lost. */
export type NodeCondition =
  /** Its agent is heard and it can answer for addresses. */
  | 'ready'
  /** It wants to leave: it gets nothing new and what it has goes elsewhere, if there is an elsewhere. */
  | 'draining'
  /** Its agent is heard, but it cannot serve (no link, excluded by a label, cordoned off): it must not keep anything. */
  | 'ineligible';

/** How much a node that comes and goes is trusted. */
export interface StandingPolicy {
  /** A node has to be ready this long before addresses are moved to it only for balance. */
  readonly settleMs: number;
  /** The wait doubles with each loss, up to this. */
  readonly maxSettleMs: number;
  /** One loss is forgiven for each such time without another. */
  readonly forgiveMs: number;
}

/**
 * What is remembered of one node: since when it is ready and how often it failed. A node that keeps failing takes
 * addresses down with it each time, so after a loss it is chosen only when there is no other, for a time that doubles
 * with every loss. Leaving by drain is no loss. Pure: time is passed in.
 */
export class NodeStanding {
  readonly #policy: StandingPolicy;
  #condition: NodeCondition | 'lost' = 'lost';
  #readySinceMs = 0;
  #losses = 0;
  #lossesCountedMs = 0;

  constructor(policy: StandingPolicy) {
    this.#policy = policy;
  }

  get condition(): NodeCondition | 'lost' {
    return this.#condition;
  }

  /** Losses that are not forgiven yet. */
  losses(nowMs: number): number {
    const forgiven = Math.floor((nowMs - this.#lossesCountedMs) / this.#policy.forgiveMs);
    return Math.max(0, this.#losses - forgiven);
  }

  /** Somebody else has counted so many before. */
  remember(losses: number, sinceMs: number): void {
    this.#losses = losses;
    this.#lossesCountedMs = sinceMs;
  }

  /** True when that is a change. */
  become(condition: NodeCondition | 'lost', nowMs: number): boolean {
    const before = this.#condition;
    if (condition === before) return false;
    this.#condition = condition;
    if (condition === 'ready') this.#readySinceMs = nowMs;
    if (before === 'ready' && condition !== 'draining') {
      this.#losses = this.losses(nowMs) + 1;
      this.#lossesCountedMs = nowMs;
    }
    return true;
  }

  /** From when on it may be given addresses for balance alone. */
  settledAtMs(): number {
    const { settleMs, maxSettleMs } = this.#policy;
    const losses = this.losses(this.#readySinceMs);
    return this.#readySinceMs + Math.min(maxSettleMs, settleMs * 2 ** losses);
  }

  /** Is it ready, and not under a penalty? */
  isTrusted(nowMs: number): boolean {
    return this.#condition === 'ready' && (this.losses(nowMs) === 0 || nowMs >= this.settledAtMs());
  }

  /** Is it ready, and has been for long enough to be given addresses for balance alone? */
  isSettled(nowMs: number): boolean {
    return this.#condition === 'ready' && nowMs >= this.settledAtMs();
  }

  /** Nothing is left to remember: gone, and all losses forgiven. */
  isForgotten(nowMs: number): boolean {
    return this.#condition === 'lost' && this.losses(nowMs) === 0;
  }
}
