// SPDX-License-Identifier: Apache-2.0

/** Since when this host has seen each of its grants: what a takeover took is counted from there. */
export class GrantsSeen {
  readonly #since = new Map<string, number>();

  /** Granted address -> when the grant was first seen (monotonic), as of the last {@link note}. */
  get since(): ReadonlyMap<string, number> {
    return this.#since;
  }

  /** Takes what is granted now. */
  note(grants: ReadonlyMap<string, unknown>, nowMs: number): void {
    for (const address of this.#since.keys()) if (!grants.has(address)) this.#since.delete(address);
    for (const address of grants.keys()) if (!this.#since.has(address)) this.#since.set(address, nowMs);
  }
}
