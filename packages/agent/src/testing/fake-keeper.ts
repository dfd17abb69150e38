// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { AddressKeeper, AnnouncerStats, HeldAddress } from '../announce/address-keeper.ts';
import type { Grant } from '../announce/grant.ts';
import type { RaftPort } from '../ownership/raft-driver/raft-port.ts';

/** One address on one node, from when to when (monotonic), as a neighbour would see it. */
export interface Tenure {
  readonly node: string;
  readonly address: string;
  readonly fromMs: number;
  /** Undefined while it lasts; then it ends with the grant at the latest. */
  toMs?: number;
  untilMs: number;
}

/** Records who answers for what, instead of answering. All nodes of a test share one. */
export class TenureBook {
  readonly tenures: Tenure[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nodes that answer for the address now. */
  owners(address: string): readonly string[] {
    const nowMs = this.#clock.monotonicMs();
    return this.tenures
      .filter((tenure) => tenure.address === address && endOf(tenure) > nowMs)
      .map(({ node }) => node);
  }

  /** How long it has been answered for by whoever answers for it now; 0 when nobody does. */
  heldMs(address: string): number {
    const nowMs = this.#clock.monotonicMs();
    const tenure = this.tenures.findLast((each) => each.address === address && endOf(each) > nowMs);
    return tenure === undefined ? 0 : nowMs - tenure.fromMs;
  }

  /** Pairs of tenures of one address on different nodes that overlapped. */
  overlaps(): readonly (readonly [Tenure, Tenure])[] {
    const pairs: (readonly [Tenure, Tenure])[] = [];
    for (const [index, a] of this.tenures.entries()) {
      for (const b of this.tenures.slice(index + 1)) {
        if (a.address !== b.address || a.node === b.node) continue;
        if (a.fromMs < endOf(b) && b.fromMs < endOf(a)) pairs.push([a, b]);
      }
    }
    return pairs;
  }
}

function endOf({ toMs, untilMs }: Tenure): number {
  return Math.min(toMs ?? Number.POSITIVE_INFINITY, untilMs);
}

const NO_STATS: AnnouncerStats = {
  framesSent: 0,
  framesFailed: 0,
  framesSuppressed: 0,
  probesAnswered: 0,
  foreignClaims: 0,
  letGo: 0,
  addresses: new Map(),
};

/** An address keeper that keeps to the rules of the real one and only writes down what it would do. */
export class FakeKeeper implements AddressKeeper {
  readonly #node: string;
  readonly #book: TenureBook;
  readonly #clock: Clock;
  readonly #tenures = new Map<string, Tenure>();
  readonly #grants = new Map<string, Grant>();
  /** No thread, so no node of the `raft` engine. */
  readonly raft: RaftPort = { tell: () => undefined, onReport: () => () => undefined };
  /** Addresses made ready ahead. */
  prepared: readonly string[] = [];

  constructor(node: string, book: TenureBook, clock: Clock) {
    this.#node = node;
    this.#book = book;
    this.#clock = clock;
  }

  async apply(grants: readonly Grant[]): Promise<void> {
    const wanted = new Map(grants.map((grant) => [grant.address, grant]));
    for (const [address, tenure] of this.#tenures) {
      if (wanted.has(address) && endOf(tenure) > this.#clock.monotonicMs()) continue;
      tenure.toMs ??= this.#clock.monotonicMs();
      this.#tenures.delete(address);
      this.#grants.delete(address);
    }
    await Promise.resolve();
    const nowMs = this.#clock.monotonicMs();
    for (const grant of grants) {
      if (grant.untilMs <= nowMs) continue;
      this.#grants.set(grant.address, grant);
      const tenure = this.#tenures.get(grant.address);
      if (tenure !== undefined) {
        tenure.untilMs = Math.max(tenure.untilMs, grant.untilMs);
        continue;
      }
      const fresh = { node: this.#node, address: grant.address, fromMs: nowMs, untilMs: grant.untilMs };
      this.#tenures.set(grant.address, fresh);
      this.#book.tenures.push(fresh);
    }
  }

  extend(grants: readonly Grant[]): void {
    for (const grant of grants) {
      const tenure = this.#tenures.get(grant.address);
      if (tenure === undefined || endOf(tenure) <= this.#clock.monotonicMs()) continue;
      tenure.untilMs = Math.max(tenure.untilMs, grant.untilMs);
      this.#grants.set(grant.address, grant);
    }
  }

  prepare(addresses: readonly string[]): Promise<void> {
    this.prepared = addresses;
    return Promise.resolve();
  }

  held(): ReadonlyMap<string, HeldAddress> {
    const nowMs = this.#clock.monotonicMs();
    const held = new Map<string, HeldAddress>();
    for (const [address, tenure] of this.#tenures) {
      const grant = this.#grants.get(address);
      if (grant === undefined || endOf(tenure) <= nowMs) continue;
      held.set(address, { ...grant, untilMs: tenure.untilMs, sinceMs: tenure.fromMs, answering: true });
    }
    return held;
  }

  stats(): AnnouncerStats {
    return NO_STATS;
  }

  onForeignClaim(): () => void {
    return () => undefined;
  }

  onLoss(): () => void {
    return () => undefined;
  }

  onLinksChanged(): () => void {
    return () => undefined;
  }

  async stop(): Promise<void> {
    await this.apply([]);
  }
}
