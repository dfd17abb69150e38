// SPDX-License-Identifier: Apache-2.0
/** Links and addresses in the kernel's messages (rtnetlink(7), linux/if_link.h, linux/if_addr.h). Pure. */
import { type Address, formatValue } from '@fairlead/shared/address/address.ts';
import type { Link, LinkAddress } from './link.ts';
import {
  type Attributes,
  decodeAttributes,
  encodeAttributes,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_REPLACE,
} from './netlink.ts';

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const LINK_BYTES = 16;
const ADDRESS_BYTES = 8;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_EXT_MASK = 29;
/** Counters are long, and nobody reads them. */
const RTEXT_FILTER_SKIP_STATS = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_NOPREFIXROUTE = 0x200;
const FOREVER_SECONDS = 0xffff_ffff;
const FAMILY = { 4: 2, 6: 10 } as const;
const SCOPES: Readonly<Record<number, string>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};
const SCOPE = { global: 0, host: 254 } as const;

/** Question for all links, without their counters. */
export const ALL_LINKS: NetlinkMessage = {
  type: RTM_GETLINK,
  body: Buffer.concat([
    Buffer.alloc(LINK_BYTES),
    encodeAttributes([[IFLA_EXT_MASK, number32(RTEXT_FILTER_SKIP_STATS)]]),
  ]),
};

/** Question for all addresses of both families. */
export const ALL_ADDRESSES: NetlinkMessage = { type: RTM_GETADDR, body: Buffer.alloc(ADDRESS_BYTES) };

/** Links with their addresses from the answers to {@link ALL_LINKS} and {@link ALL_ADDRESSES}, in the kernel's order. */
export function linksIn(
  linkMessages: readonly NetlinkMessage[],
  addressMessages: readonly NetlinkMessage[],
): readonly Link[] {
  const addresses = new Map<number, LinkAddress[]>();
  for (const message of addressMessages) {
    if (message.type !== RTM_NEWADDR) continue;
    const found = addressIn(message.body);
    if (found === undefined) continue;
    const { index, own } = found;
    const known = addresses.get(index);
    if (known === undefined) addresses.set(index, [own]);
    else known.push(own);
  }
  return linkMessages.flatMap(({ type, body }) => {
    const link = type === RTM_NEWLINK ? linkIn(body) : undefined;
    return link === undefined ? [] : [{ ...link, addresses: addresses.get(link.index) ?? [] }];
  });
}

function linkIn(body: Buffer): Omit<Link, 'addresses'> | undefined {
  if (body.length < LINK_BYTES) return undefined;
  const attributes = decodeAttributes(body, LINK_BYTES);
  const name = textIn(attributes, IFLA_IFNAME);
  if (name === undefined) return undefined;
  const hardware = body.readUInt16LE(2);
  const flags = body.readUInt32LE(8);
  const mac = attributes.get(IFLA_ADDRESS);
  const kind = hardware === ARPHRD_LOOPBACK ? 'loopback' : hardware === ARPHRD_ETHER ? 'ether' : 'other';
  return {
    name,
    index: body.readInt32LE(4),
    kind,
    isUp: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    ...(mac?.length === 6 && kind === 'ether' ? { mac: formatMac(mac) } : {}),
  };
}

function addressIn(body: Buffer): { readonly index: number; readonly own: LinkAddress } | undefined {
  if (body.length < ADDRESS_BYTES) return undefined;
  const family = body[0] === FAMILY[4] ? 4 : body[0] === FAMILY[6] ? 6 : undefined;
  const attributes = decodeAttributes(body, ADDRESS_BYTES);
  // On a link between two points IFA_ADDRESS is the other end.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (family === undefined || bytes?.length !== (family === 4 ? 4 : 16)) return undefined;
  const label = textIn(attributes, IFA_LABEL);
  const times = attributes.get(IFA_CACHEINFO);
  const flags = attributes.get(IFA_FLAGS)?.readUInt32LE(0) ?? body[2] ?? 0;
  const scope = body[3] ?? 0;
  return {
    index: body.readUInt32LE(4),
    own: {
      family,
      address: formatValue(family, BigInt(`0x${bytes.toString('hex')}`)),
      prefixLength: body[1] ?? 0,
      scope: SCOPES[scope] ?? String(scope),
      ...(label === undefined ? {} : { label }),
      validSeconds: seconds(times?.readUInt32LE(4)),
      preferredSeconds: seconds(times?.readUInt32LE(0)),
      tentative: (flags & IFA_F_TENTATIVE) !== 0,
    },
  };
}

/** An address for one host that is deprecated from birth and ends after some seconds; the lifetime starts anew if it is there. */
export function renewal(
  address: Address,
  linkIndex: number,
  options: {
    readonly label: string | undefined;
    /** Of an IPv4 address. */
    readonly scope: 'host' | 'global';
    readonly validSeconds: number;
  },
): NetlinkRequest {
  const times = Buffer.alloc(16);
  times.writeUInt32LE(options.validSeconds, 4);
  const { label } = options;
  const isIpv4 = address.family === 4;
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([
      addressHeader(address, linkIndex, isIpv4 ? SCOPE[options.scope] : SCOPE.global),
      encodeAttributes([
        ...addressAttributes(address),
        ...(isIpv4 && label !== undefined ? [[IFA_LABEL, Buffer.from(`${label}\0`)] as const] : []),
        ...(isIpv4 ? [] : [[IFA_FLAGS, number32(IFA_F_NODAD | IFA_F_NOPREFIXROUTE)] as const]),
        [IFA_CACHEINFO, times],
      ]),
    ]),
  };
}

/** Takes an address for one host off a link. */
export function removal(address: Address, linkIndex: number): NetlinkRequest {
  const body = Buffer.concat([
    addressHeader(address, linkIndex, SCOPE.global),
    encodeAttributes(addressAttributes(address)),
  ]);
  return { type: RTM_DELADDR, flags: 0, body };
}

function addressHeader({ family }: Address, linkIndex: number, scope: number): Buffer {
  const header = Buffer.from([FAMILY[family], family === 4 ? 32 : 128, 0, scope, 0, 0, 0, 0]);
  header.writeUInt32LE(linkIndex, 4);
  return header;
}

function addressAttributes({ family, value }: Address): readonly (readonly [number, Buffer])[] {
  const bytes = Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
  return [
    [IFA_LOCAL, bytes],
    [IFA_ADDRESS, bytes],
  ];
}

function textIn(attributes: Attributes, type: number): string | undefined {
  return attributes.get(type)?.toString('utf8').replace(/\0.*$/s, '');
}

function seconds(value: number | undefined): number {
  return value === undefined || value === FOREVER_SECONDS ? Number.POSITIVE_INFINITY : value;
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function formatMac(mac: Buffer): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
