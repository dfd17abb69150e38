// SPDX-License-Identifier: Apache-2.0

import type { SharingTerms } from '@fairlead/cloud-provider/allocator/sharing.ts';
import type { Family } from '@fairlead/shared/address/address.ts';

/** A pool, and how the Services lie in it when the measurement begins. */
export interface Case {
  readonly name: string;
  readonly about: string;
  /** The ConfigMap. */
  readonly pool: Readonly<Record<string, string>>;
  readonly family: Family;
  /** Address number `i` of those held at the beginning. */
  readonly heldAt: (i: number) => bigint;
  /** Terms of Service number `i`; absent: none shares. */
  readonly sharing?: (i: number) => SharingTerms;
}

const V6 = 0x2001_0db8n << 96n;
const V6_LAST = V6 + (1n << 64n) - 1n;
const V4 = 10n << 24n;

/** The `i`-th address of 10.0.0.0/8 that ends neither in .0 nor in .255. */
function usable(i: number): bigint {
  return V4 + (BigInt(Math.floor(i / 254)) << 8n) + BigInt(1 + (i % 254));
}

/** Every Service of one namespace shares; three of four use TCP/80 and so need an address each. */
function terms(i: number): SharingTerms {
  return {
    namespace: 'shop',
    acrossNamespaces: false,
    ports: i % 4 === 3 ? [`TCP/${8000 + (i % 97)}`] : ['TCP/443', 'TCP/80'],
    settled: true,
    localSelector: undefined,
    selector: `app=web-${i}`,
    interface: '',
  };
}

/** Half of the /64, and twenty single addresses among the held ones. */
const AVOIDED = [
  '2001:db8:0:0:8000::/65',
  ...Array.from({ length: 20 }, (_, i) => `2001:db8::${(i * 47 + 5).toString(16)}`),
].join();

/** The two cases of the promise come first. */
export const CASES: readonly Case[] = [
  {
    name: 'ipv6',
    about: 'IPv6 /64',
    pool: { 'cidr-global': '2001:db8::/64' },
    family: 6,
    heldAt: (i) => V6 + BigInt(i),
  },
  {
    name: 'ipv4',
    about: 'IPv4 /8, whose .0 and .255 ends are stepped over',
    pool: { 'cidr-global': '10.0.0.0/8' },
    family: 4,
    heldAt: usable,
  },
  {
    name: 'descending',
    about: 'IPv6 /64 with search-order: desc',
    pool: { 'cidr-global': '2001:db8::/64', 'search-order': 'desc' },
    family: 6,
    heldAt: (i) => V6_LAST - BigInt(i),
  },
  {
    name: 'fragmented',
    about: 'IPv6 /64, every second address held',
    pool: { 'cidr-global': '2001:db8::/64' },
    family: 6,
    heldAt: (i) => V6 + 2n * BigInt(i),
  },
  {
    name: 'fragmentedIpv4',
    about: 'IPv4 /8, every second address held, descending',
    pool: { 'cidr-global': '10.0.0.0/8', 'search-order': 'desc' },
    family: 4,
    heldAt: (i) => usable(254 * 65_536 - 1 - 2 * i),
  },
  {
    name: 'sharing',
    about: 'IPv6 /64, all share; most use the same ports and need an address each',
    pool: { 'cidr-global': '2001:db8::/64', 'allow-share-global': 'true' },
    family: 6,
    heldAt: (i) => V6 + BigInt(i),
    sharing: terms,
  },
  {
    name: 'avoid',
    about: 'IPv6 /64, half of it and 20 single addresses avoided',
    pool: { 'cidr-global': '2001:db8::/64', 'avoid-global': AVOIDED },
    family: 6,
    heldAt: (i) => V6 + BigInt(i),
  },
];
