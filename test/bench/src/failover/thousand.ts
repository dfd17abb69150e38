// SPDX-License-Identifier: Apache-2.0
/** A node with a thousand addresses is lost: how long until all of them answer elsewhere. */
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { silentDrop } from './disturbances.ts';
import { exposeMany, pinBackends } from './services.ts';
import { settled } from './settle.ts';
import { Sweep } from './sweep.ts';

const ADDRESSES = 1_000;
const RANGE = '172.18.1.0-172.18.4.255';
const LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 180_000;

/** What came of it, in milliseconds. */
export interface ThousandFigures {
  /** From the loss to the first answer of the last address, in the worst round. */
  readonly allMs: number;
  readonly medianMs: number;
  readonly rounds: number;
  /** To the first answer of the first address, in the worst round. */
  readonly firstMs: number;
}

/** One round. */
export interface ThousandRound {
  readonly from: string;
  readonly firstMs: number;
  readonly allMs: number;
}

/**
 * Plays the rounds. `svc_election` is off, so that all addresses are on one node, and one other node has to take all of
 * them: the hardest case.
 */
export async function loseThousand(
  env: Readonly<Record<string, string>>,
  rounds: number,
  say: (text: string) => void,
): Promise<readonly ThousandRound[]> {
  const cluster = await Cluster.start({ workers: 3, agentEnv: { ...env, svc_election: 'false' } });
  try {
    await cluster.setPools({ [POOL]: RANGE });
    await pinBackends(cluster);
    const addresses = await exposeMany(cluster, ADDRESSES);
    say(`${addresses.length} addresses`);
    const results: ThousandRound[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const result = await oneRound(cluster, addresses);
      say(
        `thousand ${round}/${rounds}: ${result.from} lost, first after ${result.firstMs.toFixed(0)} ms, all after ${result.allMs.toFixed(0)} ms`,
      );
      results.push(result);
    }
    return results;
  } finally {
    await cluster.stop();
  }
}

async function oneRound(cluster: Cluster, addresses: readonly string[]): Promise<ThousandRound> {
  const { lab } = cluster;
  const nodes = lab.plan.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  const { owners } = await settled(cluster, { nodes, addresses, timeoutMs: SETTLE_LIMIT_MS });
  const [victim, ...others] = new Set(owners.values());
  if (victim === undefined || others.length > 0)
    throw new Error(`expected all addresses on one node, they are on ${[victim, ...others].join(', ')}`);
  const sweep = await Sweep.start(lab, addresses);
  const loss = silentDrop(lab);
  try {
    const allAnswered = () => sweep.answers.size === addresses.length;
    await lab.waitFor(allAnswered, { what: 'all addresses to answer', timeoutMs: LIMIT_MS });
    sweep.onlyOthers(hostOf(lab.plan, victim).mac);
    const lostMs = await loss.begin(victim);
    await lab.waitFor(allAnswered, { what: 'all addresses to answer elsewhere', timeoutMs: LIMIT_MS });
    const times = [...sweep.answers.values()].map(({ atMs }) => atMs - lostMs);
    return { from: victim, firstMs: Math.min(...times), allMs: Math.max(...times) };
  } finally {
    await loss.end(victim);
    await sweep.stop();
  }
}
