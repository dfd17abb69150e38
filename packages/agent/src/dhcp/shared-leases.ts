// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { ServedService } from '../services/served-service.ts';
import type { DhcpIdentity, DhcpRequest } from './dhcp-addresses.ts';
import { clientOf } from './identity.ts';
import { isOwnershipKey, ownershipKey } from './ownership-key.ts';

/**
 * Sees to it that one address has one owner, whoever says that it is theirs. Two names for one address in ownership are how
 * two nodes come to answer for it:
 *
 * - Services with the same annotation `macvlanName` ask as the oldest of them does, under one key.
 * - What a Service notes about its lease counts only if no older Service names or notes that address. Otherwise (a copied
 *   manifest, a pool that overlaps the server's range) it asks anew, and the check for conflicts does the rest.
 * - An address from DHCP that a younger Service names, too, binds the two together: they move as one.
 *
 * Services come and go oldest first. Pure.
 */
export function shareLeases(services: readonly ServedService[]): readonly ServedService[] {
  if (services.every(({ dhcp }) => dhcp.length === 0)) return services;
  return bindLeases(askAlike(services));
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
    const addresses = service.addresses.map((address) => renamed.get(address) ?? address);
    return { ...service, dhcp, addresses: [...new Set(addresses)] };
  });
}

function bindLeases(services: readonly ServedService[]): readonly ServedService[] {
  /** Address -> place in the list of the first that names it, and of the first that notes it, with its key. */
  const named = new Map<string, number>();
  const noted = new Map<string, { readonly key: string; readonly place: number }>();
  services.forEach(({ addresses, dhcp }, place) => {
    for (const address of addresses) {
      if (!isOwnershipKey(address) && !named.has(address)) named.set(address, place);
    }
    for (const { key, noted: lease } of dhcp) {
      if (lease !== undefined && !noted.has(lease.address)) noted.set(lease.address, { key, place });
    }
  });
  const isFirst = (address: string, key: string): boolean => {
    const first = noted.get(address);
    return first?.key === key && (named.get(address) ?? services.length) > first.place;
  };
  return services.map((service) => {
    if (service.dhcp.length === 0) return service;
    const dhcp = service.dhcp.map((request) =>
      request.noted === undefined || isFirst(request.noted.address, request.key)
        ? request
        : { ...request, noted: undefined },
    );
    const bound = dhcp.flatMap(({ noted: lease }) =>
      lease !== undefined && named.has(lease.address) ? [lease.address] : [],
    );
    return { ...service, dhcp, ...(bound.length === 0 ? {} : { bound }) };
  });
}
