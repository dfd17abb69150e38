// SPDX-License-Identifier: Apache-2.0
import type { ServedService } from '../services/served-service.ts';
import type { Link } from '../system/link.ts';
import { firstLink, interfaceBySubnet, linkNames } from '../system/links.ts';

/** What the choice of a link depends on. */
export interface InterfaceRule {
  /** `vip_servicesinterface`: names or `auto`. */
  readonly servicesInterface: string | undefined;
  /** `vip_interface`: names. */
  readonly interface: string | undefined;
  /** Link with the default route. */
  readonly defaultInterface: string | undefined;
  readonly links: readonly Link[];
}

/** Value that means: the link whose subnet holds the address. */
const AUTO = 'auto';

/** The link for an address, or why there is none. */
export type InterfaceChoice =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly problem: string };

/** Whether the default route can matter, given `vip_interface`: a node may have thousands of routes to look through. Pure. */
export function needsDefaultRoute(ownInterface: string | undefined): boolean {
  return linkNames(ownInterface ?? '').every((name) => name === AUTO);
}

/**
 * {@link chooseInterface} for many addresses: where no subnet decides, the choice for one is that for all with the same
 * annotation. Pure.
 */
export function interfaceChooser(
  rule: InterfaceRule,
): (address: string, service: Pick<ServedService, 'interface'>) => InterfaceChoice {
  const chosen = new Map<string | undefined, InterfaceChoice>();
  return (address, service) => {
    const known = chosen.get(service.interface);
    if (known !== undefined) return known;
    const choice = chooseInterface(address, service, rule);
    const wishes = [service.interface, rule.servicesInterface, rule.interface];
    const isForAll = choice.ok && wishes.every((wish) => !linkNames(wish ?? '').includes(AUTO));
    if (isForAll) chosen.set(service.interface, choice);
    return choice;
  };
}

/**
 * On which link neighbours are answered for an address: annotation `serviceInterface`, else `vip_servicesinterface`,
 * else `vip_interface`, else the link with the default route. Each may be a comma list, of which the first link counts that
 * the node has. `auto` in it means the link whose subnet holds the address; when there is none, the next in line counts.
 * Pure.
 */
export function chooseInterface(
  address: string,
  service: Pick<ServedService, 'interface'>,
  rule: InterfaceRule,
): InterfaceChoice {
  const wishes = [service.interface, rule.servicesInterface, rule.interface, rule.defaultInterface];
  for (const wish of wishes) {
    const names = linkNames(wish ?? '');
    const bySubnet = names.includes(AUTO) ? interfaceBySubnet(rule.links, address) : undefined;
    const meant = names.flatMap((name) => (name === AUTO ? (bySubnet ?? []) : name));
    if (meant.length === 0) continue;
    const link = firstLink(rule.links, meant);
    if (link !== undefined) return { ok: true, name: link.name };
    const known = rule.links.map(({ name }) => name).join(', ');
    return {
      ok: false,
      problem: `link "${meant.join(',')}" for ${address} does not exist on this node; it has ${known}`,
    };
  }
  return {
    ok: false,
    problem: `no link for ${address}: set vip_interface, or give the node a default route`,
  };
}
