// SPDX-License-Identifier: Apache-2.0
import type { HealthTarget } from '../balance/health/health-check.ts';
import type { BalancerEntry, EntryBackend } from './config/balancer-entry.ts';

/** What there is to probe. Names are left out: what they stand for may change with every connection. Pure. */
export function entryTargets(entries: readonly BalancerEntry[]): readonly HealthTarget[] {
  return entries.flatMap((entry) => {
    const { healthCheck: check, backends } = entry;
    if (check === undefined) return [];
    return backends
      .filter(({ isAddress }) => isAddress)
      .map((backend) => ({
        id: targetId(entry, backend),
        address: backend.host,
        port: check.port ?? backend.port,
        check,
        pace: 'full' as const,
      }));
  });
}

/** The back ends that are not known to be dead; all when all are: then it is more likely the check that is wrong. Pure. */
export function livingBackends(entry: BalancerEntry, down: ReadonlySet<string>): readonly EntryBackend[] {
  const alive = entry.backends.filter((backend) => !down.has(targetId(entry, backend)));
  return alive.length === 0 ? entry.backends : alive;
}

function targetId({ name }: BalancerEntry, { host, port }: EntryBackend): string {
  return `${name} ${host} ${port}`;
}
