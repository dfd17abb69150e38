// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { addressOf, familyName } from '@fairlead/shared/address/address.ts';
import { FORWARDING } from '../system/forwarding.ts';

/**
 * What keeps a plane in the kernel from balancing for these addresses, as sentences. Hosts of a cluster forward anyway;
 * others need not, and whether they should is for their administrators to decide.
 */
export function forwardingProblems(
  addresses: readonly string[],
  read: (name: string) => string | undefined = readSysctl,
): readonly string[] {
  const families = new Set(addresses.map((address) => addressOf(address)?.family));
  return [...FORWARDING]
    .filter(([family, name]) => families.has(family) && read(name) === '0')
    .map(
      ([family, name]) =>
        `this host does not forward ${familyName(family)}, so no connection reaches another one: set ${name}=1, or balance: userspace`,
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
