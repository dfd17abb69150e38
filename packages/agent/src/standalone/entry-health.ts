// SPDX-License-Identifier: Apache-2.0
import type { HealthTarget } from '../balance/health/health-check.ts';
import type { BalancerEntry, EntryBackend } from './config/balancer-entry.ts';
import type { Demand } from './demand.ts';

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

/** What to think dead: what its probes say of it, and all that runs on a host that is lost. Pure. */
export function deadTargets(
  { entries, hosts }: Pick<Demand, 'entries' | 'hosts'>,
  down: ReadonlySet<string>,
  lostHosts: ReadonlySet<string>,
): ReadonlySet<string> {
  const lost = new Set([...lostHosts].flatMap((name) => hosts.get(name) ?? []));
  if (lost.size === 0) return down;
  const dead = new Set(down);
  for (const entry of entries) {
    for (const backend of entry.backends) if (lost.has(backend.host)) dead.add(targetId(entry, backend));
  }
  return dead;
}

function targetId({ name }: BalancerEntry, { host, port }: EntryBackend): string {
  return `${name} ${host} ${port}`;
}
