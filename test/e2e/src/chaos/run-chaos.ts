// SPDX-License-Identifier: Apache-2.0
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fragileAgent } from '@fairlead/test-lab/cluster/images.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { strike } from './blows.ts';
import { type Findings, inspect } from './invariants.ts';
import { describeFault, endsAgents, type Fault, type FaultKind, type Need, planFaults } from './plan.ts';
import { judgeStretch, type StretchVerdict } from './verdict.ts';
import { ChaosWorld } from './world.ts';

/** How a run is made. */
export interface ChaosOptions {
  readonly seed: number;
  readonly faults: number;
  readonly engine: string;
  readonly services?: number;
  /** Added to the environment of the agents. */
  readonly agentEnv?: Readonly<Record<string, string>>;
  readonly onlyShort?: boolean;
  readonly only?: readonly FaultKind[] | undefined;
  /** Keeps the logs and names the folder when anything was violated. */
  readonly keepLogs?: boolean;
  readonly say?: (line: string) => void;
}

/** What one fault led to. */
export interface FaultOutcome extends StretchVerdict {
  readonly fault: Fault;
  /** Node it was for. */
  readonly node: string;
  /** From the end of the fault until all was well. */
  readonly recoveredMs: number;
  /** What was still wrong at the last look before all was well. */
  readonly lastTrouble: readonly string[];
  readonly leftBehind: readonly string[];
  readonly violations: readonly string[];
  /** What did not go as planned without being anybody's fault, e.g. a pod that could not be found on a dead node. */
  readonly notes: readonly string[];
}

/** What a run led to. */
export interface ChaosReport {
  readonly apiServer: string;
  readonly outcomes: readonly FaultOutcome[];
  readonly longestTwoOwnersMs: number;
  readonly leftBehind: readonly string[];
  readonly violations: readonly string[];
  readonly logDir: string | undefined;
}

/** A fault whose traces have not gone after this time is a violation. */
const RECOVERY_LIMIT_MS = 60_000;
/** A recovery that takes longer is told with what it waited for. */
const TELL_TROUBLE_AFTER_MS = 2_000;
const PROBE_MS = 20;
/** Stretches overlap by this, so that nothing falls between two of them. */
const OVERLAP_MS = 1_000;
const STALL_MS = 3_000;

/** Starts a cluster, makes it suffer, and judges. Rejects when the cluster cannot be started or driven. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { services = 3, say = () => undefined } = options;
  const world = await ChaosWorld.start({
    services,
    probeMs: PROBE_MS,
    engine: options.engine,
    ...(options.agentEnv === undefined ? {} : { agentEnv: options.agentEnv }),
    images: fragileAgent(STALL_MS, ['--max-old-space-size=80']),
    ...(options.keepLogs === true ? { keepLogs: true } : {}),
  });
  const run = new ChaosRun(world, say);
  try {
    await run.begin();
    for (const fault of planFaults({ ...options, services, offers: offersOf(world, options.engine) })) {
      await run.suffer(fault);
    }
    await run.end();
  } finally {
    await world.cluster.stop();
  }
  return run.report(
    world.cluster.lab.apiServerVersion,
    options.keepLogs ? world.cluster.lab.logDir : undefined,
  );
}

function offersOf(world: ChaosWorld, engine: string): ReadonlySet<Need> {
  const offers = new Set<Need>();
  if (world.cluster.lab.apiServerVersion === 'embedded') offers.add('embedded');
  if (engine === 'raft') offers.add('raft');
  return offers;
}

interface Recovery {
  readonly findings: Findings;
  readonly tookMs: number;
  readonly lastTrouble: readonly string[];
}

class ChaosRun {
  readonly #world: ChaosWorld;
  readonly #say: (line: string) => void;
  readonly #outcomes: FaultOutcome[] = [];
  readonly #leftAtEnd: string[] = [];
  readonly #violations: string[] = [];
  #judgedUpToMs = 0;

  constructor(world: ChaosWorld, say: (line: string) => void) {
    this.#world = world;
    this.#say = say;
  }

  /** Waits until all is well for the first time. */
  async begin(): Promise<void> {
    const { findings } = await this.#recover();
    const problems = [...findings.unwell, ...findings.leftBehind];
    if (problems.length > 0) throw new Error(`the cluster was never well: ${problems.join('; ')}`);
    this.#judgedUpToMs = monotonicMs();
  }

  /** One fault, from the blow to the verdict. */
  async suffer(fault: Fault): Promise<void> {
    const world = this.#world;
    const notes: string[] = [];
    const before = this.#agents();
    const { node, undo } = await strike(world, fault);
    const { overlay } = fault;
    if (overlay !== undefined) {
      // In the middle of what the first blow leads to.
      await sleep(fault.holdMs / 2);
      try {
        await (await strike(world, overlay)).undo();
      } catch (error) {
        notes.push(
          `${overlay.kind} was not possible: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      await sleep(fault.holdMs / 2);
    } else await sleep(fault.holdMs);
    await undo();
    const { findings, tookMs, lastTrouble } = await this.#recover();
    const verdict = this.#judge();
    const violations = [
      ...verdict.doubles.map((double) => `two owners: ${double}`),
      ...findings.unwell,
      ...this.#unexpectedEnds(fault, node, before),
    ];
    const outcome = {
      fault,
      node,
      recoveredMs: tookMs,
      lastTrouble,
      ...verdict,
      leftBehind: findings.leftBehind,
      violations,
      notes,
    };
    this.#outcomes.push(outcome);
    this.#tell(outcome);
  }

  /** All agents end in an orderly way, and nothing of theirs may be left. */
  async end(): Promise<void> {
    const { cluster, nodes } = this.#world;
    // They go with their pods.
    for (const { node, pod, file } of cluster.lab.podLogs()) {
      if (pod.startsWith('kube-vip-ds')) cpSync(file, join(cluster.lab.logDir, `agent-${node}.log`));
    }
    await cluster.lab.kubectl(['delete', 'daemonset', 'kube-vip-ds', '-n', 'kube-system', '--wait=false']);
    const left = async (): Promise<readonly string[]> => {
      const all = await Promise.all(
        nodes.map(async (node) => {
          const running = cluster.agentPids(node).map((pid) => `the agent (process ${pid})`);
          return [...running, ...(await cluster.leftovers(node))].map(
            (what) => `${node}: ${what} at the end`,
          );
        }),
      );
      return all.flat();
    };
    const deadlineMs = monotonicMs() + RECOVERY_LIMIT_MS;
    let last = await left();
    while (last.length > 0 && monotonicMs() < deadlineMs) {
      await sleep(100);
      last = await left();
    }
    this.#leftAtEnd.push(...last);
    this.#violations.push(...this.#judge().doubles.map((double) => `at the end, two owners: ${double}`));
    await this.#world.observer.stop();
  }

  report(apiServer: string, logDir: string | undefined): ChaosReport {
    const outcomes = this.#outcomes;
    return {
      apiServer,
      outcomes,
      longestTwoOwnersMs: Math.max(0, ...outcomes.map(({ longestTwoOwnersMs }) => longestTwoOwnersMs)),
      leftBehind: [
        ...outcomes.flatMap((outcome) => prefixed(outcome.fault, outcome.leftBehind)),
        ...this.#leftAtEnd,
      ],
      violations: [
        ...outcomes.flatMap((outcome) => prefixed(outcome.fault, outcome.violations)),
        ...this.#violations,
      ],
      logDir,
    };
  }

  /** Looks again until all is well, or the time is over. */
  async #recover(): Promise<Recovery> {
    const startMs = monotonicMs();
    let lastTrouble: readonly string[] = [];
    for (;;) {
      const findings = await inspect(this.#world);
      const tookMs = monotonicMs() - startMs;
      const trouble = [...findings.unwell, ...findings.leftBehind];
      if (trouble.length === 0 || tookMs > RECOVERY_LIMIT_MS) return { findings, tookMs, lastTrouble };
      lastTrouble = trouble;
      await sleep(100);
    }
  }

  #judge(): StretchVerdict {
    const { cluster, observer, stranger, watched } = this.#world;
    const nowMs = monotonicMs();
    const foreign = new Set([hostOf(cluster.lab.plan, stranger).mac]);
    const fromMs = this.#judgedUpToMs - OVERLAP_MS;
    this.#judgedUpToMs = nowMs;
    return judgeStretch(observer.events, { addresses: watched, fromMs, toMs: nowMs, foreign });
  }

  #agents(): ReadonlyMap<string, readonly number[]> {
    return new Map(this.#world.nodes.map((node) => [node, this.#world.cluster.agentPids(node)]));
  }

  /** An agent that ended although nothing was done to it. */
  #unexpectedEnds(
    fault: Fault,
    target: string,
    before: ReadonlyMap<string, readonly number[]>,
  ): readonly string[] {
    const meant = endsAgents(fault);
    if (meant === 'everybody') return [];
    const now = this.#agents();
    return [...before].flatMap(([node, pids]) =>
      (meant === 'target' && node === target) || pids.join() === now.get(node)?.join()
        ? []
        : [`the agent on ${node} ended although nothing was done to it`],
    );
  }

  #tell({
    fault,
    node,
    recoveredMs,
    lastTrouble,
    longestNobodyMs,
    moves,
    violations,
    leftBehind,
    notes,
  }: FaultOutcome): void {
    const role = fault.role === undefined ? '' : ` (${node})`;
    const at = new Date().toISOString().slice(11, 23);
    this.#say(
      `${at} ${describeFault(fault)}${role}: ${moves} moves, nobody for ${Math.round(longestNobodyMs)} ms, well after ${Math.round(recoveredMs)} ms`,
    );
    if (recoveredMs > TELL_TROUBLE_AFTER_MS) this.#say(`  at last: ${lastTrouble.join('; ')}`);
    for (const note of notes) this.#say(`  note: ${note}`);
    for (const what of [...violations, ...leftBehind]) this.#say(`  VIOLATED: ${what}`);
  }
}

function prefixed(fault: Fault, lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${describeFault(fault)}: ${line}`);
}
