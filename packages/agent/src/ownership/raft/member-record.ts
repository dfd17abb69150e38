// SPDX-License-Identifier: Apache-2.0
import type { Ledger } from './ledger.ts';
import type { AgentId, Knowledge, Renew } from './messages.ts';
import type { NodeCondition } from './standing.ts';
import type { RaftTiming } from './timing.ts';

/** Whose renewals come, but show no answer to any for this many intervals longer than a grant (three lost answers), does not hear us. */
const DEAF_RENEWALS = 0.5;

/** `left` said goodbye, `lost` fell silent, `deaf` asks but does not get our answers. */
export type MemberState = 'up' | 'lost' | 'left' | 'deaf';

/** What a coordinator tells of a member. */
export interface MemberStatus {
  readonly state: MemberState;
  readonly heardMs: number;
  readonly condition: NodeCondition;
  readonly knowledge: Knowledge;
}

/** What a coordinator knows of one member in its reign. */
export class MemberRecord implements MemberStatus {
  readonly name: string;
  #instance: string;
  /** Earlier instances: what still comes from them is ignored. */
  readonly #retired = new Set<string>();
  binding = 0;
  nonce = 0;
  /** When the newest renewal came; what is granted in answer ends before this plus a grant. */
  heardMs: number;
  condition: NodeCondition = 'ready';
  knowledge: Knowledge = 'none';
  state: MemberState = 'up';
  applied = 0;
  newsVersion = 0;
  /** Undefined until the report is complete. */
  ledger: Ledger | undefined;
  /** When changes that it may not know are sent again. */
  resendMs = Number.POSITIVE_INFINITY;
  /** Renewals that may still be said to have been answered: nonce -> when they came. */
  readonly #asked = new Map<number, number>();
  /** When the newest renewal came of which it is known that our answer has arrived. */
  #reachedMs: number;
  #pages: (readonly string[] | undefined)[] = [];

  constructor({ name, instance }: AgentId, nowMs: number) {
    this.name = name;
    this.#instance = instance;
    this.heardMs = nowMs;
    this.#reachedMs = nowMs;
  }

  get instance(): string {
    return this.#instance;
  }

  /** Is that an instance that has been replaced? */
  isRetired(instance: string): boolean {
    return this.#retired.has(instance);
  }

  /** The member was started anew: nothing is known of it. */
  restart(instance: string, nowMs: number): void {
    this.#retired.add(this.#instance);
    this.#instance = instance;
    this.binding = 0;
    this.nonce = 0;
    this.heardMs = nowMs;
    this.#reachedMs = nowMs;
    this.#asked.clear();
    this.#pages = [];
    this.ledger = undefined;
  }

  /** Takes a page of what it reports. Returns all of it when that was the last one missing. */
  takePage({ binding, report }: Renew): readonly string[] | undefined {
    if (report === undefined) return undefined;
    if (binding > this.binding || report.pages !== this.#pages.length) {
      this.#pages = Array.from({ length: report.pages });
      this.binding = binding;
    }
    this.#pages[report.page] = report.addresses;
    if (this.#pages.includes(undefined)) return undefined;
    const reported = this.#pages.flatMap((page) => page ?? []);
    this.#pages = [];
    return reported;
  }

  /** Notes which of our answers it has got. Returns whether they do not arrive any more. */
  isDeaf({ nonce, answered }: Renew, { grantMs, renewMs }: RaftTiming, nowMs: number): boolean {
    const patienceMs = grantMs + DEAF_RENEWALS * renewMs;
    this.#reachedMs = Math.max(this.#reachedMs, this.#asked.get(answered) ?? this.#reachedMs);
    for (const [old, askedMs] of this.#asked) {
      if (old < answered || askedMs < nowMs - patienceMs) this.#asked.delete(old);
    }
    this.#asked.set(nonce, nowMs);
    return nowMs - this.#reachedMs > patienceMs;
  }
}
