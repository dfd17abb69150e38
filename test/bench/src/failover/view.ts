// SPDX-License-Identifier: Apache-2.0
/** What the agents say of themselves, through the port that their manifest opens for Prometheus. */
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';

const STATUS_PORT = 2112;
const TIMEOUT_MS = 2_000;

/** The parts of `agent status --json` that are looked at here; docs/agent.md describes all of it. */
export interface AgentStatus {
  readonly node: string;
  readonly well: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly engine: { readonly name: string; readonly ok: boolean; readonly detail: string };
  readonly coordinator: { readonly node: string } | null;
  readonly members: readonly { readonly node: string; readonly role: string; readonly state: string }[];
  readonly group: { readonly size: number; readonly voters: readonly string[] } | null;
  readonly addresses: readonly { readonly address: string; readonly owner: string | null }[];
  readonly failovers: readonly AgentFailover[];
}

/** Addresses that moved together, and what their time was made of (null: not known on that node). */
export interface AgentFailover {
  /** RFC 3339. */
  readonly at: string;
  readonly part: 'coordinator' | 'owner';
  readonly reason: string;
  readonly addresses: readonly string[];
  readonly detectedMs: number | null;
  readonly grantedMs: number | null;
  readonly placedMs: number | null;
  readonly announcedMs: number | null;
}

/** Is the agent of the node ready, by its own word? Rejects when it does not answer. */
export async function isReady(lab: Lab, node: string): Promise<boolean> {
  const response = await ask(lab, node, '/readyz');
  await response.arrayBuffer();
  return response.status === 200;
}

/** The status of the agent on a node. Rejects when it does not answer. */
export async function statusOf(lab: Lab, node: string): Promise<AgentStatus> {
  const response = await ask(lab, node, '/status');
  if (response.status !== 200) throw new Error(`/status on ${node}: status ${response.status}`);
  return (await response.json()) as AgentStatus;
}

function ask(lab: Lab, node: string, path: string): Promise<Response> {
  const url = `http://${hostOf(lab.plan, node).ipv4}:${STATUS_PORT}${path}`;
  return fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { connection: 'close' } });
}

/**
 * What a failover was made of, from the reports of all agents: the newest entry about the address since `sinceMs` (wall
 * clock), the new owner's first and what only the coordinator knows added; undefined when nobody tells of one. Pure.
 */
export function phasesOf(
  reports: readonly AgentStatus[],
  address: string,
  sinceMs: number,
): string | undefined {
  const entries = reports
    .flatMap(({ failovers }) => failovers)
    .filter(({ at, addresses }) => addresses.includes(address) && Date.parse(at) >= sinceMs);
  const owner = entries.find(({ part }) => part === 'owner');
  const coordinator = entries.find(({ part }) => part === 'coordinator');
  const known = (['detectedMs', 'grantedMs', 'placedMs', 'announcedMs'] as const).flatMap((phase) => {
    const ms = owner?.[phase] ?? coordinator?.[phase];
    return ms === null || ms === undefined ? [] : [`${phase.replace('Ms', '')} ${ms.toFixed(0)}`];
  });
  return known.length === 0 ? undefined : known.join(' + ');
}
