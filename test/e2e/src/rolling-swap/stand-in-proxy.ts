// SPDX-License-Identifier: Apache-2.0
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';

/**
 * What kube-proxy does where it runs, and what neither agent does: on every node, connections to these addresses go to the
 * pods. Fixed, so that nothing but the owner of an address changes while agents are swapped.
 */
export async function standInForKubeProxy(
  lab: Lab,
  addresses: readonly string[],
  podIps: readonly string[],
): Promise<void> {
  const turns = podIps.map((ip, index) => `${index} : ${ip}`).join(', ');
  const script = `
    table ip kube_proxy_stand_in {
      chain in {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr { ${addresses.join(', ')} } tcp dport 80 dnat to numgen inc mod ${podIps.length} map { ${turns} }
      }
      chain out {
        type nat hook postrouting priority srcnat; policy accept;
        ct status dnat masquerade
      }
    }`;
  for (const { name } of nodesOf(lab.plan)) {
    const { code, stderr } = await lab.exec(name, ['nft', '-f', '-'], { stdin: script });
    if (code !== 0) throw new Error(`the stand-in for kube-proxy on ${name}: ${stderr}`);
  }
}
