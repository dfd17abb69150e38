// SPDX-License-Identifier: Apache-2.0
import { DAEMON_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import type { Cluster } from '@fairlead/test-e2e/fixture.ts';
import { isRolledOut } from '@fairlead/test-e2e/install.ts';
import { type AgentStatus, statusOf } from './view.ts';

/** The agents' DaemonSet. */
export const AGENTS = { namespace: 'kube-system', name: 'kube-vip-ds' } as const;

/** Who owns what, once all agents agree on it. */
export interface SettledGroup {
  /** Address -> node. */
  readonly owners: ReadonlyMap<string, string>;
  /** Node whose agent coordinates; undefined for an engine that has none. */
  readonly coordinator: string | undefined;
}

/** How settling is waited for. */
export interface SettleOptions {
  readonly nodes: readonly string[];
  readonly addresses: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Waits until a round may begin: all agents are up, ready and of one mind about who owns what and who coordinates, and each
 * address is on its owner's node and on no other.
 */
export async function settled(cluster: Cluster, options: SettleOptions): Promise<SettledGroup> {
  return await cluster.lab.waitFor(
    async () => {
      await mustBeRolledOut(cluster);
      const group = await agreement(cluster, options);
      for (const node of options.nodes) await mustHaveItsOwn(cluster, node, group, options.addresses);
      return group;
    },
    {
      what: 'all agents to have settled',
      timeoutMs: options.timeoutMs,
      intervalMs: options.addresses.length > 100 ? 1_000 : 100,
    },
  );
}

async function mustBeRolledOut(cluster: Cluster): Promise<void> {
  const set = await cluster.client.get(DAEMON_SETS, AGENTS);
  if (!isRolledOut(set)) throw new Error(`agents ready: ${set.status?.numberReady}`);
}

async function agreement(cluster: Cluster, { nodes, addresses }: SettleOptions): Promise<SettledGroup> {
  const reports = await Promise.all(nodes.map((node) => statusOf(cluster.lab, node)));
  const groups = reports.map((report) => groupIn(report, nodes));
  const [first] = groups;
  if (first === undefined) throw new Error('there are no agents');
  for (const address of addresses) {
    const owners = new Set(groups.map((group) => group.owners.get(address)));
    if (owners.size > 1 || owners.has(undefined))
      throw new Error(`the agents name ${[...owners].join(', ')} as owners of ${address}`);
  }
  const coordinators = new Set(groups.map((group) => group.coordinator));
  if (coordinators.size > 1)
    throw new Error(`the agents name ${[...coordinators].join(', ')} as coordinators`);
  return first;
}

/** What one agent says of its group. Throws when it is not well, or misses somebody. Pure. */
export function groupIn(report: AgentStatus, nodes: readonly string[]): SettledGroup {
  const { node, well, checks, engine, coordinator, members, addresses } = report;
  if (!well) {
    const failing = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name} ${detail}`);
    throw new Error(`the agent on ${node} is not well: ${[engine.detail, ...failing].join('; ')}`);
  }
  const isRaft = engine.name === 'raft';
  if (isRaft && coordinator === null) throw new Error(`${node} knows no coordinator`);
  for (const member of members) {
    const { state } = member;
    if (state === 'lost' || (isRaft && state !== 'up'))
      throw new Error(`${node} calls ${member.node} ${state}`);
  }
  const voters = members.filter(({ role }) => role === 'voter').length;
  const wanted = Math.min(nodes.length, report.group?.size ?? 0);
  if (isRaft && voters !== wanted) throw new Error(`${node} knows ${voters} voters of ${wanted}`);
  const owners = new Map(
    addresses.flatMap(({ address, owner }) => (owner === null ? [] : [[address, owner]])),
  );
  return { owners, coordinator: coordinator?.node };
}

async function mustHaveItsOwn(
  cluster: Cluster,
  node: string,
  { owners }: SettledGroup,
  addresses: readonly string[],
): Promise<void> {
  const lines = await cluster.addressesOnLo(node);
  const present = new Set(lines.flatMap((line) => /inet6? ([0-9a-f.:]+)\//.exec(line)?.[1] ?? []));
  for (const address of addresses) {
    if (present.has(address) !== (owners.get(address) === node))
      throw new Error(`${address} belongs to ${owners.get(address)}, on ${node}: ${present.has(address)}`);
  }
}
