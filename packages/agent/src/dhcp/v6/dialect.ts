// SPDX-License-Identifier: Apache-2.0
import { multicastMac } from '../../announce/ndp/codec.ts';
import type { DhcpIdentity, DhcpRequest } from '../dhcp-addresses.ts';
import type { Dialect, Utterance } from '../dialect.ts';
import { duidOf, iaidOf, linkLocalOf } from '../identity.ts';
import type { ClientMessage, ServerMessage } from '../lease-machine.ts';
import type { UdpFrame } from '../udp-frames.ts';
import {
  type Dhcp6Message,
  type Dhcp6Type,
  decodeDhcp6,
  encodeDhcp6,
  type IaNa,
  STATUS6,
  type Status6,
} from './codec.ts';

const CLIENT_PORT = 546;
const SERVER_PORT = 547;
/** All relay agents and servers (RFC 8415, 7.1). */
const SERVERS = 'ff02::1:2';
/** SOL_MAX_RT, which a client that asks for anything has to ask for (RFC 8415, 21.24). */
const OPTION_SOL_MAX_RT = 82;

const TYPES: Readonly<Record<ClientMessage['kind'], Dhcp6Type>> = {
  solicit: 'solicit',
  request: 'request',
  // Confirm only asks whether the link is the same; Rebind also tells how long the lease still is.
  reboot: 'rebind',
  renew: 'renew',
  rebind: 'rebind',
  decline: 'decline',
  release: 'release',
};

/** DHCPv6 (RFC 8415). Everything goes to the multicast group: servers that want unicast have to say so, and gain little. */
export const DHCP6: Dialect = {
  family: 6,
  newXidForRequest: true,

  frameOf({ identity }: DhcpRequest, { message, xid, elapsedMs }: Utterance): UdpFrame {
    const { mac, hostName } = identity;
    const address = message.kind === 'solicit' ? message.wanted : message.address;
    const association: IaNa = {
      iaid: iaidOf(mac),
      renewSeconds: 0,
      rebindSeconds: 0,
      addresses: address === undefined ? [] : [{ address, preferredSeconds: 0, validSeconds: 0 }],
    };
    const asks = message.kind !== 'decline' && message.kind !== 'release';
    const payload = encodeDhcp6({
      type: TYPES[message.kind],
      xid,
      clientId: duidOf(mac),
      ...('server' in message ? { serverId: message.server } : {}),
      identityAssociations: [association],
      elapsedHundredths: elapsedMs / 10,
      ...(asks ? { optionRequest: [OPTION_SOL_MAX_RT] } : {}),
      ...(asks && hostName !== undefined ? { hostName } : {}),
    });
    return {
      family: 6,
      sourceMac: mac,
      destinationMac: multicastMac(SERVERS),
      source: linkLocalOf(mac),
      destination: SERVERS,
      sourcePort: CLIENT_PORT,
      destinationPort: SERVER_PORT,
      payload,
    };
  },

  addressee({ mac }: DhcpIdentity): string {
    return duidOf(mac);
  },

  addresseeOf(frame: UdpFrame): string | undefined {
    return replyIn(frame)?.clientId;
  },

  read({ identity }: DhcpRequest, frame: UdpFrame): ServerMessage | undefined {
    const message = replyIn(frame);
    if (message?.clientId !== duidOf(identity.mac) || message.serverId === undefined) return undefined;
    return answerOf(message, message.serverId, iaidOf(identity.mac));
  },
};

function replyIn(frame: UdpFrame): Dhcp6Message | undefined {
  if (frame.family !== 6 || frame.destinationPort !== CLIENT_PORT) return undefined;
  const message = decodeDhcp6(frame.payload);
  return message?.type === 'advertise' || message?.type === 'reply' ? message : undefined;
}

function answerOf(message: Dhcp6Message, server: string, iaid: number): ServerMessage | undefined {
  const { xid, type, identityAssociations } = message;
  const association = identityAssociations.find((one) => one.iaid === iaid);
  const usable = association?.addresses.find(
    ({ validSeconds, status }) => validSeconds > 0 && isSuccess(status),
  );
  if (association === undefined || usable === undefined) {
    const status = association?.status ?? association?.addresses[0]?.status ?? message.status;
    // A passing trouble of the server: it is asked again (RFC 8415, 18.2.10.1).
    if (status?.code === STATUS6.unspecFail) return undefined;
    // The answer to a Release or a Decline says nothing about an address, and nobody waits for it.
    return { kind: 'nak', xid, server, reason: wordsOf(status) };
  }
  return {
    kind: type === 'advertise' ? 'offer' : 'ack',
    xid,
    server,
    address: usable.address,
    durationMs: usable.validSeconds * 1000,
    renewAfterMs: association.renewSeconds * 1000,
    rebindAfterMs: association.rebindSeconds * 1000,
  };
}

function isSuccess(status: Status6 | undefined): boolean {
  return status === undefined || status.code === STATUS6.success;
}

function wordsOf(status: Status6 | undefined): string {
  if (status === undefined || status.code === STATUS6.success) return 'it gave no address';
  const name =
    Object.entries(STATUS6).find(([, code]) => code === status.code)?.[0] ?? `status ${status.code}`;
  return status.message === '' ? name : `${name} (${status.message})`;
}
