// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Sysctl of each family without which the kernel sends nothing on to other hosts. */
const SWITCHES = [
  { family: 'IPv4', name: 'net.ipv4.ip_forward', isOf: (address: string) => !address.includes(':') },
  { family: 'IPv6', name: 'net.ipv6.conf.all.forwarding', isOf: (address: string) => address.includes(':') },
] as const;

/**
 * What keeps a plane in the kernel from balancing for these addresses, as sentences. Hosts of a cluster forward anyway;
 * others need not, and whether they should is for their administrators to decide.
 */
export function forwardingProblems(
  addresses: readonly string[],
  read: (name: string) => string | undefined = readSysctl,
): readonly string[] {
  return SWITCHES.filter(({ isOf, name }) => addresses.some(isOf) && read(name) === '0').map(
    ({ family, name }) =>
      `this host does not forward ${family}, so no connection reaches another one: set ${name}=1, or balance: userspace`,
  );
}

function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    // No such family in this kernel.
    return undefined;
  }
}
