// SPDX-License-Identifier: Apache-2.0
import type { ProxyListener, ProxyTarget } from '../balance/user-space/listener.ts';
import type { BalancerEntry, EntryBackend } from './config/balancer-entry.ts';
import { livingBackends } from './entry-health.ts';

/** What the user-space plane has to do for these entries, without the back ends that are known to be dead. Pure. */
export function entryListeners(
  entries: readonly BalancerEntry[],
  down: ReadonlySet<string>,
): readonly ProxyListener[] {
  return entries.flatMap((entry) => {
    const targets = livingBackends(entry, down).map(targetOf);
    return (entry.addresses ?? [undefined]).map((address) => ({
      id: listenerId(entry, address),
      service: entry.name,
      mode: entry.mode,
      address,
      port: entry.port,
      targets,
      scheduler: entry.scheduler,
      affinitySeconds: entry.affinitySeconds,
      options: entry.options,
    }));
  });
}

/** `tcp/6443/192.0.2.75`, or `tcp/6443/*` for every address. */
export function listenerId({ mode, port }: BalancerEntry, address: string | undefined): string {
  return `${mode}/${port}/${address ?? '*'}`;
}

function targetOf({ host, port, weight, http }: EntryBackend): ProxyTarget {
  const id = `${http?.scheme ?? ''}${http?.basePath ?? ''} ${host} ${port}`.trim();
  return { id, host, port, weight, ...(http !== undefined && { http }) };
}
