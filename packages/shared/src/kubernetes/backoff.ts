// SPDX-License-Identifier: Apache-2.0

/** Bounds of a {@link Backoff}. */
export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** [0, 1). */
  readonly random: () => number;
}

/** Growing pauses between tries: doubling, with jitter downwards by up to half, never above the maximum. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and says how long to pause; `maxMs` overrides the maximum for this pause. */
  next(maxMs = this.#options.maxMs): number {
    const { minMs, random } = this.#options;
    // 2^30 x any sensible minimum is beyond any sensible maximum; larger exponents only lose precision.
    const fullMs = Math.min(minMs * 2 ** Math.min(this.#failures, 30), maxMs);
    this.#failures += 1;
    return fullMs * (1 - random() / 2);
  }

  /** A try succeeded. */
  reset(): void {
    this.#failures = 0;
  }
}
