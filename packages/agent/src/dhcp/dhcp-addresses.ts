// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';

/** As whom a Service asks: the same on every node, so that a server gives the next owner the same address. */
export interface DhcpIdentity {
  /** Hardware address of the station that asks; annotation `hwaddr`, else derived from the Service's name. */
  readonly mac: string;
  /** Sent as host name and, as kube-vip does, as client identifier. */
  readonly hostName: string | undefined;
}

/** What the previous owner noted on the Service about its lease. */
export interface NotedLease {
  readonly address: string;
  /** Server as text: an IPv4 address, or the hexadecimal DUID of a DHCPv6 server. */
  readonly server: string;
  /** Length of the lease when it was given. */
  readonly durationMs: number;
  /** End of the lease by the wall clock of the node that noted it. */
  readonly expiresWallMs: number;
}

/** The wish of a Service for an address by DHCP. */
export interface DhcpRequest {
  /** See `ownership-key.ts`. */
  readonly key: string;
  readonly family: Family;
  readonly identity: DhcpIdentity;
  /** Ask the server to answer by broadcast (DHCPv4). */
  readonly broadcast: boolean;
  /** Annotation `requestedIP`: what to ask for. */
  readonly wanted: string | undefined;
  readonly noted: NotedLease | undefined;
}

/** A lease in force on this node. */
export interface DhcpLease {
  readonly address: string;
  readonly server: string;
  readonly durationMs: number;
  /** End of the lease on the monotonic clock; the address is not used for a moment longer. */
  readonly untilMs: number;
}

/** What stands between a Service and its address. */
export interface DhcpProblem {
  readonly kind: 'noLease' | 'notRenewed';
  /** Sentence for the user. */
  readonly message: string;
}

/** What this node should do. */
export interface DhcpWish {
  /** Everything asked for in the cluster, whoever owns it: what is missing here was given up and goes back to its server. */
  readonly requests: readonly DhcpRequest[];
  /** Key -> link on which this node asks for it, for the keys it owns. */
  readonly owned: ReadonlyMap<string, string>;
}

/**
 * Gets, keeps and gives back the addresses of Services that ask for DHCP, on the node that owns them. Level-triggered and
 * cheap when nothing changes.
 */
export interface DhcpAddresses {
  /**
   * Begins for what is newly owned (a noted lease that still runs counts at once), stops without a word what is owned no
   * more, and returns to the server what nobody asks for any more. The addresses of the latter two must be off this node.
   */
  apply(wish: DhcpWish): void;
  /** Key -> lease in force at this moment. */
  leases(): ReadonlyMap<string, DhcpLease>;
  /** The lease in force for one key. */
  leaseOf(key: string): DhcpLease | undefined;
  /** Key -> why there is no lease, or why the one there is may end. */
  problems(): ReadonlyMap<string, DhcpProblem>;
  /** A lease or a problem came, changed or went. Called at most once per turn of the event loop. */
  onChange(listener: () => void): () => void;
  /** Stops without a word: another node goes on with the leases. Resolves when what is being given back is on the wire. */
  stop(): Promise<void>;
}

/** Where nothing asks for DHCP, or nothing can. */
export const NO_DHCP: DhcpAddresses = {
  apply: () => undefined,
  leases: () => new Map(),
  leaseOf: () => undefined,
  problems: () => new Map(),
  onChange: () => () => undefined,
  stop: () => Promise.resolve(),
};
