// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from './api/objects.ts';
import type { Cause } from './api/status.ts';

/** What a strategy may know about the request it works for. */
export interface StrategyContext {
  /** `''` for the object itself, else `status`, `scale`, ... */
  readonly subresource: string;
  /** True when nothing is to be kept (`dryRun=All`). */
  readonly dryRun: boolean;
  /** Wall clock, passed in. */
  now(): Date;
}

/**
 * The rules of one kind, all pure: what the real API server does in defaulting, strategy and validation. Implementations
 * return new objects and never change their arguments. Generic metadata (uid, generation, timestamps, resourceVersion,
 * name and label syntax, which half of the object a status update may touch) is not their business.
 */
export interface ResourceStrategy {
  /** Defaults of an object that came from a client; runs for create, update and the result of a patch. */
  setDefaults(object: ApiObject): ApiObject;
  /** After defaulting, before validation: e.g. drop status on create. */
  prepareCreate(object: ApiObject, context: StrategyContext): ApiObject;
  /** Same for an update; `previous` is the stored object. Runs for the status sub-resource too (see context). */
  prepareUpdate(next: ApiObject, previous: ApiObject, context: StrategyContext): ApiObject;
  /** What is wrong with a new object; empty when it is fine. */
  validateCreate(object: ApiObject): readonly Cause[];
  /** What is wrong with a change; immutable fields belong here. */
  validateUpdate(next: ApiObject, previous: ApiObject, context: StrategyContext): readonly Cause[];
  /** Texts for `Warning:` headers; nothing is refused because of them. */
  warnings?(object: ApiObject, previous: ApiObject | undefined): readonly string[];
}

/** An object with what was allocated for it (cluster IPs, node ports) and the way back when the write fails. */
export interface Allocation {
  readonly object: ApiObject;
  /** Gives back what this allocation took. Must be called when the object is not stored (also for dry runs). */
  undo(): void;
  /** Gives back what the previous object held and the new one no longer does. Called once the write is stored. */
  commit(): void;
}

/** The allocation of a kind that takes nothing. */
export function unallocated(object: ApiObject): Allocation {
  return { object, undo: () => undefined, commit: () => undefined };
}

/** Allocates what a kind takes from a shared pool. State lives in memory and is rebuilt from the store by `hold`. */
export interface ResourceAllocator {
  /**
   * Runs after the strategy's preparation and before validation, as in the real server, for create (`previous`
   * undefined) and update. What it took is undone when validation or the write fails.
   * Throws a StatusError (422 `provided port is already allocated`, 500 `range is full`) when it cannot be had.
   */
  allocate(next: ApiObject, previous: ApiObject | undefined): Allocation;
  /** Gives back everything a removed object held. */
  release(object: ApiObject): void;
}

/** A strategy that accepts everything: the base for kinds without rules of their own. */
export const PERMISSIVE_STRATEGY: ResourceStrategy = {
  setDefaults: (object) => object,
  prepareCreate: (object) => object,
  prepareUpdate: (next) => next,
  validateCreate: () => [],
  validateUpdate: () => [],
};
