// SPDX-License-Identifier: Apache-2.0
import type { IptablesBackend } from '../system/iptables.ts';

/** What such a rule does on this node, as far as kube-proxy goes. */
export type ProxyCase =
  /** kube-proxy hangs in the same chain: what is accepted before never reaches it. */
  | 'cuts-off'
  /** kube-proxy is there, and not in this chain: the rule does nothing. */
  | 'elsewhere'
  /** There is no kube-proxy: the rule does nothing. */
  | 'absent';

/** Where kube-proxy has left traces. */
export interface ProxyTraces {
  /** Back ends whose nat/PREROUTING leads to kube-proxy's chain. */
  readonly iptables: ReadonlySet<IptablesBackend>;
  /** kube-proxy's own nftables table (mode `nftables`). */
  readonly nftables: boolean;
}

/** Which case it is for rules in this back end. Pure. */
export function proxyCase(backend: IptablesBackend, { iptables, nftables }: ProxyTraces): ProxyCase {
  if (iptables.has(backend)) return 'cuts-off';
  return nftables || iptables.size > 0 ? 'elsewhere' : 'absent';
}

/** How the case is told at start. */
export function caseText(found: ProxyCase, backend: IptablesBackend): string {
  switch (found) {
    case 'cuts-off':
      return `kube-proxy takes its traffic in iptables (${backend}), as we do: it gets nothing of what comes for a pool`;
    case 'elsewhere':
      return `kube-proxy does not take its traffic in iptables (${backend}): these rules have no effect on this node`;
    case 'absent':
      return 'there is no kube-proxy on this node: these rules have no effect';
  }
}

/** Who carries the traffic of Services on this node; undefined: nobody has said. */
export type DataPlane = string | undefined;

/**
 * Why no rule may be written, or undefined when it may: it would leave the addresses of Services without anybody who carries their traffic.
 * Pure.
 */
export function refusal(found: ProxyCase, plane: DataPlane, isForced: boolean): string | undefined {
  if (found !== 'cuts-off' || isForced) return undefined;
  if (plane !== undefined && plane !== 'none') return undefined;
  const why =
    plane === 'none'
      ? 'the agent on this node leaves the traffic of Services to kube-proxy (fairlead_balance=none)'
      : 'no agent on this node says that it carries the traffic of Services itself';
  return `rules for the pools would cut kube-proxy off from them, and ${why}: nothing would answer on any address of a Service; remove starboard (nobody needs it with the agent), or give the agent a data plane, or use --force`;
}
