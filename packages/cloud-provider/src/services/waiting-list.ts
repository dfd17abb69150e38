// SPDX-License-Identifier: Apache-2.0

interface Waiter {
  readonly service: string;
  readonly createdAt: string;
}

/**
 * Services that wait for an address, oldest first. Those that ask the same of the same pool form a group: when the oldest
 * of a group cannot be served, nobody else of the group can.
 */
export class WaitingList {
  /** Waiters by group, each sorted by age, then name. */
  readonly #groups = new Map<string, Waiter[]>();
  readonly #groupOf = new Map<string, { readonly group: string; readonly waiter: Waiter }>();

  /** Number of waiting Services. */
  get size(): number {
    return this.#groupOf.size;
  }

  /** Whether the Service waits. */
  has(service: string): boolean {
    return this.#groupOf.has(service);
  }

  /** Adds a Service, or moves it to another group. */
  add(service: string, createdAt: string, group: string): void {
    if (this.#groupOf.get(service)?.group === group) return;
    this.remove(service);
    const waiter = { service, createdAt };
    const waiters = this.#groups.get(group) ?? [];
    waiters.splice(position(waiters, waiter), 0, waiter);
    this.#groups.set(group, waiters);
    this.#groupOf.set(service, { group, waiter });
  }

  /** Removes a Service; no effect when it does not wait. */
  remove(service: string): void {
    const found = this.#groupOf.get(service);
    if (found === undefined) return;
    this.#groupOf.delete(service);
    const waiters = this.#groups.get(found.group) ?? [];
    waiters.splice(position(waiters, found.waiter), 1);
    if (waiters.length === 0) this.#groups.delete(found.group);
  }

  /** Number of waiting Services by group. */
  *sizes(): Iterable<readonly [string, number]> {
    for (const [group, waiters] of this.#groups) yield [group, waiters.length];
  }

  /** All waiting Services, oldest first. */
  oldestFirst(): readonly string[] {
    return [...this.#groups.values()]
      .flat()
      .sort(byAge)
      .map(({ service }) => service);
  }

  /** Removes all. */
  clear(): void {
    this.#groups.clear();
    this.#groupOf.clear();
  }

  /**
   * Offers what has become free to the waiters of the groups that `concerns`, oldest first over all groups, and removes
   * those that `serve` accepts. A group is left alone after its first refusal, unless it turns out that the Service belongs
   * to another group by now.
   */
  offer(concerns: (group: string) => boolean, serve: (service: string) => boolean): void {
    const open = new Set([...this.#groups.keys()].filter(concerns));
    while (open.size > 0) {
      const [next] = [...open]
        .flatMap((group) => this.#headOf(group))
        .sort((a, b) => byAge(a.waiter, b.waiter));
      if (next === undefined) return;
      if (serve(next.waiter.service)) this.remove(next.waiter.service);
      else if (this.#groupOf.get(next.waiter.service)?.group === next.group) open.delete(next.group);
    }
  }

  #headOf(group: string): { readonly group: string; readonly waiter: Waiter }[] {
    const waiter = this.#groups.get(group)?.[0];
    return waiter === undefined ? [] : [{ group, waiter }];
  }
}

function byAge(a: Waiter, b: Waiter): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}

/** Where the waiter stands, or would stand, in the sorted list. */
function position(waiters: readonly Waiter[], waiter: Waiter): number {
  let low = 0;
  let high = waiters.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = waiters[middle];
    if (other !== undefined && byAge(other, waiter) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
