// SPDX-License-Identifier: Apache-2.0
import { type Address, addressOf, formatAddress, isUnspecified } from '@fairlead/shared/address/address.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { Link } from '../../system/link.ts';

/** What an agent's own address can be taken from. */
export interface AddressSources {
  /** What the operator has set; wins. */
  readonly setting: string | undefined;
  /** Undefined: IPv4 if there is one, else IPv6. */
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /** This node, as the API has it; undefined: it has none (yet). */
  readonly node: Node | undefined;
  /** The link on which this agent answers; undefined: none was found. */
  readonly link: Link | undefined;
}

/**
 * The address at which the other agents reach this one: what is set, else the InternalIP of the Node, else the link's own.
 * Undefined: there is none of the family. Pure.
 */
export function ownAddress({ setting, family, node, link }: AddressSources): string | undefined {
  if (setting !== undefined) return setting;
  const internal = (node?.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  // Ours are never permanent, and neither are those of other address managers: the node's own is.
  const own = (link?.addresses ?? []).filter(
    ({ scope, validSeconds }) => scope === 'global' && validSeconds === Number.POSITIVE_INFINITY,
  );
  const known = [...internal.map(({ address }) => address), ...own.map(({ address }) => address)].flatMap(
    (text) => usable(text) ?? [],
  );
  const wanted = family === undefined ? [4, 6] : [family === 'ipv4' ? 4 : 6];
  for (const version of wanted) {
    const found = known.find((address) => address.family === version);
    if (found !== undefined) return formatAddress(found);
  }
  return undefined;
}

function usable(text: string): Address | undefined {
  const address = addressOf(text);
  return address === undefined || isUnspecified(address) ? undefined : address;
}

/** `192.0.2.1:7947`, `[2001:db8::1]:7947`. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Where to listen for datagrams to an address of this family: at all of them. */
export function listenAddress(address: string): '0.0.0.0' | '::' {
  return address.includes(':') ? '::' : '0.0.0.0';
}
