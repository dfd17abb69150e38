// SPDX-License-Identifier: Apache-2.0
import { type Family, formatValue } from '@fairlead/shared/address/address.ts';
import type { Protocol } from '../../services/served-service.ts';
import {
  type IpvsTable,
  type PacketForwarding,
  type RealServer,
  serverKey,
  serviceId,
  type VirtualService,
} from './virtual-service.ts';

/** A server as the kernel shows it. */
export interface CountedServer extends RealServer {
  readonly activeConnections: number;
  /** Ending, or of a protocol without connections. */
  readonly inactiveConnections: number;
}

/** A service as the kernel shows it. */
export interface CountedService extends VirtualService {
  readonly servers: ReadonlyMap<string, CountedServer>;
}

/** A table as the kernel shows it: id -> service. */
export type CountedTable = ReadonlyMap<string, CountedService>;

const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };
const FORWARDINGS: Readonly<Record<string, PacketForwarding>> = {
  Masq: 'masq',
  Route: 'route',
  Tunnel: 'tunnel',
  Local: 'local',
  Bypass: 'bypass',
};

const SERVICE = /^(TCP|UDP|SCTP) {2}(\S+) (\S+)(.*)$/;
const SERVER = /^ {2}-> (\S+)\s+(\w+)\s+(\d+)\s+(\d+)\s+(\d+)/;

/**
 * Reads `/proc/net/ip_vs`. Services by packet mark are nobody of ours, and left out; so is what cannot be understood, since it
 * cannot be ours either. Pure.
 *
 * @param wanted ids of the services that matter; default: all
 */
export function readTable(text: string, wanted?: Pick<IpvsTable, 'has'>): CountedTable {
  const table = new Map<string, CountedService>();
  let servers: Map<string, CountedServer> | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('  ->')) {
      const server = servers === undefined ? undefined : readServer(line);
      if (server !== undefined) servers?.set(serverKey(server), server);
      continue;
    }
    servers = undefined;
    const service = readService(line);
    if (service === undefined || wanted?.has(service.id) === false) continue;
    servers = new Map();
    table.set(service.id, { ...service, servers });
  }
  return table;
}

function readService(line: string): Omit<VirtualService, 'servers'> | undefined {
  const [, word = '', place = '', scheduler = '', rest = ''] = SERVICE.exec(line) ?? [];
  const protocol = PROTOCOLS[word];
  const at = readPlace(place);
  if (protocol === undefined || at === undefined) return undefined;
  const seconds = /persistent (\d+)/.exec(rest)?.[1];
  return {
    id: serviceId(protocol, at.port, at.address),
    protocol,
    ...at,
    scheduler,
    // The kernel shows seconds.
    persistentSeconds: seconds === undefined ? undefined : Number(seconds),
  };
}

function readServer(line: string): CountedServer | undefined {
  const [, place = '', word = '', weight, active, inactive] = SERVER.exec(line) ?? [];
  const at = readPlace(place);
  const forwarding = FORWARDINGS[word];
  if (at === undefined || forwarding === undefined) return undefined;
  return {
    ...at,
    forwarding,
    weight: Number(weight),
    activeConnections: Number(active),
    inactiveConnections: Number(inactive),
  };
}

/** `0A000001:0050` or `[fd00:0000:…:0001]:0050`. */
function readPlace(text: string): { readonly address: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]{39})\]|([0-9A-F]{8})):([0-9A-F]{4})$/.exec(text);
  if (match === null) return undefined;
  const [, six, four = '', port = ''] = match;
  const family: Family = six === undefined ? 4 : 6;
  const value = BigInt(`0x${(six ?? four).replaceAll(':', '')}`);
  return { address: formatValue(family, value), port: Number.parseInt(port, 16) };
}
