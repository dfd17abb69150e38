// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import type { DhcpIdentity, DhcpRequest } from './dhcp-addresses.ts';
import type { ClientMessage, ServerMessage } from './lease-machine.ts';
import type { UdpFrame } from './udp-frames.ts';

/** A message of the machine, and whom it concerns. */
export interface Utterance {
  readonly message: ClientMessage;
  readonly xid: number;
  readonly elapsedMs: number;
}

/** Turns the machine's messages into frames of one version of DHCP, and frames into what a server said. Stateless. */
export interface Dialect {
  readonly family: Family;
  /** DHCPv6 wants a new transaction id for each message. */
  readonly newXidForRequest: boolean;
  /**
   * @param serverMac hardware address from which the server was last heard; undefined: not yet, so it is sent to all
   */
  frameOf(request: DhcpRequest, utterance: Utterance, serverMac: string | undefined): UdpFrame;
  /** What messages of a server name this client by. */
  addressee(identity: DhcpIdentity): string;
  /** Whom a frame is for; undefined: it is no message of a server. */
  addresseeOf(frame: UdpFrame): string | undefined;
  /** Undefined: not an answer to this client. */
  read(request: DhcpRequest, frame: UdpFrame): ServerMessage | undefined;
}
