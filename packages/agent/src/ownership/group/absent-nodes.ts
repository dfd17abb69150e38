// SPDX-License-Identifier: Apache-2.0

/** A node can be deleted and registered again by its kubelet: absent for so long, it is gone. */
const GONE_AFTER_MS = 30_000;

/**
 * Which members of the group have no Node in the API any more. Whoever enters itself although its Node is absent is there,
 * whatever the API says. Pure: time is passed in.
 */
export class AbsentNodes {
  readonly #self: string;
  readonly #absentSinceMs = new Map<string, number>();
  /** Member -> its instance, and since when that has been entered. */
  #entered: ReadonlyMap<string, { readonly instance: string; readonly sinceMs: number }> = new Map();

  constructor(self: string) {
    this.#self = self;
  }

  /**
   * @param nodes names of all Nodes; undefined: not known well enough to say who is missing
   * @param members name -> instance
   */
  observe(
    nodes: ReadonlySet<string> | undefined,
    members: ReadonlyMap<string, { readonly instance: string }>,
    nowMs: number,
  ): void {
    const before = this.#entered;
    this.#entered = new Map(
      [...members].map(([name, { instance }]) => {
        const known = before.get(name);
        return [name, known?.instance === instance ? known : { instance, sinceMs: nowMs }];
      }),
    );
    // Agents outside of the cluster have no Nodes at all, and then none is missing.
    if (nodes === undefined || !nodes.has(this.#self)) {
      this.#absentSinceMs.clear();
      return;
    }
    for (const name of [...this.#absentSinceMs.keys()]) {
      if (nodes.has(name)) this.#absentSinceMs.delete(name);
    }
    for (const name of members.keys()) {
      if (!nodes.has(name) && !this.#absentSinceMs.has(name)) this.#absentSinceMs.set(name, nowMs);
    }
  }

  /** Those who are gone for good. */
  gone(nowMs: number): ReadonlySet<string> {
    const gone = new Set<string>();
    for (const [name, { sinceMs }] of this.#entered) {
      const absentMs = this.#absentSinceMs.get(name);
      if (absentMs === undefined || nowMs < absentMs + GONE_AFTER_MS) continue;
      if (name !== this.#self && sinceMs <= absentMs) gone.add(name);
    }
    return gone;
  }
}
