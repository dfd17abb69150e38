// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_PLACEMENT, Placement } from '../placement.ts';
import { DEFAULT_TIMING, type RaftTiming } from '../timing.ts';
import type { Process } from './host.ts';
import { Random } from './random.ts';
import { type Host, World } from './world.ts';

/** What befalls the node that has the address. */
export type Blow = 'kill' | 'freeze' | 'silentDrop' | 'linkDown' | 'drain';

/** What to measure. */
export interface MeasureOptions {
  readonly blow: Blow;
  /** Whether that node coordinates, too. */
  readonly onCoordinator: boolean;
  readonly rounds: number;
  readonly hosts?: number;
  readonly voters?: number;
  readonly addresses?: number;
  readonly timing?: RaftTiming;
  readonly firstSeed?: number;
}

/** How long nobody had an address, in ms of true time. */
export interface Outages {
  /** Of those on the node that was struck, the longest in each round; sorted. */
  readonly struckMs: readonly number[];
  /** Of those on the other nodes, the longest in each round; sorted. */
  readonly othersMs: readonly number[];
}

/** Everything has its place by then. */
const CALM_MS = 1_500;
/** Everything has its place again by then. */
const AFTER_MS = 1_500;

/** Strikes a node at a random moment, again and again, in groups with random clocks. */
export function measure(options: MeasureOptions): Outages {
  const struckMs: number[] = [];
  const othersMs: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const outcome = measureOnce(options, (options.firstSeed ?? 1) + round);
    struckMs.push(outcome.struckMs);
    othersMs.push(outcome.othersMs);
  }
  return { struckMs: struckMs.sort((a, b) => a - b), othersMs: othersMs.sort((a, b) => a - b) };
}

function measureOnce(options: MeasureOptions, seed: number): { struckMs: number; othersMs: number } {
  const random = new Random(seed);
  const world = new World({
    seed: random.below(2 ** 31),
    hosts: options.hosts ?? 3,
    voters: options.voters ?? 3,
    addresses: options.addresses ?? 6,
    timing: options.timing ?? DEFAULT_TIMING,
    oneAgentPerNode: true,
    createPlacement: () => new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined }),
    checksMoves: false,
    slowKernelShare: 0,
  });
  world.agenda.run(CALM_MS + random.between(0, 500));
  const victim = chooseVictim(world, options.onCoordinator);
  if (victim?.process === undefined) throw new Error(`seed ${seed}: no node to strike`);
  const startMs = world.agenda.nowMs;
  const had = new Map(world.addresses.map((address) => [address, world.judge.holders(address, startMs)[0]]));
  world.judge.watchGaps(startMs);
  strike(world, victim, victim.process, options.blow);
  world.agenda.run(startMs + AFTER_MS);
  if (world.judge.violations.length > 0)
    throw new Error(`seed ${seed}: ${world.judge.violations[0]?.detail}`);
  let struckMs = 0;
  let othersMs = 0;
  for (const address of world.addresses) {
    const gapMs = world.judge.longestGapMs(address, startMs, startMs + AFTER_MS);
    if (had.get(address) === victim.name) struckMs = Math.max(struckMs, gapMs);
    else othersMs = Math.max(othersMs, gapMs);
  }
  return { struckMs, othersMs };
}

/** A node that has an address, and coordinates or does not. */
function chooseVictim(world: World, isCoordinator: boolean): Host | undefined {
  const coordinator = world.coordinators()[0]?.name;
  return world.hosts.find(
    ({ name }) =>
      (name === coordinator) === isCoordinator &&
      world.addresses.some((address) => world.judge.holders(address, world.agenda.nowMs).includes(name)),
  );
}

function strike(world: World, host: Host, process: Process, blow: Blow): void {
  switch (blow) {
    case 'kill':
      world.kill(process);
      world.judge.silence(process);
      break;
    case 'freeze':
      process.freeze();
      world.judge.silence(process);
      break;
    case 'silentDrop':
      for (const other of world.hosts) {
        world.network.cut(host.name, other.name);
        world.network.cut(other.name, host.name);
      }
      // Whatever it answers does not arrive.
      world.judge.silence(process);
      break;
    case 'linkDown':
      process.give({ type: 'link', isUp: false });
      break;
    case 'drain':
      process.give({ type: 'drain', isOn: true });
      break;
  }
}

/** Value below which this share of the (sorted) samples lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
