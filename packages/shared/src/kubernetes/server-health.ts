// SPDX-License-Identifier: Apache-2.0

/**
 * What all users of one client know together about the server. When one of them sees the server answer again after a
 * failure, the others need not sleep out their backoff or trust a connection that may be dead: they are told.
 */
export class ServerHealth {
  #failing = false;
  readonly #onFailure: () => void;
  readonly #listeners = new Set<() => void>();

  /** @param onFailure called at each reported failure: the client closes idle connections, which may be dead as well */
  constructor(onFailure: () => void = () => {}) {
    this.#onFailure = onFailure;
  }

  /** True between a failed call and the next answer of the server. */
  get failing(): boolean {
    return this.#failing;
  }

  /** A call failed without a usable answer (not: was refused with 4xx). */
  reportFailure(): void {
    this.#failing = true;
    this.#onFailure();
  }

  /** The server answered a call. */
  reportAnswer(): void {
    if (!this.#failing) return;
    this.#failing = false;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Called each time the server answers again after a failure; listeners must not throw. Returns the unsubscriber. */
  onRecovery(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
