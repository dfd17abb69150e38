// SPDX-License-Identifier: Apache-2.0
import { freemem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '@fairlead/test-e2e/fixture.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { signalProcess } from '@fairlead/test-lab/process/proc.ts';
import { restoreForeignRules } from '@fairlead/test-lab/verbs/foreign-rules.ts';
import { type CpuQuota, limitCpu } from './cpu-quota.ts';

/** What is strained. */
export interface Strained {
  readonly cluster: Cluster;
  /** Nodes with an agent. */
  readonly nodes: readonly string[];
  readonly say: (text: string) => void;
}

/** One kind of bad day. */
export interface Strain {
  /** Key of the figures. */
  readonly name: string;
  readonly about: string;
  /** Begins it; resolves to what ends it. */
  begin(strained: Strained): Promise<() => Promise<void>>;
}

const BUSY_PROCESSES = 32;
const CPU_SHARE = 0.2;
const RUN_MS = 20;
const PAUSE_MS = 80;
const HOGS = 4;
const HOG_SHARE = 0.05;
const FOREIGN_RULES = 40_000;
const RESTORE_EVERY_MS = 5_000;
const STALL_EVERY_MS = 3_000;

/** Length of the stalls that the agents of this benchmark suffer at SIGUSR2. */
export const STALL_MS = 1_000;

const programAt = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Where processes run that only consume: it has no agent. */
const ELSEWHERE = 'client';

/** The bad days, in the order of the run. */
export const STRAINS: readonly Strain[] = [
  {
    name: 'busyProcesses',
    about: `${BUSY_PROCESSES} processes that only compute`,
    begin: ({ cluster }) => {
      const loop = ['sh', '-c', 'while :; do :; done'];
      return Promise.resolve(
        ender(Array.from({ length: BUSY_PROCESSES }, () => cluster.lab.spawn(ELSEWHERE, loop))),
      );
    },
  },
  {
    name: 'cpuQuota',
    about: `each agent gets ${CPU_SHARE * 100} % of a processor`,
    begin: async (strained) => (await quota(strained)) ?? (await stopAndGo(strained)),
  },
  {
    name: 'memoryPressure',
    about: `${HOGS} processes take, fill and release a twentieth of the free memory each, and the agents' heaps are small`,
    begin: ({ cluster }) => {
      const megabytes = Math.max(64, Math.round((freemem() * HOG_SHARE) / (1 << 20)));
      const argv = [process.execPath, programAt('memory-hog-main.ts'), String(megabytes)];
      return Promise.resolve(ender(Array.from({ length: HOGS }, () => cluster.lab.spawn(ELSEWHERE, argv))));
    },
  },
  {
    name: 'foreignRules',
    about: `iptables-restore of ${FOREIGN_RULES} rules every ${RESTORE_EVERY_MS / 1000} s, on each node in turn`,
    begin: ({ cluster, nodes }) =>
      Promise.resolve(
        everySoOften(RESTORE_EVERY_MS, async (count) => {
          const node = nodes[count % nodes.length] ?? '';
          await restoreForeignRules((argv, options) => cluster.lab.exec(node, argv, options), FOREIGN_RULES);
        }),
      ),
  },
  {
    name: 'mainThreadStalls',
    about: `the main thread of each agent stands still for ${STALL_MS} ms every ${STALL_EVERY_MS} ms`,
    begin: ({ cluster, nodes }) =>
      Promise.resolve(
        everySoOften(STALL_EVERY_MS / nodes.length, (count) => {
          const node = nodes[count % nodes.length] ?? '';
          for (const pid of cluster.agentPids(node)) signalProcess(pid, 'SIGUSR2');
          return Promise.resolve();
        }),
      ),
  },
];

/** Control groups, where they may be made. */
function quota({ cluster, nodes, say }: Strained): Promise<(() => Promise<void>) | undefined> {
  const quotas: CpuQuota[] = [];
  const end = (): Promise<void> => {
    say(`  periods cut short: ${quotas.map((each) => each.timesThrottled()).join(', ')}`);
    for (const each of quotas) each.undo();
    return Promise.resolve();
  };
  for (const node of nodes) {
    for (const pid of cluster.agentPids(node)) {
      const limited = limitCpu(`${process.pid}-${pid}`, pid, CPU_SHARE);
      if (limited === undefined) {
        for (const each of quotas) each.undo();
        return Promise.resolve(undefined);
      }
      quotas.push(limited);
    }
  }
  say('  by a control group for each');
  return Promise.resolve(end);
}

/** Each agent is stopped for most of the time. Stricter than a quota, which stops only who has used it up. */
async function stopAndGo({ cluster, nodes, say }: Strained): Promise<() => Promise<void>> {
  say(`  no control groups may be made here: each runs for ${RUN_MS} ms, then is stopped for ${PAUSE_MS} ms`);
  const programs: LabProcess[] = [];
  for (const [index, node] of nodes.entries()) {
    const pids = cluster.agentPids(node).map(String);
    const times = [String(RUN_MS), String(PAUSE_MS)];
    const argv = [process.execPath, programAt('duty-cycle-main.ts'), ...times, ...pids];
    programs.push(cluster.lab.spawn(ELSEWHERE, argv));
    await sleep((index * (RUN_MS + PAUSE_MS)) / nodes.length);
  }
  return ender(programs);
}

function ender(programs: readonly LabProcess[]): () => Promise<void> {
  return async () => {
    await Promise.all(programs.map((program) => program.stop()));
  };
}

/** Does something at fixed intervals (later when it takes longer) until ended; a failure shows when it is ended. */
function everySoOften(intervalMs: number, work: (count: number) => Promise<void>): () => Promise<void> {
  const over = new AbortController();
  const loop = async (): Promise<void> => {
    for (let count = 0; !over.signal.aborted; count += 1) {
      const startMs = performance.now();
      await work(count);
      const leftMs = intervalMs - (performance.now() - startMs);
      if (leftMs > 0) await sleep(leftMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  // Told by whoever ends it; without this Node would call it unhandled first.
  running.catch(() => undefined);
  return async () => {
    over.abort();
    await running;
  };
}
