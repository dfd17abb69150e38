// SPDX-License-Identifier: Apache-2.0
import { choosePool } from '../choose-pool.ts';
import { parsePools } from '../parse.ts';
import type { Pool } from '../pool.ts';

/**
 * The pool that serves a Service without labels or wishes, by what the ConfigMap says.
 *
 * @throws Error when none does, with the reason.
 */
export function poolOf(data: Readonly<Record<string, string>>, namespace = 'default'): Pool {
  const choice = choosePool(parsePools(data), { namespace, labels: {}, requestedPool: undefined });
  if (!choice.ok) throw new Error(`${choice.reason}: ${choice.problem}`);
  return choice.pool;
}
