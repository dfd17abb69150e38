// SPDX-License-Identifier: Apache-2.0

interface Waiter {
  readonly service: string;
  readonly createdAt: string;
}

/** Services that ask the same of the same pool. */
export interface WaitingGroup {
  /** Two groups with the same key are one. */
  readonly key: string;
}

interface Queue<Group> {
  readonly group: Group;
  /** Sorted by age, then name; never empty. */
  readonly waiters: Waiter[];
}

/**
 * Services that wait for an address, oldest first. Those that ask the same of the same pool form a group: when the oldest
 * of a group cannot be served, nobody else of the group can.
 */
export class WaitingList<Group extends WaitingGroup> {
  /** By key of the group. */
  readonly #queues = new Map<string, Queue<Group>>();
  readonly #placeOf = new Map<string, { readonly queue: Queue<Group>; readonly waiter: Waiter }>();

  /** Number of waiting Services. */
  get size(): number {
    return this.#placeOf.size;
  }

  /** Adds a Service, or moves it to another group. */
  add(service: string, createdAt: string, group: Group): void {
    if (this.#placeOf.get(service)?.queue.group.key === group.key) return;
    this.remove(service);
    const waiter = { service, createdAt };
    const queue = this.#queues.get(group.key) ?? { group, waiters: [] };
    queue.waiters.splice(position(queue.waiters, waiter), 0, waiter);
    this.#queues.set(group.key, queue);
    this.#placeOf.set(service, { queue, waiter });
  }

  /** Removes a Service; no effect when it does not wait. */
  remove(service: string): void {
    const found = this.#placeOf.get(service);
    if (found === undefined) return;
    const { queue, waiter } = found;
    this.#placeOf.delete(service);
    queue.waiters.splice(position(queue.waiters, waiter), 1);
    if (queue.waiters.length === 0) this.#queues.delete(queue.group.key);
  }

  /** Number of waiting Services by group. */
  *sizes(): Iterable<readonly [Group, number]> {
    for (const { group, waiters } of this.#queues.values()) yield [group, waiters.length];
  }

  /** All waiting Services, oldest first. */
  oldestFirst(): readonly string[] {
    return [...this.#queues.values()]
      .flatMap(({ waiters }) => waiters)
      .sort(byAge)
      .map(({ service }) => service);
  }

  /** Removes all. */
  clear(): void {
    this.#queues.clear();
    this.#placeOf.clear();
  }

  /**
   * Offers what has become free to the waiters of the groups that `concerns`, oldest first over all groups, and removes
   * those that `serve` accepts. A group is left alone after its first refusal, unless it turns out that the Service belongs
   * to another group by now.
   */
  offer(concerns: (group: Group) => boolean, serve: (service: string) => boolean): void {
    const open = new Set<string>();
    for (const [key, { group }] of this.#queues) if (concerns(group)) open.add(key);
    for (let next = this.#oldestOf(open); next !== undefined; next = this.#oldestOf(open)) {
      const { key, waiter } = next;
      if (serve(waiter.service)) this.remove(waiter.service);
      else if (this.#placeOf.get(waiter.service)?.queue.group.key === key) open.delete(key);
    }
  }

  #oldestOf(keys: Iterable<string>): { readonly key: string; readonly waiter: Waiter } | undefined {
    let oldest: { readonly key: string; readonly waiter: Waiter } | undefined;
    for (const key of keys) {
      const waiter = this.#queues.get(key)?.waiters[0];
      if (waiter === undefined) continue;
      if (oldest === undefined || byAge(waiter, oldest.waiter) < 0) oldest = { key, waiter };
    }
    return oldest;
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
