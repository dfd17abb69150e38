// SPDX-License-Identifier: Apache-2.0
import type { Protocol } from '../../services/served-service.ts';

/**
 * How packets reach a real server.
 *
 * - `masq`: the destination is rewritten, and answers come back through here.
 * - `route`: packets go to its hardware address as they are; it holds the virtual address, and answers the client itself.
 * - `tunnel`: the same, wrapped into a packet to its address (IPIP), so it need not be on a link of ours.
 * - `local`: only read from the kernel: for a server that is this host itself.
 * - `bypass`: only read from the kernel.
 */
export type PacketForwarding = 'masq' | 'route' | 'tunnel' | 'local' | 'bypass';

/** One that connections are sent to. */
export interface RealServer {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly forwarding: PacketForwarding;
  /** 0: it gets nothing new, and ends what it has. */
  readonly weight: number;
}

/** One address, protocol and port in the kernel's table. */
export interface VirtualService {
  /** `tcp/80/192.0.2.10`: the id of a frontend. */
  readonly id: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly scheduler: string;
  /** A client keeps its server until it was away for so many seconds; undefined: no persistence. */
  readonly persistentSeconds: number | undefined;
  /** {@link serverKey} -> server. */
  readonly servers: ReadonlyMap<string, RealServer>;
}

/** Id -> service. */
export type IpvsTable = ReadonlyMap<string, VirtualService>;

/** Identity of a server within its service. */
export function serverKey({ address, port }: Pick<RealServer, 'address' | 'port'>): string {
  return `${address} ${port}`;
}

/** Id of a virtual service. */
export function serviceId(protocol: Protocol, port: number, address: string): string {
  return `${protocol}/${port}/${address}`;
}
