// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import type { BalanceModel, Frontend } from '../balance/model/frontend.ts';
import type { BalancerEntry } from './config/balancer-entry.ts';
import { livingBackends } from './entry-health.ts';

/**
 * What a plane in the kernel has to do for these entries, without the back ends that are known to be dead: a frontend for each
 * address, with the back ends of its family. What only user space can do is refused when the configuration is read. Pure.
 */
export function entryModel(entries: readonly BalancerEntry[], down: ReadonlySet<string>): BalanceModel {
  const frontends = new Map<string, Frontend>();
  for (const entry of entries) {
    for (const address of entry.addresses ?? []) {
      const frontend = frontendOf(entry, address, down);
      if (frontend !== undefined) frontends.set(frontend.id, frontend);
    }
  }
  return { frontends, problems: new Map() };
}

function frontendOf(entry: BalancerEntry, address: string, down: ReadonlySet<string>): Frontend | undefined {
  const { name, mode, port, scheduler, kernelScheduler, affinitySeconds, forwarding } = entry;
  const family = addressOf(address)?.family;
  if (family === undefined || mode === 'http') return undefined;
  return {
    id: `${mode}/${port}/${address}`,
    service: name,
    family,
    address,
    protocol: mode,
    port,
    backends: livingBackends(entry, down)
      .filter(({ host }) => addressOf(host)?.family === family)
      .map((backend) => ({
        address: backend.host,
        port: backend.port,
        weight: backend.weight,
        node: undefined,
      })),
    scheduler,
    ...(kernelScheduler !== undefined && { kernelScheduler }),
    affinitySeconds,
    // There are no nodes to send to: back ends hold the address themselves.
    forwarding: forwarding === 'dsr' ? 'directRoute' : forwarding,
    // Back ends are elsewhere, and would answer past this host otherwise; with DSR that is what they are to do.
    masquerade: forwarding === 'nat',
  };
}
