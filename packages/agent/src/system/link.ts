// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';

/** One address of a link, as the kernel reports it. */
export interface LinkAddress {
  readonly family: Family;
  /** Address in the kernel's text form. */
  readonly address: string;
  readonly prefixLength: number;
  /** `global`, `link`, `host`, ... */
  readonly scope: string;
  /** Label of an IPv4 address (`eth0`, `lo:fl`). */
  readonly label?: string;
  /** Seconds until the kernel removes it; Infinity when never. */
  readonly validSeconds: number;
  /** Seconds until it is deprecated; 0 = already, Infinity = never. */
  readonly preferredSeconds: number;
  /** Duplicate address detection has not finished (IPv6). */
  readonly tentative: boolean;
}

/** A network link of this namespace. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** Hardware address, lower case with colons; absent on links without one. */
  readonly mac?: string;
  readonly kind: 'loopback' | 'ether' | 'other';
  /** Administratively up and carrier present. */
  readonly isUp: boolean;
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
}
