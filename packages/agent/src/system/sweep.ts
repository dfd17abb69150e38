// SPDX-License-Identifier: Apache-2.0
import { isOurs, type PlacedAddress, removeAddresses } from './addresses.ts';
import { guardedAddresses } from './kernel-guard.ts';
import type { Link } from './link.ts';
import { listLinks } from './links.ts';
import { deleteTables, listTables, type NftTable } from './nft.ts';

/** What a killed predecessor had left behind. */
export interface SweepReport {
  readonly addresses: readonly PlacedAddress[];
  readonly tables: readonly NftTable[];
}

/**
 * Removes what a killed predecessor left behind, and nothing else: first its addresses, then, when none is left that
 * the kernel could answer for, all nftables tables of ours: the guard, and the balancer's, which nobody else would remove
 * when this start uses another balancer.
 * The caller holds the node lock, so whatever carries our marks belongs to nobody alive.
 *
 * @throws Error when an address cannot be taken off; the guard then stays, and so does the silence.
 */
export async function sweepLeftovers(): Promise<SweepReport> {
  const [guarded, links, tables] = await Promise.all([guardedAddresses(), listLinks(), listTables()]);
  const addresses = leftoverAddresses(links, guarded);
  const failures = removeAddresses(addresses);
  if (failures.length > 0) {
    const list = failures.map(({ address, problem }) => `${address} (${problem})`).join(', ');
    throw new Error(`leftover addresses cannot be removed: ${list}`);
  }
  if (tables.length > 0) await deleteTables(tables);
  return { addresses, tables };
}

/** The addresses of a dump that an agent of ours put there. Pure. */
export function leftoverAddresses(
  links: readonly Link[],
  guarded: ReadonlySet<string>,
): readonly PlacedAddress[] {
  return links.flatMap((link) =>
    link.addresses
      .filter((own) => isOurs(link, own, (address) => guarded.has(address)))
      .map((own) => ({ address: own.address, link: link.name })),
  );
}
