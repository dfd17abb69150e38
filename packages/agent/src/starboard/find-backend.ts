// SPDX-License-Identifier: Apache-2.0
import { FAMILIES } from '@fairlead/shared/address/address.ts';
import { IPTABLES_BACKENDS, type IptablesBackend, saveTable } from '../system/iptables.ts';

/** Chains by which the kubelet shows what it uses; the second is from before Kubernetes 1.24. */
const HINTS = ['KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY'];
const TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];

/** What a back end holds: the text of these tables, as `iptables-save` prints them. */
export type SaveTables = (backend: IptablesBackend, tables: readonly string[]) => Promise<string>;

/**
 * The back end that everybody else on this node uses, found as the images of kube-proxy do it: by the kubelet's hint, else where more rules
 * are, else nftables.
 *
 * @param save replaced in tests
 * @throws CommandError where the programs of iptables cannot be run
 */
export async function findBackend(save: SaveTables = saveBoth): Promise<IptablesBackend> {
  for (const backend of IPTABLES_BACKENDS) {
    const mangle = await save(backend, ['mangle']);
    if (HINTS.some((chain) => mangle.includes(`\n:${chain} `))) return backend;
  }
  const count = async (backend: IptablesBackend) => (await save(backend, TABLES)).match(/^-/gm)?.length ?? 0;
  return (await count('legacy')) > (await count('nft')) ? 'legacy' : 'nft';
}

/** Of both families. */
async function saveBoth(backend: IptablesBackend, tables: readonly string[]): Promise<string> {
  let text = '';
  for (const family of FAMILIES) {
    for (const table of tables) text += await saveTable(backend, family, table);
  }
  return text;
}
