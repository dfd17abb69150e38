// SPDX-License-Identifier: Apache-2.0
import type { ServedService } from '../services/served-service.ts';
import { interfaceBySubnet, type Link } from '../system/links.ts';

/** What the choice of a link depends on. */
export interface InterfaceRule {
  /** `vip_servicesinterface`: a name or `auto`. */
  readonly servicesInterface: string | undefined;
  /** `vip_interface`. */
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

/**
 * On which link neighbours are answered for an address: annotation `serviceInterface`, else `vip_servicesinterface`,
 * else `vip_interface`, else the link with the default route. `auto` in the first two means the link whose subnet holds
 * the address, and, when there is none, the next in line. Pure.
 */
export function chooseInterface(
  address: string,
  service: Pick<ServedService, 'interface'>,
  rule: InterfaceRule,
): InterfaceChoice {
  const bySubnet = (name: string | undefined) =>
    name === AUTO ? interfaceBySubnet(rule.links, address) : name;
  const name =
    bySubnet(service.interface) ??
    bySubnet(rule.servicesInterface) ??
    rule.interface ??
    rule.defaultInterface;
  if (name === undefined) {
    return {
      ok: false,
      problem: `no link for ${address}: set vip_interface, or give the node a default route`,
    };
  }
  if (!rule.links.some((link) => link.name === name)) {
    const known = rule.links.map((link) => link.name).join(', ');
    return {
      ok: false,
      problem: `link "${name}" for ${address} does not exist on this node; it has ${known}`,
    };
  }
  return { ok: true, name };
}
