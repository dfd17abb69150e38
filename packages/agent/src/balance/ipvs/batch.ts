// SPDX-License-Identifier: Apache-2.0
import type { Protocol } from '../../services/served-service.ts';
import { flagsOf } from '../model/kernel-schedulers.ts';
import type { IpvsTable, PacketForwarding, RealServer, VirtualService } from './virtual-service.ts';

const NO_SERVICES: IpvsTable = new Map();
const SERVICE_FLAG: Readonly<Record<Protocol, string>> = { tcp: '-t', udp: '-u', sctp: '--sctp-service' };
/** `local` and `bypass` are the kernel's own; a server that is this host is given as one to route to. */
const FORWARDING_FLAG: Readonly<Record<PacketForwarding, string>> = {
  masq: '-m',
  route: '-g',
  tunnel: '-i',
  local: '-g',
  bypass: '-g',
};

/**
 * Lines for `ipvsadm -R` that turn one table into another; empty when they are equal. Only what differs is touched, so that
 * connections, and turns of schedulers, go on. Connections of a server whose weight or way changes go on as they are; those of a
 * deleted one do not. Pure.
 *
 * @param before what the kernel has; services that are not in it are left alone
 */
export function batchBetween(before: IpvsTable, after: IpvsTable): string {
  const lines: string[] = [];
  for (const [id, service] of before) if (!after.has(id)) lines.push(`-D ${placeOf(service)}`);
  for (const [id, service] of after) addChanges(lines, before.get(id), service);
  return lines.map((line) => `${line}\n`).join('');
}

/** The table as `ipvsadm -S -n` would print it. Pure. */
export function wholeBatch(table: IpvsTable): string {
  return batchBetween(NO_SERVICES, table);
}

function addChanges(lines: string[], before: VirtualService | undefined, after: VirtualService): void {
  if (before === after) return;
  const place = placeOf(after);
  if (before === undefined) lines.push(`-A ${place} ${optionsOf(after)}`);
  else if (optionsOf(before) !== optionsOf(after)) lines.push(`-E ${place} ${optionsOf(after)}`);
  const had = before?.servers ?? new Map<string, RealServer>();
  // New ones first: at no moment is there none.
  for (const [key, server] of after.servers) {
    const old = had.get(key);
    if (old !== undefined && sameServer(old, server)) continue;
    lines.push(`${old === undefined ? '-a' : '-e'} ${place} ${wordsOf(server)}`);
  }
  for (const [key, server] of had) {
    if (!after.servers.has(key)) lines.push(`-d ${place} -r ${hostOf(server)}`);
  }
}

/** Same in everything that a batch says. For a server that is this host the kernel shows another way than it was given. */
function sameServer(a: RealServer, b: RealServer): boolean {
  return a.weight === b.weight && FORWARDING_FLAG[a.forwarding] === FORWARDING_FLAG[b.forwarding];
}

function placeOf(service: VirtualService): string {
  return `${SERVICE_FLAG[service.protocol]} ${hostOf(service)}`;
}

function hostOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function optionsOf({ scheduler, persistentSeconds }: VirtualService): string {
  const flags = flagsOf(scheduler);
  return [
    `-s ${scheduler}`,
    ...(persistentSeconds === undefined ? [] : [`-p ${persistentSeconds}`]),
    ...(flags.length === 0 ? [] : [`-b ${flags.join(',')}`]),
  ].join(' ');
}

function wordsOf(server: RealServer): string {
  return `-r ${hostOf(server)} ${FORWARDING_FLAG[server.forwarding]} -w ${server.weight}`;
}
