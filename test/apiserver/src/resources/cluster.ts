// SPDX-License-Identifier: Apache-2.0
import type { Store } from '../store/store.ts';
import { PERMISSIVE_STRATEGY, type ResourceAllocator, type ResourceStrategy } from '../strategy.ts';
import { kindKey, type ResourceDefinition } from './definition.ts';

/** The state of one cluster and the rules that guard it: what every operation works on. */
export interface Cluster {
  readonly store: Store;
  /** By `group/Kind`; kinds without an entry accept everything. */
  readonly strategies: ReadonlyMap<string, ResourceStrategy>;
  /** By `group/Kind`. */
  readonly allocators: ReadonlyMap<string, ResourceAllocator>;
  now(): Date;
  uuid(): string;
  /** In [0, 1). */
  random(): number;
}

/** How a write is to be done. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  /** `''`, `status`, `scale`, `finalize`, `binding`. */
  readonly subresource: string;
  /** True for server-side apply, which has done its own field bookkeeping. */
  readonly applied: boolean;
  /** Collects texts for `Warning:` headers. */
  readonly warn: (text: string) => void;
}

/** Plain write by the server itself. */
export const INTERNAL_WRITE: WriteOptions = {
  dryRun: false,
  fieldManager: 'apiserver',
  subresource: '',
  applied: false,
  warn: () => undefined,
};

export function strategyOf(cluster: Cluster, definition: ResourceDefinition): ResourceStrategy {
  return cluster.strategies.get(kindKey(definition)) ?? PERMISSIVE_STRATEGY;
}

export function allocatorOf(cluster: Cluster, definition: ResourceDefinition): ResourceAllocator | undefined {
  return cluster.allocators.get(kindKey(definition));
}
