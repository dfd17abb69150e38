// SPDX-License-Identifier: Apache-2.0
/**
 * The pure state machines of the `raft` engine under a simulated clock and network, on all cores: millions of seeded runs
 * with all rules, and for each of the seven rules as many as it takes to find out that it is off.
 */
import { availableParallelism } from 'node:os';
import { describeRun, type RuleNumber, run, shrink } from '@fairlead/agent/ownership/raft/simulation/run.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { addBatches, type BatchOrder, type BatchResult, type Failure, NO_RUNS } from './simulate/batch.ts';
import { Crew } from './simulate/crew.ts';
import { commandFor, readSimulateOptions, type SimulateOptions } from './simulate/options.ts';
import { measureSwitches, type SwitchFigures } from './simulate/switches.ts';

/** Runs handed to a thread at a time. */
const BATCH = 500;
const RULE_BATCH = 50;
/** Between two words on how far it is. */
const SAY_MS = 30_000;
/** Failures that are told one by one. */
const MAX_TOLD = 20;
/** Changes of the engine, in each direction. */
const SWITCH_RUNS = 400;
const RULES: readonly RuleNumber[] = [1, 2, 3, 4, 5, 6, 7];

type Say = (text: string) => void;

async function simulate(say: Say, args: readonly string[]): Promise<BenchmarkResult> {
  const options = readSimulateOptions(args, availableParallelism());
  if (options.runs === 1) return repeat(say, options);
  const crew = new Crew(options.threads);
  try {
    const startedMs = performance.now();
    const total = await runAll(crew, options, say);
    const seconds = (performance.now() - startedMs) / 1_000;
    const rules = options.run.without === undefined ? await biteAll(crew, options, say) : new Map();
    say('changes of the engine');
    const switches = {
      leaseToRaft: measureSwitches('lease', 'raft', options.seed, SWITCH_RUNS),
      raftToLease: measureSwitches('raft', 'lease', options.seed, SWITCH_RUNS),
    };
    return report(options, total, seconds, rules, switches);
  } finally {
    await crew.end();
  }
}

/** One run, told in full, and shrunk when it has found something. */
function repeat(say: Say, options: SimulateOptions): BenchmarkResult {
  const result = run(options.seed, options.run);
  say(describeRun(result));
  const isFound = result.violations.length > 0;
  if (isFound) say(`shrunk:\n${describeRun(shrink(result, options.run))}`);
  const { seed, violations, steps, moves, worstUnheldMs } = result;
  return {
    figures: { seed, runs: 1, steps, moves, worstUnheldMs, violations },
    table: [
      ['seed', 'violations', 'moves', 'longest without holder, ms'],
      [seed, violations.length, moves, Math.round(worstUnheldMs)].map(String),
    ],
  };
}

async function runAll(crew: Crew, options: SimulateOptions, say: Say): Promise<BatchResult> {
  const { seed, runs, minutes, run: runOptions } = options;
  const endMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;
  let given = 0;
  let total = NO_RUNS;
  let saidMs = performance.now();
  const next = (): BatchOrder | undefined => {
    if (given >= runs || performance.now() >= endMs) return undefined;
    const order = {
      firstSeed: seed + given,
      runs: Math.min(BATCH, runs - given),
      options: runOptions,
      lookFor: undefined,
    };
    given += order.runs;
    return order;
  };
  await crew.work(next, (_, result) => {
    total = addBatches(total, result);
    for (const failure of result.failures) say(`${told(failure)}\n  ${commandFor(failure.seed, runOptions)}`);
    if (performance.now() < saidMs + SAY_MS) return;
    saidMs = performance.now();
    say(`${total.runs} runs, ${total.failures.length} with violations`);
  });
  return total;
}

/** What it took to find that a rule is off. */
interface Bite {
  readonly runs: number;
  readonly found: Failure | undefined;
}

async function biteAll(
  crew: Crew,
  options: SimulateOptions,
  say: Say,
): Promise<ReadonlyMap<RuleNumber, Bite>> {
  const bites = new Map<RuleNumber, Bite>();
  for (const without of RULES) {
    const bite = await findBite(crew, options, without);
    bites.set(without, bite);
    say(`without rule ${without}: ${bite.found === undefined ? 'nothing found' : told(bite.found)}`);
  }
  return bites;
}

/** The first seed that finds a violation, not the first thread to come across one: the same on every machine. */
async function findBite(crew: Crew, options: SimulateOptions, without: RuleNumber): Promise<Bite> {
  const { seed, ruleRuns } = options;
  let given = 0;
  let found: Failure | undefined;
  const lookFor = without === 7 ? 'needlessMove' : 'twoHolders';
  const next = (): BatchOrder | undefined => {
    if (found !== undefined || given >= ruleRuns) return undefined;
    const order = {
      firstSeed: seed + given,
      runs: RULE_BATCH,
      options: { ...options.run, without },
      lookFor,
    };
    given += RULE_BATCH;
    return order;
  };
  await crew.work(next, (_, { failures: [first] }) => {
    if (first !== undefined && (found === undefined || first.seed < found.seed)) found = first;
  });
  const first = found as Failure | undefined;
  return { runs: first === undefined ? given : first.seed - seed + 1, found: first };
}

function told({ seed, rule, detail }: Failure): string {
  return `seed ${seed}: ${rule}: ${detail}`;
}

function report(
  options: SimulateOptions,
  total: BatchResult,
  seconds: number,
  rules: ReadonlyMap<RuleNumber, Bite>,
  switches: Readonly<Record<string, SwitchFigures>>,
): BenchmarkResult {
  const { runs, steps, moves, worstUnheldMs, worstLag, happened, failures } = total;
  const first = [...failures].sort((a, b) => a.seed - b.seed).slice(0, MAX_TOLD);
  const runsPerSecond = Math.round(runs / seconds);
  const biting = [...rules].map(([rule, { runs, found }]) => [
    `without rule ${rule}`,
    found === undefined ? `nothing in ${runs} runs` : `${found.rule} after ${runs} runs (seed ${found.seed})`,
  ]);
  return {
    figures: {
      runs,
      seed: options.seed,
      violations: failures.length,
      failures: first.map((failure) => ({ ...failure, command: commandFor(failure.seed, options.run) })),
      worstUnheldMs: Math.round(worstUnheldMs),
      moves,
      steps,
      worstLag,
      runsPerSecond,
      switches,
      happened: Object.fromEntries([...happened].sort()),
      rules: Object.fromEntries(
        [...rules].map(([rule, { runs, found }]) => [
          rule,
          {
            runs,
            found: found?.rule,
            seed: found?.seed,
            command: found && commandFor(found.seed, { without: rule }),
          },
        ]),
      ),
    },
    table: [
      ['runs', String(runs)],
      ['runs with violations', String(failures.length)],
      ['longest without holder while a majority was well, ms', String(Math.round(worstUnheldMs))],
      ['addresses moved', String(moves)],
      ['inputs taken by nodes', String(steps)],
      ['runs per second', String(runsPerSecond)],
      ...biting,
      ...Object.entries(switches).map(([name, { medianDownMs, worstDownMs, violations }]) => [
        `${name}: without owners, ms`,
        `${medianDownMs} / ${worstDownMs}, ${violations} violations`,
      ]),
    ],
  };
}

/** Millions of seeded runs of simulated groups, and what happens without each rule. */
export const simulateRaft: Benchmark = {
  name: 'simulate',
  about:
    'the raft engine in simulated groups: seeded runs with faults (--runs, --seed, --minutes, --minority, --without)',
  run: simulate,
};
