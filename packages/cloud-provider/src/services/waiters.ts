// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import { choosePool } from '../pools/choose-pool.ts';
import { type Pools, poolContains } from '../pools/pool.ts';
import { subjectOf } from './service-state.ts';
import { termsOf } from './sharing-terms.ts';
import { type WaitingGroup, WaitingList } from './waiting-list.ts';

/** What {@link Waiters} needs. */
export interface WaitersOptions {
  readonly clock: Clock;
  readonly stored: (key: string) => Service | undefined;
  /** Gives a Service what it waits for, if that is possible now; else says what it waits for. */
  readonly serve: (service: Service) => Need | undefined;
}

/** What a Service waits for: addresses of its pool (text: what of it), or that the holder of one address lets go. */
export type Need = { readonly of: 'pool'; readonly what: string } | { readonly of: 'holder' };

/** Services of a group ask the same of the same pool on the same terms: when one cannot be served, none can. */
interface PoolGroup extends WaitingGroup {
  /** Id of the pool; '' when they wait for none. */
  readonly pool: string;
  /** An address that others hold may do. */
  readonly shares: boolean;
}

/** Those that wait for no pool. */
const NO_POOL_GROUP: PoolGroup = { key: '', pool: '', shares: false };

/** Services that wait for an address, and who of them is served when one comes free. */
export class Waiters {
  readonly #options: WaitersOptions;
  readonly #list = new WaitingList<PoolGroup>();
  readonly #needs = new Map<string, Need>();
  #pools: Pools;
  #cooling: { readonly untilMs: number; readonly timer: Timer } | undefined;

  constructor(pools: Pools, options: WaitersOptions) {
    this.#pools = pools;
    this.#options = options;
  }

  /** Number of waiting Services. */
  get size(): number {
    return this.#list.size;
  }

  /** Number of waiting Services by id of the pool; '' for those that wait for no pool. */
  sizeByPool(): ReadonlyMap<string, number> {
    const sizes = new Map<string, number>();
    for (const [{ pool }, size] of this.#list.sizes()) {
      sizes.set(pool, (sizes.get(pool) ?? 0) + size);
    }
    return sizes;
  }

  /** All that wait, oldest first. */
  oldestFirst(): readonly string[] {
    return this.#list.oldestFirst();
  }

  /** Has the Service wait for this. */
  add(service: Service, need: Need): void {
    const key = keyOf(service);
    this.#needs.set(key, need);
    this.#list.add(key, service.metadata?.creationTimestamp ?? '', this.#groupOf(service, need));
  }

  /** The Service waits no more. */
  remove(key: string): void {
    this.#needs.delete(key);
    this.#list.remove(key);
  }

  /** Nobody waits any more. */
  clear(): void {
    this.#needs.clear();
    this.#list.clear();
    this.#cooling?.timer.cancel();
    this.#cooling = undefined;
  }

  /** Other pools are in force, and perhaps somebody can be served by them. */
  setPools(pools: Pools): void {
    this.#pools = pools;
    for (const key of this.#list.oldestFirst()) {
      const service = this.#options.stored(key);
      const need = this.#needs.get(key);
      if (service === undefined || need === undefined) this.remove(key);
      else this.add(service, need);
    }
    this.#offer(({ pool }) => pool !== '');
  }

  /** These addresses came free, or are held by fewer: whoever waits for one is served, oldest first. */
  offer(freed: readonly Address[], loosened: readonly Address[]): void {
    if (this.#list.size === 0 || freed.length + loosened.length === 0) return;
    this.#offer(({ pool: id, shares }) => {
      const pool = this.#pools.byId.get(id);
      const has = (address: Address) => pool !== undefined && poolContains(pool, address);
      return freed.some(has) || (shares && loosened.some(has));
    });
  }

  /** An address that somebody waits for cools down until then. Nobody who comes later may get it before those who wait. */
  wakeAt(untilMs: number | undefined): void {
    if (untilMs === undefined || (this.#cooling !== undefined && this.#cooling.untilMs <= untilMs)) return;
    const { clock } = this.#options;
    this.#cooling?.timer.cancel();
    const timer = clock.setTimer(() => this.#wake(untilMs), Math.max(1, untilMs - clock.monotonicMs()));
    this.#cooling = { untilMs, timer };
  }

  /** Serves those that wait for an address whose rest is over; to be called before anybody else is given one. */
  offerCooled(): void {
    const { clock } = this.#options;
    if (this.#cooling === undefined || this.#cooling.untilMs > clock.monotonicMs()) return;
    this.#cooling.timer.cancel();
    this.#cooling = undefined;
    this.#offer(({ pool }) => pool !== '');
  }

  #wake(untilMs: number): void {
    this.offerCooled();
    if (this.#cooling?.untilMs !== untilMs) return;
    // Timers may come a moment early.
    this.#cooling = undefined;
    this.wakeAt(untilMs);
  }

  #offer(concerns: (group: PoolGroup) => boolean): void {
    const { stored } = this.#options;
    this.#list.offer(concerns, (key) => {
      const service = stored(key);
      const need = service && this.#options.serve(service);
      // It may want something else by now, and must not stand in the way of those who still want this.
      if (service !== undefined && need !== undefined) this.add(service, need);
      else this.#needs.delete(key);
      return need === undefined;
    });
  }

  #groupOf(service: Service, need: Need): PoolGroup {
    if (need.of === 'holder') return NO_POOL_GROUP;
    const choice = choosePool(this.#pools, subjectOf(service));
    const pool = choice.ok ? choice.pool.id : '';
    const terms = termsOf(service, this.#pools);
    const { settled: _settled, ...shared } = terms ?? { settled: true };
    const key = JSON.stringify([pool, need.what, terms && shared]);
    return { key, pool, shares: terms !== undefined };
  }
}
