// SPDX-License-Identifier: Apache-2.0
import type { Message } from '../raft/messages.ts';

/** Renewals that are remembered at most; far more than can be under way. */
const MAX_PENDING = 64;

/** Watches how renewals are answered, for metrics: the first sign of a network or a machine that is too slow. */
export class RenewalWatch {
  readonly #lateMs: number;
  readonly #lostMs: number;
  /** Nonce -> when it was sent. */
  readonly #sent = new Map<number, number>();
  #late = 0;
  #lost = 0;

  /** @param lateMs an answer that took longer is late; @param lostMs no answer counts any more after this time */
  constructor(lateMs: number, lostMs: number) {
    this.#lateMs = lateMs;
    this.#lostMs = lostMs;
  }

  get late(): number {
    return this.#late;
  }

  get lost(): number {
    return this.#lost;
  }

  sent({ body }: Message, nowMs: number): void {
    if (body.type !== 'renew') return;
    for (const [nonce, sentMs] of this.#sent) {
      if (nowMs - sentMs < this.#lostMs && this.#sent.size < MAX_PENDING) break;
      this.#sent.delete(nonce);
      this.#lost++;
    }
    this.#sent.set(body.nonce, nowMs);
  }

  received({ body }: Message, nowMs: number): void {
    if (body.type !== 'grant') return;
    const sentMs = this.#sent.get(body.nonce);
    if (sentMs === undefined) return;
    // An answer to a later one answers those before it as well: pages of one report share their answer.
    for (const nonce of this.#sent.keys()) if (nonce <= body.nonce) this.#sent.delete(nonce);
    if (nowMs - sentMs > this.#lateMs) this.#late++;
  }
}
