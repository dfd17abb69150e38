// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorName } from 'node:util';
import { type Address, addressOf } from '@fairlead/shared/address/address.ts';
import { linkIndex } from './libc.ts';
import type { Link, LinkAddress } from './link.ts';
import { removal, renewal } from './link-messages.ts';
import { type NetlinkRequest, request } from './netlink.ts';

/** An address of ours on the link that carries it. */
export interface PlacedAddress {
  /** Canonical text. */
  readonly address: string;
  /** `lo`, or the link on which it is answered for. */
  readonly link: string;
  /** Of an IPv4 address. Default `host`. */
  readonly scope?: 'host' | 'global';
}

/** An address that the kernel did not accept or give back. */
export interface AddressFailure {
  readonly address: string;
  readonly problem: string;
}

/** Longest link name (and IPv4 label) the kernel takes: IFNAMSIZ - 1. */
const MAX_LABEL_LENGTH = 15;
const LABEL_SUFFIX = ':fl';

/**
 * The label by which IPv4 addresses of ours are known (`lo:fl`), or undefined on links whose name leaves no room.
 * iproute2 6.1 cannot write the protocol attribute of addresses and IPv6 addresses have no label, so what we own is
 * found by three marks together, see {@link isOurs}.
 */
export function labelOf(link: string): string | undefined {
  return link.length + LABEL_SUFFIX.length <= MAX_LABEL_LENGTH ? link + LABEL_SUFFIX : undefined;
}

/**
 * Whether an address was put there by an agent of ours: a single host, deprecated from birth, with an end to its life,
 * and known either by our label or by being in the guard of the agent that put it there. Pure.
 */
export function isOurs(link: Link, own: LinkAddress, isGuarded: (address: string) => boolean): boolean {
  const isHost = own.prefixLength === (own.family === 4 ? 32 : 128);
  if (!isHost || own.preferredSeconds > 0 || own.validSeconds === Number.POSITIVE_INFINITY) return false;
  if (own.family === 4 && own.label === link.name + LABEL_SUFFIX) return true;
  if (isGuarded(own.address)) return true;
  // A loopback link gets no address by autoconfiguration, so nothing else puts a deprecated one there.
  return own.family === 6 && link.kind === 'loopback';
}

/** How the kernel's addresses differ from those wanted. */
export interface AddressDrift {
  /** Wanted, but not there. */
  readonly missing: readonly PlacedAddress[];
  /** Ours by their marks, but not wanted there. */
  readonly surplus: readonly PlacedAddress[];
}

/** Compares the addresses wanted with one dump. Pure. */
export function addressDrift(
  wanted: readonly PlacedAddress[],
  links: readonly Link[],
  isGuarded: (address: string) => boolean,
): AddressDrift {
  const key = (placed: PlacedAddress): string => `${placed.link} ${placed.address}`;
  const present = new Set<string>();
  const wantedKeys = new Set(wanted.map(key));
  const surplus: PlacedAddress[] = [];
  for (const link of links) {
    for (const own of link.addresses) {
      const placed = { address: own.address, link: link.name };
      present.add(key(placed));
      if (!wantedKeys.has(key(placed)) && isOurs(link, own, isGuarded)) surplus.push(placed);
    }
  }
  return { missing: wanted.filter((placed) => !present.has(key(placed))), surplus };
}

/**
 * Puts addresses there or renews them, which is one and the same request: the kernel only moves the deadline of an address
 * that exists, nothing flaps. The scope is usually `host`, so that the kernel never picks such an address as a source by
 * itself, not even when the link has no other. Returns those that the kernel refused; throws as {@link request} does.
 */
export function renewAddresses(
  addresses: readonly PlacedAddress[],
  validSeconds: number,
): readonly AddressFailure[] {
  return ask(addresses, (address, { link, scope = 'host' }, index) =>
    renewal(address, index, { label: labelOf(link), scope, validSeconds }),
  ).map(({ address, problem }) => ({ address, problem }));
}

/**
 * Takes addresses off; returns those that are still there. One that is gone already (evaporated, removed by hand, its link
 * deleted) is no failure. Throws as {@link request} does.
 */
export function removeAddresses(addresses: readonly PlacedAddress[]): readonly AddressFailure[] {
  return ask(addresses, (address, _, index) => removal(address, index))
    .filter(({ code }) => !GONE.has(code))
    .map(({ address, problem }) => ({ address, problem }));
}

const NO_LINK = 'ENODEV';
/** What the kernel says of an address or a link that is not there. */
const GONE: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', NO_LINK]);

interface Refusal extends AddressFailure {
  readonly code: string;
}

/** Asks the kernel for each address, all at once; those that it refused. */
function ask(
  addresses: readonly PlacedAddress[],
  requestFor: (address: Address, placed: PlacedAddress, linkIndex: number) => NetlinkRequest,
): readonly Refusal[] {
  const refusals: Refusal[] = [];
  const asked: { readonly placed: PlacedAddress; readonly request: NetlinkRequest }[] = [];
  const indexes = new Map<string, number | undefined>();
  for (const placed of addresses) {
    const address = addressOf(placed.address);
    if (address === undefined) throw new TypeError(`"${placed.address}" is not an IP address`);
    if (!indexes.has(placed.link)) indexes.set(placed.link, linkIndex(placed.link));
    const index = indexes.get(placed.link);
    if (index === undefined)
      refusals.push({ address: placed.address, code: NO_LINK, problem: `there is no link ${placed.link}` });
    else asked.push({ placed, request: requestFor(address, placed, index) });
  }
  const errors = request(asked.map((each) => each.request));
  for (const [index, { placed }] of asked.entries()) {
    const error = errors[index] ?? 0;
    if (error === 0) continue;
    const code = getSystemErrorName(-error);
    refusals.push({
      address: placed.address,
      code,
      problem: `the kernel refuses it on ${placed.link} (${code})`,
    });
  }
  return refusals;
}
