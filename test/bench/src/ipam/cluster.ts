// SPDX-License-Identifier: Apache-2.0
import { allocate } from '@fairlead/cloud-provider/allocator/allocate.ts';
import { Holdings } from '@fairlead/cloud-provider/allocator/holdings.ts';
import { choosePool } from '@fairlead/cloud-provider/pools/choose-pool.ts';
import { parsePools } from '@fairlead/cloud-provider/pools/parse.ts';
import type { Pool } from '@fairlead/cloud-provider/pools/pool.ts';
import type { Case } from './cases.ts';

/** Default of `--release-rest`. */
const REST_MS = 60_000;
/** One Service comes and one goes, 100 times a second. */
const STEP_MS = 10;
/** Divides no usual size, so that with it all places have their turn. */
const STRIDE = 7_919;
const CREATED_MS = Date.UTC(2026, 0, 1);

/** A cluster's addresses, as the cloud provider keeps them, with a fixed number of Services that come and go. */
export class Cluster {
  readonly holdings = new Holdings({ restOf: () => REST_MS });
  readonly pool: Pool;
  readonly #case: Case;
  /** Numbers of the Services there are, in no particular order. Outside the heap, so as not to be counted as memory of ours. */
  readonly #present: Int32Array;
  #created = 0;
  #nowMs = 0;

  constructor(chosen: Case, size: number) {
    this.#case = chosen;
    const subject = { namespace: 'default', labels: {}, requestedPool: undefined };
    const choice = choosePool(parsePools(chosen.pool), subject);
    if (!choice.ok) throw new Error(`case ${chosen.name} has no pool: ${choice.problem}`);
    this.pool = choice.pool;
    this.#present = Int32Array.from({ length: size }, (_, i) => i);
    for (; this.#created < size; this.#created++) this.#observe(this.#created);
  }

  /** Bytes outside the heap that are the benchmark's own. */
  get ownBytes(): number {
    return this.#present.byteLength;
  }

  /**
   * A Service comes in the place of another that goes. Both take what the reconciler does: the address is chosen and
   * reserved, observed as written, and the reservation ends; or it is released. Returns how long each took.
   */
  step(): { readonly arrivalMs: number; readonly releaseMs: number } {
    const place = (this.#created * STRIDE) % this.#present.length;
    const leaver = this.#present[place];
    const newcomer = this.#created++;
    this.#present[place] = newcomer;
    const arrivalMs = this.#arrive(newcomer);
    const service = keyOf(leaver ?? 0);
    const startedMs = performance.now();
    this.holdings.forget(service, this.#nowMs);
    return { arrivalMs, releaseMs: performance.now() - startedMs };
  }

  #arrive(number: number): number {
    const service = keyOf(number);
    const createdAt = timestampOf(number);
    const sharing = this.#case.sharing?.(number);
    const families = { policy: 'SingleStack', families: [this.#case.family] } as const;
    this.#nowMs += STEP_MS;
    const startedMs = performance.now();
    const result = allocate(
      this.pool,
      { service, families, preferred: [], sharing },
      this.holdings,
      this.#nowMs,
    );
    if (!result.ok) throw new Error(`case ${this.#case.name}: ${result.reason}`);
    const accepted = result.addresses.map((address) => ({ ...address, standing: 'accepted' as const }));
    const reserved = accepted.map((address) => ({ ...address, createdAt, sharing }));
    this.holdings.reserve(service, reserved, this.#nowMs);
    this.holdings.observe({ service, addresses: accepted, createdAt, sharing }, this.#nowMs);
    this.holdings.reserve(service, [], this.#nowMs);
    return performance.now() - startedMs;
  }

  #observe(number: number): void {
    const { family, heldAt, sharing } = this.#case;
    const addresses = [{ family, value: heldAt(number), standing: 'accepted' as const }];
    const createdAt = timestampOf(number);
    this.holdings.observe({ service: keyOf(number), addresses, createdAt, sharing: sharing?.(number) }, 0);
  }
}

function keyOf(number: number): string {
  return `team-${number % 50}/web-${number}`;
}

function timestampOf(number: number): string {
  return `${new Date(CREATED_MS + number * 1_000).toISOString().slice(0, 19)}Z`;
}
