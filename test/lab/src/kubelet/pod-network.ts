// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { run, runOrThrow } from '../process/run.ts';
import type { PodAddress } from './pod-addresses.ts';

/** The network of one pod: a namespace, a veth pair to the node, a host route per address. */
export interface PodNetworkPlan {
  /** Name under /run/netns; begins with the node's name, by which the lab finds all processes of a node. */
  readonly netns: string;
  /** The node's end of the pair (at most 15 characters). */
  readonly hostLink: string;
  readonly addresses: readonly PodAddress[];
}

/** Names for a pod's network. */
export function planPodNetwork(
  node: string,
  podName: string,
  uid: string,
  addresses: readonly PodAddress[],
): PodNetworkPlan {
  const short = uid.replaceAll('-', '');
  return {
    netns: `${node}-${podName.slice(0, 80)}-${short.slice(0, 8)}`,
    hostLink: `pod${short.slice(0, 12)}`,
    addresses,
  };
}

/**
 * `ip -batch` input for the node's side. No bridge: each pod has a link of its own, and the node holds the range's
 * first address on every one of them, as point-to-point CNI plugins do.
 */
export function nodeSideBatch({ netns, hostLink, addresses }: PodNetworkPlan): string {
  return lines([
    `link add ${hostLink} type veth peer name eth0 netns ${netns}`,
    ...addresses.map(({ family, gateway }) =>
      family === 4
        ? `addr add ${gateway}/32 dev ${hostLink}`
        : `addr add ${gateway}/128 dev ${hostLink} nodad`,
    ),
    `link set ${hostLink} up`,
    ...addresses.map(({ address, family }) => `route replace ${host(family, address)} dev ${hostLink}`),
  ]);
}

/** `ip -batch` input for the pod's side. Addresses skip duplicate detection: it would hold them back for a second. */
export function podSideBatch({ addresses }: PodNetworkPlan): string {
  return lines([
    'link set lo up',
    ...addresses.map(({ family, address }) =>
      family === 4 ? `addr add ${address}/32 dev eth0` : `addr add ${address}/128 dev eth0 nodad`,
    ),
    'link set eth0 up',
    ...addresses.flatMap(({ family, gateway }) => [
      `route add ${host(family, gateway)} dev eth0`,
      `route add ${family === 4 ? '0.0.0.0/0' : '::/0'} via ${gateway} dev eth0`,
    ]),
  ]);
}

// Lines of a batch take no -4 or -6: the prefix has to say the family.
function host(family: 4 | 6, address: string): string {
  return `${address}/${family === 4 ? 32 : 128}`;
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}

/** Makes the network; what a failed attempt left is removed first. */
export async function createPodNetwork(plan: PodNetworkPlan): Promise<void> {
  if (podNamespaces(plan.netns).includes(plan.netns)) await deletePodNetwork(plan);
  await runOrThrow(['ip', 'netns', 'add', plan.netns]);
  await runOrThrow(['ip', '-batch', '-'], { stdin: nodeSideBatch(plan) });
  await runOrThrow(['ip', '-n', plan.netns, '-batch', '-'], { stdin: podSideBatch(plan) });
}

/** Whether both ends are there: after a reboot of the node the pod's namespace may be left without its link. */
export async function podNetworkStands({ netns, hostLink }: PodNetworkPlan): Promise<boolean> {
  if (!podNamespaces(netns).includes(netns)) return false;
  return (await run(['ip', 'link', 'show', 'dev', hostLink])).code === 0;
}

/** Removes the network. The pair goes with the namespace, but only once its last process is gone: so by itself first. */
export async function deletePodNetwork(plan: Pick<PodNetworkPlan, 'netns' | 'hostLink'>): Promise<void> {
  const script = 'ip link del "$1" 2>/dev/null; if [ -e "/run/netns/$2" ]; then ip netns del "$2"; fi';
  await runOrThrow(['sh', '-c', script, 'sh', plan.hostLink, plan.netns]);
}

/** Names of network namespaces that begin with a prefix. */
export function podNamespaces(prefix: string): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(prefix));
}
