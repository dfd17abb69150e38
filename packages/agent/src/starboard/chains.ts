// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family } from '@fairlead/shared/address/address.ts';
import { type IptablesBackend, listNatChain, restoreNat } from '../system/iptables.ts';
import { type ListedRule, readListing } from './accept-rule.ts';

/** The chain in which the rules are, in both back ends and families. */
export interface Chains {
  /** @throws CommandError */
  list(backend: IptablesBackend, family: Family): Promise<readonly ListedRule[]>;
  /** Lines of `iptables-restore`, all at once. @throws CommandError */
  change(backend: IptablesBackend, family: Family, lines: readonly string[]): Promise<void>;
}

const CHAIN = 'PREROUTING';

/** Those of this node. */
export const nodeChains: Chains = {
  list: async (backend, family) => readListing(await listNatChain(backend, family, CHAIN)),
  change: restoreNat,
};

/** Deletes every tagged rule of a back end. Returns how many there were. @throws CommandError */
export async function sweepChains(chains: Chains, backend: IptablesBackend): Promise<number> {
  let count = 0;
  for (const family of FAMILIES) {
    const tagged = (await chains.list(backend, family)).filter(({ isTagged }) => isTagged);
    count += tagged.length;
    if (tagged.length > 0) {
      await chains.change(
        backend,
        family,
        tagged.map(({ spec }) => `-D ${CHAIN} ${spec}`),
      );
    }
  }
  return count;
}
