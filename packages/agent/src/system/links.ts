// SPDX-License-Identifier: Apache-2.0
import { addressOf, bitsOf, FAMILIES } from '@fairlead/shared/address/address.ts';
import { cidrContains, cidrOf } from '@fairlead/shared/address/cidr.ts';
import type { Link } from './link.ts';
import { ALL_ADDRESSES, ALL_LINKS, linksIn } from './link-messages.ts';
import { dump } from './netlink.ts';
import { allRoutes, defaultRouteLink } from './route-messages.ts';

/** All links of this network namespace with their addresses, asked from the kernel itself. Rejects as {@link dump} throws. */
export async function listLinks(): Promise<readonly Link[]> {
  return linksIn(dump(ALL_LINKS), dump(ALL_ADDRESSES));
}

/**
 * The link that carries the default route, IPv4 first; undefined when there is none. For `vip_interface` = `auto`
 * and for agents that were told no interface. Rejects as {@link dump} throws.
 */
export async function defaultRouteInterface(): Promise<string | undefined> {
  for (const family of FAMILIES) {
    const index = defaultRouteLink(dump(allRoutes(family)));
    const link = index === undefined ? undefined : (await listLinks()).find((each) => each.index === index);
    if (link !== undefined) return link.name;
  }
  return undefined;
}

/** The names in a comma list of links, as in `eth0,ens3`. */
export function linkNames(text: string): readonly string[] {
  return text.split(',').flatMap((name) => name.trim() || []);
}

/**
 * The first link of these names that this node has, one that is up before one that is not: the same list serves nodes whose
 * links are named differently. Undefined when it has none of them. Pure.
 */
export function firstLink(links: readonly Link[], names: readonly string[]): Link | undefined {
  const present = names.flatMap((name) => links.find((link) => link.name === name) ?? []);
  return present.find(({ isUp }) => isUp) ?? present[0];
}

/**
 * The link on whose subnet an address lies: the longest matching prefix of any link that is up, leaving out loopback
 * and single-host prefixes (those are addresses held, not subnets). Undefined when no subnet holds it.
 */
export function interfaceBySubnet(links: readonly Link[], address: string): string | undefined {
  const wanted = addressOf(address);
  if (wanted === undefined) return undefined;
  let best: { readonly name: string; readonly length: number } | undefined;
  for (const link of links) {
    if (link.kind === 'loopback' || !link.isUp) continue;
    for (const own of link.addresses) {
      const base = addressOf(own.address);
      if (base === undefined || own.prefixLength >= bitsOf(own.family) || own.scope === 'link') continue;
      if (!cidrContains(cidrOf(base, own.prefixLength), wanted)) continue;
      if (best === undefined || own.prefixLength > best.length)
        best = { name: link.name, length: own.prefixLength };
    }
  }
  return best?.name;
}
