// SPDX-License-Identifier: Apache-2.0
import type { Column } from './column.ts';
import { CORE_TABLES } from './columns-core.ts';
import { NETWORK_TABLES } from './columns-network.ts';
import { RBAC_TABLES } from './columns-rbac.ts';
import { WORKLOAD_TABLES } from './columns-workloads.ts';

/** Columns after NAME of every kind that has more than an age, by `group/Kind`. */
export const TABLES: ReadonlyMap<string, readonly Column[]> = new Map([
  ...CORE_TABLES,
  ...NETWORK_TABLES,
  ...RBAC_TABLES,
  ...WORKLOAD_TABLES,
]);
