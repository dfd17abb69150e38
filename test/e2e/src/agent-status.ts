// SPDX-License-Identifier: Apache-2.0
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';

const STATUS_PORT = 2112;
const TIMEOUT_MS = 2_000;

/** The parts of an agent's status report that tests look at; docs/agent.md describes all of it. */
export interface AgentStatus {
  readonly node: string;
  readonly engine: { readonly name: string; readonly ok: boolean; readonly detail: string };
  readonly coordinator: { readonly node: string } | null;
  readonly endpoints: readonly {
    readonly service: string;
    readonly endpoint: string;
    readonly state: 'unknown' | 'up' | 'down';
    readonly detail: string;
  }[];
  readonly group: { readonly epoch: number; readonly voters: readonly string[] } | null;
}

/** What the agent of a node says of itself. Rejects when it does not answer. */
export async function agentStatus(lab: Lab, node: string): Promise<AgentStatus> {
  const response = await ask(lab, node, '/status');
  if (response.status !== 200) throw new Error(`/status on ${node}: status ${response.status}, expected 200`);
  return (await response.json()) as AgentStatus;
}

/** Is the agent of a node ready, by its own word? Rejects when it does not answer. */
export async function isAgentReady(lab: Lab, node: string): Promise<boolean> {
  const response = await ask(lab, node, '/readyz');
  await response.arrayBuffer();
  return response.status === 200;
}

function ask(lab: Lab, node: string, path: string): Promise<Response> {
  const url = `http://${hostOf(lab.plan, node).ipv4}:${STATUS_PORT}${path}`;
  return fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { connection: 'close' } });
}

/**
 * What keeps these agents from being one group of the `raft` engine that can grant, in words; empty when nothing does: each
 * is well and knows three voters and one and the same coordinator, which Leases do not have.
 */
export function groupTrouble(reports: readonly AgentStatus[]): readonly string[] {
  const trouble = reports.flatMap(({ node, engine, group }) => [
    ...(engine.ok ? [] : [`the engine on ${node} is not well: ${engine.detail}`]),
    ...((group?.voters.length ?? 0) >= 3 ? [] : [`${node} knows ${group?.voters.length ?? 0} voters`]),
  ]);
  const coordinators = new Set(reports.map(({ coordinator }) => coordinator?.node ?? 'none'));
  if (coordinators.size > 1 || coordinators.has('none')) {
    const said = reports.map(({ node, coordinator }) => `${node} says ${coordinator?.node ?? 'none'}`);
    trouble.push(`coordinators: ${said.join(', ')}`);
  }
  return trouble;
}
