// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { ServedService } from '../services/served-service.ts';
import type { DhcpIdentity, DhcpRequest } from './dhcp-addresses.ts';
import { clientOf } from './identity.ts';
import { ownershipKey } from './ownership-key.ts';

/**
 * Services that get one address from DHCP, made to say so by one ownership key, because two keys for one address are how
 * two nodes come to answer for it:
 *
 * - those with the same annotation `macvlanName` ask as the oldest of them does;
 * - one that names an address which another has by DHCP shares it, for as long as that lease is noted.
 *
 * Services come and go oldest first. Pure.
 */
export function shareLeases(services: readonly ServedService[]): readonly ServedService[] {
  if (services.every(({ dhcp }) => dhcp.length === 0)) return services;
  const alike = askAlike(services);
  const leased = new Map<string, string>();
  for (const { dhcp } of alike) {
    for (const { key, noted } of dhcp) {
      if (noted !== undefined && !leased.has(noted.address)) leased.set(noted.address, key);
    }
  }
  return alike.map((service) => replaceAddresses(service, leased));
}

function askAlike(services: readonly ServedService[]): readonly ServedService[] {
  const identities = new Map<string, DhcpIdentity>();
  return services.map((service) => {
    const name = service.object.metadata?.annotations?.[ANNOTATION.macvlanName]?.trim();
    const own = service.dhcp[0]?.identity;
    if (!name || own === undefined) return service;
    const identity = identities.get(name) ?? own;
    identities.set(name, identity);
    const renamed = new Map<string, string>();
    const dhcp = service.dhcp.map((request): DhcpRequest => {
      const key = ownershipKey(request.family, clientOf(request.family, identity));
      renamed.set(request.key, key);
      return { ...request, key, identity };
    });
    return { ...replaceAddresses(service, renamed), dhcp };
  });
}

function replaceAddresses(service: ServedService, names: ReadonlyMap<string, string>): ServedService {
  if (!service.addresses.some((address) => names.has(address))) return service;
  return {
    ...service,
    addresses: [...new Set(service.addresses.map((address) => names.get(address) ?? address))],
  };
}
