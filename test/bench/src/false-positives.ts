// SPDX-License-Identifier: Apache-2.0
/**
 * Bad days on which nothing is lost: processors that are busy, agents that get little time, memory that is scarce, a packet
 * filter that is blocked, main threads that stand still. No address may move for any of it. Judged from the client.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { agentStatus, groupTrouble } from '@fairlead/test-e2e/agent-status.ts';
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { fragileAgent } from '@fairlead/test-lab/cluster/images.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { tenth } from './scale/statistics.ts';
import { type Steadiness, steadinessOf } from './strain/steadiness.ts';
import { STALL_MS, STRAINS, type Strain, type Strained } from './strain/strains.ts';

interface Options {
  readonly minutes: number;
  readonly engine: string;
  readonly strains: readonly Strain[];
  readonly keepLogs: boolean;
}

const SERVICES = 4;
const PROBE_MS = 20;
/** An agent's heap: little more than it needs, so that garbage is collected all the time. */
const HEAP_FLAGS = ['--max-old-space-size=64', '--max-semi-space-size=1'];
/** What was begun or ended just now is not what is measured. */
const SETTLE_MS = 2_000;

/** Reads `--minutes`, `--engine`, `--only STRAIN[,STRAIN]` and `--keep-logs`. Throws on anything else. */
export function readStrainOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      engine: { type: 'string', default: 'raft' },
      only: { type: 'string' },
      'keep-logs': { type: 'boolean', default: false },
    },
    strict: true,
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes: expected a number above 0, got "${values.minutes}"`);
  const named = (name: string): Strain => {
    const strain = STRAINS.find((candidate) => candidate.name === name);
    if (strain !== undefined) return strain;
    throw new Error(`--only: "${name}" is none of ${STRAINS.map((each) => each.name).join(', ')}`);
  };
  return {
    minutes,
    engine: values.engine,
    strains: values.only?.split(',').map(named) ?? STRAINS,
    keepLogs: values['keep-logs'],
  };
}

async function expose(cluster: Cluster): Promise<readonly string[]> {
  await cluster.setPools({ [POOL]: '172.18.0.200-172.18.0.220,fd00:18::c8-fd00:18::e0' });
  const names = Array.from({ length: SERVICES }, (_, index) => `steady-${index}`);
  const addresses: string[] = [];
  for (const name of names) {
    await cluster.expose(name, { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
    addresses.push(...(await cluster.addressesOf(name, 2)));
  }
  for (const address of addresses) await cluster.answers(address);
  return addresses;
}

/** With `raft` the agents have to be a group first: until then Leases decide, and the change may move addresses. */
async function groupForms({ cluster, nodes }: Strained): Promise<void> {
  const isFormed = async (): Promise<boolean> => {
    const reports = await Promise.all(nodes.map((node) => agentStatus(cluster.lab, node)));
    const trouble = groupTrouble(reports);
    if (trouble.length > 0) throw new Error(trouble.join('; '));
    return true;
  };
  await cluster.lab.waitFor(isFormed, { what: 'the agents to form a group', timeoutMs: 60_000 });
}

/** One strain for so many minutes; the observer lives no longer than it, because its record is long. */
async function endure(
  strained: Strained,
  strain: Strain,
  addresses: readonly string[],
  minutes: number,
): Promise<Steadiness & { readonly agentsEnded: number }> {
  const { cluster, nodes } = strained;
  const agents = (): string => nodes.map((node) => cluster.agentPids(node).join()).join(' ');
  const before = agents();
  const observer = await cluster.lab.observeNeighbors({ addresses, intervalMs: PROBE_MS });
  await sleep(SETTLE_MS);
  const fromMs = monotonicMs();
  const end = await strain.begin(strained);
  try {
    await sleep(minutes * 60_000);
  } finally {
    await end();
  }
  const toMs = monotonicMs();
  await sleep(SETTLE_MS);
  const events = await observer.stop();
  return { ...steadinessOf(events, addresses, fromMs, toMs), agentsEnded: agents() === before ? 0 : 1 };
}

async function run(say: (text: string) => void, options: Options): Promise<BenchmarkResult> {
  await buildPrograms();
  const cluster = await Cluster.start({
    workers: 3,
    agentEnv: { fairlead_engine: options.engine },
    images: fragileAgent(STALL_MS, HEAP_FLAGS),
    keepLogs: options.keepLogs,
  });
  try {
    const nodes = nodesOf(cluster.lab.plan).flatMap(({ role, name }) => (role === 'worker' ? [name] : []));
    const addresses = await expose(cluster);
    if (options.engine === 'raft') await groupForms({ cluster, nodes, say });
    const results: [string, Steadiness & { readonly agentsEnded: number }][] = [];
    for (const strain of options.strains) {
      const at = new Date().toISOString().slice(11, 19);
      say(`${at} ${strain.name}: ${strain.about}`);
      const result = await endure({ cluster, nodes, say }, strain, addresses, options.minutes);
      say(`  ${result.moves} moves`);
      results.push([strain.name, result]);
    }
    const rows = results.map(([name, { moves, longestNobodyMs, answerMs }]) => [
      ...[name, String(moves), String(Math.round(longestNobodyMs))],
      ...[answerMs.p50, answerMs.p99, answerMs.worst].map((value) => String(tenth(value))),
    ]);
    return {
      figures: {
        apiServer: cluster.lab.apiServerVersion,
        engine: options.engine,
        minutes: options.minutes,
        moves: results.reduce((sum, [, { moves }]) => sum + moves, 0),
        strains: Object.fromEntries(results),
      },
      table: [['strain', 'moves', 'nobody, worst ms', 'answer p50, ms', 'p99', 'worst'], ...rows],
    };
  } finally {
    await cluster.stop();
    if (options.keepLogs) say(`logs are in ${cluster.lab.logDir}`);
  }
}

/** Minutes of each kind of strain; no address moves. */
export const falsePositives: Benchmark = {
  name: 'false-positives',
  about: 'bad days on which no address may move (--minutes of each, --engine, --only)',
  run: async (say, args) => {
    const options = readStrainOptions(args); // complains before anything is started
    await ensureLabNamespace();
    return await run(say, options);
  },
};
