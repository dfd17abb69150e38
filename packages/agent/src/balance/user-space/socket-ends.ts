// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { ProxiedEnds } from './proxy-protocol.ts';

/** As sockets for both families write IPv4 addresses, without what makes them IPv6. Empty when the socket is closed already. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

/** Both ends of an accepted connection. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): ProxiedEnds {
  return {
    source: { address: plainAddress(remoteAddress), port: remotePort ?? 0 },
    destination: { address: plainAddress(localAddress), port: localPort ?? 0 },
  };
}
