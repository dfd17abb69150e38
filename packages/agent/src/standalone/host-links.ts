// SPDX-License-Identifier: Apache-2.0
import { chooseInterface, needsDefaultRoute } from '../manager/interfaces.ts';
import type { Link } from '../system/link.ts';
import { defaultRouteInterface, listLinks } from '../system/links.ts';

/** The links of this host and which one carries the default route. */
export interface HostLinks {
  readonly links: readonly Link[];
  readonly defaultInterface: string | undefined;
}

/** Asks the kernel; for the default route only where it can matter. */
export async function readHostLinks(wanted: string | undefined): Promise<HostLinks> {
  const [links, defaultInterface] = await Promise.all([
    listLinks(),
    needsDefaultRoute(wanted) ? defaultRouteInterface() : undefined,
  ]);
  return { links, defaultInterface };
}

/** Where this host can answer for addresses. */
export interface LinkChoice {
  /** Address -> link. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** Address -> why this host cannot answer for it now. */
  readonly unservable: ReadonlyMap<string, string>;
}

/** Finds a link that is up for each address. `wanted`: what the configuration names. Pure. */
export function chooseLinks(
  addresses: readonly string[],
  { links, defaultInterface }: HostLinks,
  wanted: string | undefined,
): LinkChoice {
  const interfaces = new Map<string, string>();
  const unservable = new Map<string, string>();
  for (const address of addresses) {
    const rule = { links, defaultInterface, interface: wanted, servicesInterface: undefined };
    const choice = chooseInterface(address, { interface: undefined }, rule);
    if (!choice.ok) {
      unservable.set(address, choice.problem);
      continue;
    }
    interfaces.set(address, choice.name);
    const isUp = links.some(({ name, isUp }) => name === choice.name && isUp);
    if (!isUp) unservable.set(address, `link "${choice.name}" is down or has no carrier`);
  }
  return { interfaces, unservable };
}
