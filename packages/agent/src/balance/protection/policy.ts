// SPDX-License-Identifier: Apache-2.0
/** What keeps an address usable while somebody floods it. Pure data, the same for every data plane. */
import type { AddressRange } from '@fairlead/shared/address/range.ts';
import type { ServiceProblem } from '../../services/problem.ts';
import type { Protocol } from '../../services/served-service.ts';

/** A token bucket: so many new connections per second, and at most `burst` at once after a rest. */
export interface ConnectionRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Addresses that are let in or kept out, for a time or for ever. */
export interface SourceEntry {
  readonly range: AddressRange;
  /** Wall clock; undefined: without end. */
  readonly untilMs: number | undefined;
}

/**
 * Who answers the first packet of a TCP connection.
 *
 * - `off`: the back end does.
 * - `always`: this node does, and connects to the back end only when the client has proven that its address is its own.
 * - a rate: like `off` until that many connections per second are begun from all sources together, then like `always` until
 *   it has been calm for a while.
 */
export type SynProxyMode = 'off' | 'always' | { readonly abovePerSecond: number };

/** How the ports of one Service are protected. "A source" is an IPv4 address, or an IPv6 prefix of 64 bits. */
export interface ProtectionPolicy {
  /** `loadBalancerSourceRanges`: nobody else is let in; undefined: everybody is. A family without a range is closed. */
  readonly sourceRanges: readonly AddressRange[] | undefined;
  /** Not subject to anything below, except to the filter of impossible flags. */
  readonly allowed: readonly SourceEntry[];
  readonly blocked: readonly SourceEntry[];
  /** New connections of one source. */
  readonly connectionRate: ConnectionRate | undefined;
  /** Connections of one source that are open at the same time. */
  readonly openConnections: number | undefined;
  /** A source that exceeds one of the two limits is not listened to for so long; undefined: only what exceeds is dropped. */
  readonly blockForSeconds: number | undefined;
  readonly synProxy: SynProxyMode;
  /** Drop TCP packets with flags that no client sends (scans, and floods that pass a filter of SYN packets). */
  readonly dropBogusFlags: boolean;
}

/** Nothing is filtered. */
export const NO_POLICY: ProtectionPolicy = {
  sourceRanges: undefined,
  allowed: [],
  blocked: [],
  connectionRate: undefined,
  openConnections: undefined,
  blockForSeconds: undefined,
  synProxy: 'off',
  dropBogusFlags: false,
};

/** One address, protocol and port that clients connect to. */
export interface ProtectedPort {
  /** Canonical text. */
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** The ports of one Service; limits count all of them together. */
export interface ProtectedService {
  /** `namespace/name` of the Service, or the name that a configuration gives it. */
  readonly service: string;
  readonly ports: readonly ProtectedPort[];
  readonly policy: ProtectionPolicy;
}

/** Everything that is to be filtered on this node. */
export interface ProtectionModel {
  /** By {@link ProtectedService.service}; Services without a policy are not in it. */
  readonly services: ReadonlyMap<string, ProtectedService>;
  /** Address -> its open ports; everything else that comes for such an address is dropped. */
  readonly closed: ReadonlyMap<string, readonly ProtectedPort[]>;
  /** `namespace/name` -> what cannot be done for that Service. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
}

/** Nothing to filter. */
export const NOTHING_TO_PROTECT: ProtectionModel = {
  services: new Map(),
  closed: new Map(),
  problems: new Map(),
};
