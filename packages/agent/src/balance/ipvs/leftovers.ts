// SPDX-License-Identifier: Apache-2.0
import { FAMILIES } from '@fairlead/shared/address/address.ts';
import { readIpvsTable, restoreIpvs } from '../../system/ipvs.ts';
import { batchBetween } from './batch.ts';
import { MasqueradeChain } from './masquerade-chain.ts';
import { readTable } from './read-table.ts';

/**
 * Removes what an earlier agent with IPVS left behind when it was killed, for the sake of another data plane. Costs nothing
 * where the kernel has no virtual services.
 *
 * @throws CommandError when `ipvsadm` or iptables fails
 */
export async function clearIpvs(): Promise<void> {
  const text = await readIpvsTable();
  if (text === undefined || readTable(text).size === 0) return;
  for (const family of FAMILIES) {
    const chain = await MasqueradeChain.find(family);
    if (chain === undefined) continue;
    await restoreIpvs(batchBetween(readTable(text, chain.leftovers), new Map()));
    await chain.close();
  }
}
