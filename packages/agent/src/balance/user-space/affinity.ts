// SPDX-License-Identifier: Apache-2.0

interface Entry {
  readonly target: string;
  readonly untilMs: number;
}

/** Clients that are remembered at one time; a flood of sources then costs memory for so many and no more. */
const MAX_CLIENTS = 65_536;

/** Which target a client was last sent to (`sessionAffinity: ClientIP`). Time is an argument: monotonic milliseconds. */
export class AffinityTable {
  /** The longest silent first. */
  readonly #entries = new Map<string, Entry>();
  readonly #maxClients: number;

  constructor(maxClients = MAX_CLIENTS) {
    this.#maxClients = maxClients;
  }

  /** The target of a client that was not away for too long. */
  targetOf(client: string, nowMs: number): string | undefined {
    const entry = this.#entries.get(client);
    if (entry === undefined) return undefined;
    if (entry.untilMs > nowMs) return entry.target;
    this.#entries.delete(client);
    return undefined;
  }

  /** The client has just been with the target, and may be away for `timeoutMs`. */
  note(client: string, target: string, nowMs: number, timeoutMs: number): void {
    // Anew, and not in place: the order of the map is the order of the last visits.
    this.#entries.delete(client);
    this.#entries.set(client, { target, untilMs: nowMs + timeoutMs });
    if (this.#entries.size <= this.#maxClients) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Forgets clients of targets that there are no more. */
  keep(targets: ReadonlySet<string>): void {
    for (const [client, { target }] of this.#entries) if (!targets.has(target)) this.#entries.delete(client);
  }

  /** Forgets everybody. */
  clear(): void {
    this.#entries.clear();
  }
}
