// SPDX-License-Identifier: Apache-2.0
/**
 * What agents cost while nothing happens: a thousand Services on five nodes, for a minute. Requests are counted by the API
 * server's audit log, datagrams by the nodes' kernels, time and memory by /proc.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { chooseAssets } from '@fairlead/test-lab/control-plane/control-plane.ts';
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { cpuMsIn, datagramsIn, rssMBIn } from './at-rest/usage.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { exposeMany, pinBackends } from './failover/services.ts';
import { settled } from './failover/settle.ts';
import { statusOf } from './failover/view.ts';
import { AuditReader, type AuditRecord } from './scale/audit.ts';
import { startBusyMeter } from './scale/busy-meter.ts';

const AGENT_USER = 'system:serviceaccount:kube-system:kube-vip';
const RANGE = '172.18.1.0-172.18.4.255';
const SETTLE_LIMIT_MS = 180_000;
/** The agents are at rest when they have not written anything for this long. */
const QUIET_MS = 5_000;
/** Imbalances from the start are mended one address in 5 s. */
const QUIET_LIMIT_MS = 600_000;

const BOUNDS = { apiRequestsPerSecond: 2, cpuPercentPerAgent: 2, rssMB: 120 } as const;

interface Options {
  readonly services: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly engine: string;
}

/** Reads `--services N --nodes N --seconds N --engine NAME`. Throws on anything else. */
export function parseAtRestOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      services: { type: 'string', default: '1000' },
      nodes: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '60' },
      engine: { type: 'string', default: 'raft' },
    },
    strict: true,
    allowPositionals: false,
  });
  const number = (name: 'services' | 'nodes' | 'seconds', most: number): number => {
    const value = /^[1-9]\d*$/.test(values[name]) ? Number(values[name]) : 0;
    if (value < 1 || value > most)
      throw new Error(`--${name} is "${values[name]}", expected a whole number from 1 to ${most}`);
    return value;
  };
  const { engine } = values;
  if (engine !== 'raft' && engine !== 'lease')
    throw new Error(`--engine is "${engine}", expected raft or lease`);
  return {
    services: number('services', 1_000),
    nodes: number('nodes', 20),
    seconds: number('seconds', 3_600),
    engine,
  };
}

/** Both servers write the same log; the real one needs to be told what goes into it. */
function auditing(): { readonly log: string; readonly serverArgs: readonly string[] } {
  mkdirSync('/run/fairlead', { recursive: true });
  const folder = mkdtempSync('/run/fairlead/audit-');
  const log = join(folder, 'audit.log');
  writeFileSync(log, '');
  if (chooseAssets('auto', process.env.KUBEBUILDER_ASSETS) === undefined)
    return { log, serverArgs: ['--audit-log-path', log] };
  const policy = join(folder, 'policy.json');
  writeFileSync(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived', 'ResponseStarted'],
      rules: [{ level: 'Metadata', users: [AGENT_USER] }, { level: 'None' }],
    }),
  );
  const serverArgs = [
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${log}`,
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=10000',
  ];
  return { log, serverArgs };
}

/** Counters of one node's agent at one moment. */
interface Reading {
  readonly cpuMs: number;
  readonly rssMB: number;
  readonly datagrams: number;
}

async function read(cluster: Cluster, node: string): Promise<Reading> {
  const pids = cluster.agentPids(node);
  const [pid] = pids;
  if (pid === undefined || pids.length > 1)
    throw new Error(`expected one agent on ${node}, found ${pids.length}`);
  const { stdout } = await cluster.lab.exec(node, ['cat', '/proc/net/snmp', '/proc/net/snmp6']);
  return {
    cpuMs: cpuMsIn(readFileSync(`/proc/${pid}/stat`, 'latin1')),
    rssMB: rssMBIn(readFileSync(`/proc/${pid}/status`, 'latin1')),
    datagrams: datagramsIn(stdout),
  };
}

/** Waits until no agent has written for a while: what the creation of the Services has caused is over. */
async function untilQuiet(audit: AuditReader, say: (text: string) => void): Promise<void> {
  const isWrite = ({ user, verb, resource }: AuditRecord) =>
    user === AGENT_USER && resource !== 'leases' && ['create', 'update', 'patch', 'delete'].includes(verb);
  const limitMs = performance.now() + QUIET_LIMIT_MS;
  do {
    await audit.next();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const writes = (await audit.next()).filter(isWrite);
    if (writes.length === 0) return;
    say(`still writing: ${JSON.stringify(byKind(writes))}`);
  } while (performance.now() < limitMs);
  throw new Error(`the agents still write after ${QUIET_LIMIT_MS} ms`);
}

/** Requests by verb and resource, most frequent first. */
function byKind(records: readonly AuditRecord[]): Readonly<Record<string, number>> {
  const groups = Map.groupBy(records, ({ verb, resource }) => `${verb} ${resource}`);
  const counts = [...groups].map(([kind, list]) => [kind, list.length] as const);
  return Object.fromEntries(counts.sort(([, a], [, b]) => b - a));
}

async function measure(options: Options, say: (text: string) => void): Promise<BenchmarkResult> {
  const { log, serverArgs } = auditing();
  const cluster = await Cluster.start({
    workers: options.nodes,
    extraServerArgs: serverArgs,
    agentEnv: { fairlead_engine: options.engine },
  });
  try {
    const { lab } = cluster;
    const nodes = lab.plan.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
    const audit = new AuditReader(log);
    await cluster.setPools({ [POOL]: RANGE });
    await pinBackends(cluster);
    const addresses = await exposeMany(cluster, options.services);
    say(`${addresses.length} Services have an address`);
    await settled(cluster, { nodes, addresses, timeoutMs: SETTLE_LIMIT_MS });
    await untilQuiet(audit, say).catch(async (error: unknown) => {
      const reports = await Promise.all(nodes.map((node) => statusOf(lab, node)));
      for (const { node, failovers } of reports) say(`${node}: ${JSON.stringify(failovers.slice(0, 8))}`);
      throw error;
    });
    say(`at rest for ${options.seconds} s`);
    const before = await Promise.all(nodes.map((node) => read(cluster, node)));
    await audit.next();
    const busyCores = startBusyMeter();
    const startMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000));
    const records = (await audit.next()).filter(({ user }) => user === AGENT_USER);
    const seconds = (performance.now() - startMs) / 1_000;
    const after = await Promise.all(nodes.map((node) => read(cluster, node)));
    const rateOf = (index: number, key: 'cpuMs' | 'datagrams') =>
      ((after[index]?.[key] ?? Number.NaN) - (before[index]?.[key] ?? Number.NaN)) / seconds;
    const cpuPercent = nodes.map((_, index) => hundredth(rateOf(index, 'cpuMs') / 10));
    const rss = after.map(({ rssMB }) => rssMB);
    const figures = {
      engine: options.engine,
      apiServer: lab.apiServerVersion,
      services: options.services,
      nodes: options.nodes,
      seconds: Math.round(seconds),
      apiRequestsPerSecond: hundredth(records.length / seconds),
      cpuPercentPerAgent: Math.max(...cpuPercent),
      rssMB: Math.max(...rss),
      datagramsPerSecond: hundredth(nodes.reduce((sum, _, index) => sum + rateOf(index, 'datagrams'), 0)),
      cpuPercentEach: cpuPercent,
      rssEachMB: rss,
      requests: byKind(records),
      busyCores: busyCores(),
    };
    return { figures, table: tableOf(figures) };
  } finally {
    await cluster.stop();
  }
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

function tableOf(figures: Readonly<Record<string, unknown>>): readonly (readonly string[])[] {
  const rows = Object.entries(figures).map(([name, value]) => {
    const bound = Object.entries(BOUNDS).find(([each]) => each === name)?.[1];
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return [name, text, bound === undefined ? '' : `<= ${bound}${Number(value) <= bound ? '' : '  MISSED'}`];
  });
  return [['figure', 'value', 'bound'], ...rows];
}

/** What agents cost at rest. */
export const atRest: Benchmark = {
  name: 'at-rest',
  about:
    '1,000 Services on five nodes at rest: requests, CPU, memory, datagrams [--seconds N --engine raft|lease]',
  run: async (say, args) => {
    await ensureLabNamespace();
    const options = parseAtRestOptions(args);
    await buildPrograms();
    return await measure(options, say);
  },
};
