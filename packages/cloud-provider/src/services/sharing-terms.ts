// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Holdings } from '../allocator/holdings.ts';
import type { SharingTerms } from '../allocator/sharing.ts';
import { interfaceFor, mayShare, type Pools } from '../pools/pool.ts';

/** On what terms the Service shares addresses; undefined when its namespace may not. */
export function termsOf(service: Service, pools: Pools): SharingTerms | undefined {
  const { namespace = '', annotations } = service.metadata ?? {};
  if (!mayShare(pools, namespace)) return undefined;
  const ports = portsOf(service);
  const admitted = annotations?.[ANNOTATION.sharedPorts];
  const selector = canonicalSelector(service);
  const isLocal = service.spec?.externalTrafficPolicy === 'Local' && !pools.ownDataPlane;
  return {
    namespace,
    acrossNamespaces: annotations?.[ANNOTATION.shareAcrossNamespaces] === 'true',
    ports,
    settled: admitted === undefined || admitted === ports.join(),
    localSelector: isLocal ? selector : undefined,
    selector,
    interface: annotations?.[ANNOTATION.serviceInterface] ?? interfaceFor(pools, namespace) ?? '',
  };
}

/**
 * The ports to remember for a Service that is to have these addresses; undefined: leave what is there. They are written
 * along with an address, and for a Service that was alone so far as soon as another one joins it.
 */
export function sharedPortsFor(
  service: Service,
  addresses: readonly Address[],
  isNew: boolean,
  { pools, holdings }: { readonly pools: Pools; readonly holdings: Holdings },
): string | undefined {
  const terms = termsOf(service, pools);
  if (terms === undefined || terms.ports.length === 0) return undefined;
  const key = keyOf(service);
  const joined = () => addresses.some((one) => holdings.holdersOf(one).some((holder) => holder !== key));
  return isNew || remembersPorts(service) || joined() ? terms.ports.join() : undefined;
}

/** Whether it is written down with which ports the Service was let onto its addresses. */
export function remembersPorts({ metadata }: Service): boolean {
  return metadata?.annotations?.[ANNOTATION.sharedPorts] !== undefined;
}

/** `TCP/80`, sorted, each once. */
export function portsOf({ spec }: Service): readonly string[] {
  return [...new Set((spec?.ports ?? []).map(({ protocol = 'TCP', port }) => `${protocol}/${port}`))].sort();
}

/** Without a selector the endpoints are made by hand, and nobody can tell whether two Services have the same. */
function canonicalSelector(service: Service): string {
  const { spec } = service;
  if (Object.keys(spec?.selector ?? {}).length === 0) return `endpoints of ${keyOf(service)}`;
  const entries = Object.entries(spec?.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${value}`).join();
}
