// SPDX-License-Identifier: Apache-2.0

/**
 * What is on this node, as the thread that holds the grants knows it. The main thread puts addresses on and off, some
 * milliseconds later, and its words can cross what was granted meanwhile. An address counts as on the node from the moment
 * that it was granted until the main thread says that it has done everything up to a later version, and that the address
 * is not there. Pure.
 */
export class KernelView {
  /** Version -> what was granted in it, for versions that the main thread has not spoken of yet. */
  readonly #pending = new Map<number, ReadonlySet<string>>();
  #reported: ReadonlySet<string> = new Set();
  #version = 0;

  /** Version of what was granted last. */
  get version(): number {
    return this.#version;
  }

  /** Something else is granted; returns its version, for the main thread. */
  granted(addresses: ReadonlySet<string>): number {
    this.#version++;
    this.#pending.set(this.#version, addresses);
    return this.#version;
  }

  /** The main thread has done what `version` asks for, and has these addresses on the node now. */
  reported(addresses: ReadonlySet<string>, version: number): void {
    this.#reported = addresses;
    for (const known of this.#pending.keys()) if (known <= version) this.#pending.delete(known);
  }

  /** Everything that may be on the node. */
  get addresses(): ReadonlySet<string> {
    if (this.#pending.size === 0) return this.#reported;
    const all = new Set(this.#reported);
    for (const addresses of this.#pending.values()) for (const address of addresses) all.add(address);
    return all;
  }
}
