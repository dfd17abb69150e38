// SPDX-License-Identifier: Apache-2.0
import type { Placer } from '../coordinator.ts';
import type { MinorityPolicy } from '../node-api.ts';
import { DEFAULT_PLACEMENT, Placement } from '../placement.ts';
import { ALL_RULES, type Rules } from '../rules.ts';
import { DEFAULT_TIMING, type RaftTiming } from '../timing.ts';
import { Chaos } from './chaos.ts';
import type { Happening } from './counts.ts';
import { describeFault, drawFaults, type Fault } from './faults.ts';
import type { Violation } from './judge.ts';
import { Liveness } from './liveness.ts';
import { Random } from './random.ts';
import { RestlessPlacement } from './restless-placement.ts';
import { World } from './world.ts';

/** Faults begin after this time: by then everything has its place. */
const CALM_MS = 700;
/** From here on everything is well again. */
const HEALED_MS = 3_200;
/**
 * Longest time from when everything is well to when every address has a holder: a restarted voter abstains for 302 ms, then
 * one election, and the wait for whom it may have forgotten.
 */
const RECOVERY_MS = 1_200;

/** The seven rules of the design, by number. */
export type RuleNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** How to run a simulation. */
export interface RunOptions {
  readonly timing?: RaftTiming;
  /** A rule that is switched off. */
  readonly without?: RuleNumber | undefined;
  /** Largest deviation of a clock's rate; without it what the timing allows. */
  readonly clockDrift?: number;
  /** What becomes of addresses below a majority; without it `release`. */
  readonly minority?: MinorityPolicy;
}

/** What came of it. */
export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: readonly Fault[];
  /** Inputs that nodes have taken. */
  readonly steps: number;
  /** What has happened, and how often. */
  readonly happened: ReadonlyMap<Happening, number>;
  /** Longest time that an address was without holder although a majority, with a node that can serve, was well. */
  readonly worstUnheldMs: number;
  /** How often an address came to another node. */
  readonly moves: number;
  /** Most versions that a main thread was behind its worker. */
  readonly worstLag: number;
}

/** One simulated group of agents and what befalls it. The same seed (and the same faults) give the same run. */
export function run(seed: number, options: RunOptions = {}, only?: readonly Fault[]): RunResult {
  const random = new Random(seed);
  const hosts = random.pick([3, 3, 3, 4, 5]);
  const voters = hosts === 5 && random.chance(0.4) ? 5 : 3;
  const { without } = options;
  // Haste must not cost safety: a coordinator that does not wait to hear who is there only moves more than needed.
  const isHasty = random.chance(0.3);
  const timing = { ...(options.timing ?? DEFAULT_TIMING), ...(isHasty && { gatherMs: 0 }) };
  // Now and then more than fit into one message.
  const addresses = random.chance(0.02) ? 60 : 3;
  // As `svc_election: "false"` has it.
  const isOnOne = without !== 7 && random.chance(0.1);
  // All of this is drawn before the faults: leaving some of them out must not change the world.
  const worldSeed = random.below(2 ** 31);
  const drawn = only ?? drawFaults(random, { hosts, fromMs: CALM_MS, untilMs: HEALED_MS - 700 });
  // Where all addresses follow one node, what that one cannot serve stays down.
  const faults = isOnOne ? drawn.filter(({ kind }) => kind !== 'refuse') : drawn;
  const world = new World({
    seed: worldSeed,
    hosts,
    voters,
    addresses,
    timing,
    rules: rulesWithout(without),
    oneAgentPerNode: without !== 6,
    createPlacement: without === 7 ? () => new RestlessPlacement() : () => createPlacement(isOnOne),
    checksMoves: !isHasty && !isOnOne,
    ...(options.minority !== undefined && { minority: options.minority }),
    ...(options.clockDrift !== undefined && { clockDrift: options.clockDrift }),
  });
  new Chaos(world).plan(faults);
  new Liveness(world, RECOVERY_MS).start();
  world.agenda.run(HEALED_MS);
  heal(world);
  world.agenda.run(HEALED_MS + RECOVERY_MS);
  judgeEnd(world, isOnOne);
  const worstLag = Math.max(...world.processes().map((process) => process.worstLag));
  if (worstLag > 0) world.counts.add('mainThreadBehind');
  const { violations, worstUnheldMs, moves } = world.judge;
  return {
    seed,
    violations,
    faults,
    steps: world.steps,
    happened: world.counts.all,
    worstUnheldMs,
    moves,
    worstLag,
  };
}

/** A placement that moves nothing without need: what is judged is the protocol. */
function createPlacement(isOnOne: boolean): Placer {
  return new Placement({
    ...DEFAULT_PLACEMENT,
    spread: isOnOne ? 'one' : 'all',
    rebalanceEveryMs: undefined,
  });
}

/** Ends all faults that last. */
function heal(world: World): void {
  world.network.mendAll();
  for (const host of world.hosts) {
    world.judge.disturb(host.name, world.agenda.nowMs);
    world.kill(host.twin);
    while (host.apiFaults > 0) world.setApi(host, true);
    const { process } = host;
    while (process?.isFrozen === true) world.thaw(process);
    if (process === undefined || !process.isAlive) {
      world.start(host);
      continue;
    }
    while (process.mainStalledSinceMs !== undefined) process.resumeMain();
    process.give({ type: 'drain', isOn: false });
    process.give({ type: 'link', isUp: true });
    process.give({ type: 'refused', addresses: new Set() });
  }
  world.want([]);
}

/** Everything has been well for some time: every address has one holder, and all have the same where that is wanted. */
function judgeEnd(world: World, isOnOne: boolean): void {
  const atMs = world.agenda.nowMs;
  const all = new Set<string>();
  for (const address of world.addresses) {
    const holders = world.judge.holders(address, atMs);
    for (const holder of holders) all.add(holder);
    if (holders.length > 1) {
      const detail = `${holders.join(' and ')} have ${address} ${RECOVERY_MS} ms after all faults ended`;
      world.judge.report({ atMs, rule: 'twoHolders', detail });
    }
    if (holders.length === 0) {
      const detail = `nobody has ${address} ${RECOVERY_MS} ms after all faults ended`;
      world.judge.report({ atMs, rule: 'unheld', detail });
    }
  }
  if (!isOnOne || all.size <= 1) return;
  const detail = `${[...all].join(', ')} have addresses that should be on one node`;
  world.judge.report({ atMs, rule: 'apart', detail });
}

function rulesWithout(number: RuleNumber | undefined): Rules {
  return {
    ...ALL_RULES,
    grantsCountFromAsking: number !== 1,
    rightExpires: number !== 2,
    restartedAbstain: number !== 3,
    epochsOrdered: number !== 4,
    gapsNoticed: number !== 5,
  };
}

/** Leaves out faults as long as the run still finds something, so that what remains is the story. */
export function shrink(result: RunResult, options: RunOptions = {}): RunResult {
  let best = result;
  for (let index = 0; index < best.faults.length; ) {
    const fewer = best.faults.filter((_, each) => each !== index);
    const attempt = run(best.seed, options, fewer);
    if (attempt.violations.length > 0) best = attempt;
    else index++;
  }
  return best;
}

/** A run as text: how to repeat it, what befell the group, what was found. */
export function describeRun({ seed, faults, violations }: RunResult): string {
  const lines = faults.map((fault) => `  ${describeFault(fault)}`);
  const found = violations
    .slice(0, 5)
    .map(({ atMs, rule, detail }) => `  ${atMs.toFixed(1)} ms: ${rule}: ${detail}`);
  return [`seed ${seed}`, 'faults:', ...lines, 'found:', ...found].join('\n');
}
