// SPDX-License-Identifier: Apache-2.0
import { BROADCAST_MAC } from '../../announce/mac.ts';
import type { DhcpIdentity, DhcpRequest } from '../dhcp-addresses.ts';
import type { Dialect, Utterance } from '../dialect.ts';
import { clientIdOf } from '../identity.ts';
import type { ServerMessage } from '../lease-machine.ts';
import type { UdpFrame } from '../udp-frames.ts';
import { type Dhcp4Message, type Dhcp4Options, type Dhcp4Type, decodeDhcp4, encodeDhcp4 } from './codec.ts';

const CLIENT_PORT = 68;
const SERVER_PORT = 67;
const NONE = '0.0.0.0';
const EVERYBODY = '255.255.255.255';
/** Largest message that we take: an Ethernet frame's worth. */
const MAX_SIZE = 1500;
/** Mask, router, name servers, host and domain name, lease, server, T1, T2. Servers leave out what is not asked for. */
const PARAMETERS = [1, 3, 6, 12, 15, 51, 54, 58, 59];
const VENDOR_CLASS = 'fairlead';
/**
 * From then on answers are asked for by broadcast: some links take no frames for a hardware address that is not their own.
 * Not from the beginning, as a broadcast bothers everybody.
 */
const UNHEARD_MS = 900;
/** For servers that do not say how long a lease is; kube-vip takes an hour. */
const DEFAULT_LEASE_SECONDS = 3600;

interface Draft {
  readonly type: Dhcp4Type;
  readonly clientAddress?: string;
  /** Unicast to this server. */
  readonly to?: string;
  readonly options: Dhcp4Options;
}

/** DHCPv4 (RFC 2131, table 5: which field goes where in which state). */
export const DHCP4: Dialect = {
  family: 4,
  newXidForRequest: false,

  frameOf(request: DhcpRequest, utterance: Utterance, serverMac: string | undefined): UdpFrame {
    const { mac, hostName } = request.identity;
    const { type, clientAddress = NONE, to, options } = draftOf(utterance);
    const hasParameters = type === 'discover' || type === 'request';
    const payload = encodeDhcp4({
      op: 'request',
      type,
      xid: utterance.xid,
      seconds: utterance.elapsedMs / 1000,
      broadcast: (request.broadcast || utterance.elapsedMs >= UNHEARD_MS) && clientAddress === NONE,
      clientAddress,
      yourAddress: NONE,
      nextServer: NONE,
      relay: NONE,
      mac,
      options: {
        ...options,
        ...(hostName === undefined ? {} : { clientId: clientIdOf(hostName) }),
        ...(hostName === undefined || !hasParameters ? {} : { hostName }),
        ...(hasParameters ? { parameters: PARAMETERS, maxSize: MAX_SIZE, vendorClass: VENDOR_CLASS } : {}),
      },
    });
    const isUnicast = to !== undefined && serverMac !== undefined;
    return {
      family: 4,
      sourceMac: mac,
      destinationMac: isUnicast ? serverMac : BROADCAST_MAC,
      source: clientAddress,
      destination: isUnicast ? to : EVERYBODY,
      sourcePort: CLIENT_PORT,
      destinationPort: SERVER_PORT,
      payload,
    };
  },

  addressee({ mac }: DhcpIdentity): string {
    return mac;
  },

  addresseeOf(frame: UdpFrame): string | undefined {
    return replyIn(frame)?.mac;
  },

  read({ identity }: DhcpRequest, frame: UdpFrame): ServerMessage | undefined {
    const message = replyIn(frame);
    if (message?.mac !== identity.mac) return undefined;
    const { xid, options } = message;
    const server = options.server ?? frame.source;
    if (message.type === 'nak') {
      return { kind: 'nak', xid, server, reason: options.message ?? 'without a reason' };
    }
    if ((message.type !== 'offer' && message.type !== 'ack') || message.yourAddress === NONE)
      return undefined;
    return {
      kind: message.type,
      xid,
      server,
      address: message.yourAddress,
      durationMs: (options.leaseSeconds ?? DEFAULT_LEASE_SECONDS) * 1000,
      renewAfterMs: milliseconds(options.renewSeconds),
      rebindAfterMs: milliseconds(options.rebindSeconds),
    };
  },
};

function replyIn(frame: UdpFrame): Dhcp4Message | undefined {
  if (frame.family !== 4 || frame.destinationPort !== CLIENT_PORT) return undefined;
  const message = decodeDhcp4(frame.payload);
  return message?.op === 'reply' ? message : undefined;
}

function draftOf({ message }: Utterance): Draft {
  switch (message.kind) {
    case 'solicit':
      return {
        type: 'discover',
        options: message.wanted === undefined ? {} : { requestedAddress: message.wanted },
      };
    case 'request':
      return { type: 'request', options: { requestedAddress: message.address, server: message.server } };
    case 'reboot':
      return { type: 'request', options: { requestedAddress: message.address } };
    case 'renew':
      return { type: 'request', clientAddress: message.address, to: message.server, options: {} };
    case 'rebind':
      return { type: 'request', clientAddress: message.address, options: {} };
    case 'decline':
      return { type: 'decline', options: { requestedAddress: message.address, server: message.server } };
    case 'release':
      return {
        type: 'release',
        clientAddress: message.address,
        to: message.server,
        options: { server: message.server },
      };
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
