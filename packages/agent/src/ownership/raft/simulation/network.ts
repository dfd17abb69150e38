// SPDX-License-Identifier: Apache-2.0
import type { Random } from './random.ts';

/** What the network does to what goes from one host to another. */
export class Network {
  readonly #random: Random;
  /** `from>to`, one way -> faults that cut it. */
  readonly #cuts = new Map<string, number>();
  /** Share of messages that never arrive. */
  loss = 0;
  /** Share of messages that arrive twice. */
  duplication = 0.01;
  /** Longest way, while the network is slow; each message takes its own time, so they overtake each other. */
  slowMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  cut(from: string, to: string): void {
    const key = `${from}>${to}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }

  mend(from: string, to: string): void {
    const key = `${from}>${to}`;
    const left = (this.#cuts.get(key) ?? 0) - 1;
    if (left > 0) this.#cuts.set(key, left);
    else this.#cuts.delete(key);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  mendAll(): void {
    this.#cuts.clear();
    this.loss = 0;
    this.slowMs = 0;
  }

  /** How long a doubled message is under way the second time: often so long that nobody expects it any more. */
  echoMs(from: string, to: string): number | undefined {
    if (this.#cuts.size > 0 && this.isCut(from, to)) return undefined;
    if (!this.#random.chance(this.duplication)) return undefined;
    return this.#random.between(0.1, this.#random.chance(0.5) ? 600 : 5);
  }

  /** How long a message is under way; undefined: it is lost. */
  delayMs(from: string, to: string): number | undefined {
    if (this.#cuts.size > 0 && this.isCut(from, to)) return undefined;
    if (this.loss > 0 && this.#random.chance(this.loss)) return undefined;
    if (this.slowMs > 0) return this.#random.between(0.1, this.slowMs);
    // Mostly a switch and two event loops; now and then one of those is busy.
    return this.#random.between(0.1, this.#random.chance(0.02) ? 8 : 0.8);
  }
}
