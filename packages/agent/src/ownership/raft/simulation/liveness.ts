// SPDX-License-Identifier: Apache-2.0
import type { Process } from './host.ts';
import type { Host, World } from './world.ts';

/** Time between two looks. */
const SAMPLE_MS = 50;
/** A restarted voter abstains this long at most, and needs a moment to hear of its group. */
const YOUTH_MS = 400;

/**
 * Looks again and again whether somebody has each address, whenever somebody must: when a majority of the voters, with a
 * node among them that can serve, have been well and able to talk to each other for longer than the bound. What the others
 * are doing meanwhile (half cut off, freezing and thawing, restarting) is no excuse.
 */
export class Liveness {
  readonly #world: World;
  readonly #boundMs: number;
  /** Set of hosts, as bits -> since when they are well together. */
  readonly #wellSinceMs: number[];
  readonly #unheldSinceMs = new Map<string, number>();
  /** Agent that keeps, although it could hear a coordinator -> since when. */
  readonly #keepsSinceMs = new Map<string, number>();

  constructor(world: World, boundMs: number) {
    this.#world = world;
    this.#boundMs = boundMs;
    this.#wellSinceMs = Array.from({ length: 2 ** world.hosts.length }, () => Number.POSITIVE_INFINITY);
  }

  start(): void {
    this.#world.agenda.after(SAMPLE_MS, () => {
      this.#sample();
      this.start();
    });
  }

  #sample(): void {
    const nowMs = this.#world.agenda.nowMs;
    const mustHold = this.#updateWell(nowMs);
    for (const address of this.#world.addresses) {
      const isMissing =
        this.#world.isWanted(address) && this.#world.judge.holders(address, nowMs).length === 0;
      if (!isMissing) this.#unheldSinceMs.delete(address);
      else this.#judge(address, mustHold, nowMs);
    }
    for (const { process } of this.#world.hosts) if (process !== undefined) this.#judgeKeeper(process, nowMs);
  }

  #judgeKeeper(process: Process, nowMs: number): void {
    const { network, agenda, judge } = this.#world;
    const { name } = process;
    const isTold =
      process.runs &&
      process.node.isKeeping &&
      network.loss === 0 &&
      network.slowMs === 0 &&
      this.#world
        .coordinators()
        .some((each) => each.runs && !network.isCut(name, each.name) && !network.isCut(each.name, name));
    if (!isTold) {
      this.#keepsSinceMs.delete(name);
      return;
    }
    const sinceMs = this.#keepsSinceMs.get(name) ?? nowMs;
    this.#keepsSinceMs.set(name, sinceMs);
    if (nowMs - sinceMs <= this.#boundMs) return;
    const detail = `${name} keeps what it had for ${(nowMs - sinceMs).toFixed(0)} ms, though it could hear a coordinator`;
    judge.report({ atMs: agenda.nowMs, rule: 'keptTooLong', detail });
    this.#keepsSinceMs.delete(name);
  }

  #judge(address: string, mustHold: boolean, nowMs: number): void {
    const sinceMs = this.#unheldSinceMs.get(address) ?? nowMs;
    this.#unheldSinceMs.set(address, sinceMs);
    const { judge } = this.#world;
    judge.worstUnheldMs = Math.max(judge.worstUnheldMs, nowMs - Math.max(sinceMs, this.#wellestSinceMs));
    if (!mustHold || nowMs - sinceMs <= this.#boundMs) return;
    const detail = `nobody has had ${address} for ${(nowMs - sinceMs).toFixed(0)} ms, though a majority is well`;
    this.#world.judge.report({ atMs: nowMs, rule: 'unheld', detail });
    this.#unheldSinceMs.delete(address);
  }

  /** Since when the majority that has been well for longest has been so; infinity when there is none. */
  get #wellestSinceMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const each of this.#wellSinceMs) if (each < sinceMs) sinceMs = each;
    return sinceMs;
  }

  /** Has some majority been well for longer than the bound? */
  #updateWell(nowMs: number): boolean {
    const { hosts, network } = this.#world;
    // What is not served here, but cannot be taken off either, stays until the stall counts as one.
    const isStuck = hosts.some(
      ({ refusals, process }) => refusals > 0 && process?.mainStalledSinceMs !== undefined,
    );
    const isQuiet = network.loss === 0 && network.slowMs === 0 && !isStuck && this.#canKnow();
    const views = hosts.map((host) =>
      isQuiet && this.#isWell(host, nowMs) ? this.#viewOf(host) : undefined,
    );
    let mustHold = false;
    for (let set = 1; set < this.#wellSinceMs.length; set++) {
      const sinceMs = isWellTogether(set, views)
        ? Math.min(this.#wellSinceMs[set] ?? nowMs, nowMs)
        : Number.POSITIVE_INFINITY;
      this.#wellSinceMs[set] = sinceMs;
      if (nowMs - sinceMs > this.#boundMs) mustHold = true;
    }
    return mustHold;
  }

  /** Whoever coordinates knows what is wanted, or somebody else reaches the API server and is known to know more. */
  #canKnow(): boolean {
    const { hosts, groupsVersion } = this.#world;
    const isCurrent = hosts.every(
      ({ process }) => process?.runs !== true || process.groupsVersion === groupsVersion,
    );
    return isCurrent || hosts.some(({ apiFaults }) => apiFaults === 0);
  }

  #isWell({ harms, process }: Host, nowMs: number): boolean {
    if (harms > 0 || process?.runs !== true || nowMs - process.startedMs <= YOUTH_MS) return false;
    return process.groupsVersion === this.#world.groupsVersion;
  }

  #viewOf({ name, process }: Host): View {
    const { hosts, network } = this.#world;
    const config = process?.node.config;
    let voters = 0;
    let heard = 0;
    hosts.forEach((other, index) => {
      if (config?.voters.includes(other.name) === true) voters |= 1 << index;
      if (other.name === name || !network.isCut(other.name, name)) heard |= 1 << index;
    });
    return { epoch: config?.epoch ?? 0, voters, heard };
  }
}

/** How one host sees the group; hosts as bits. */
interface View {
  readonly epoch: number;
  readonly voters: number;
  /** Hosts whose messages reach it. */
  readonly heard: number;
}

/** Are all in the set well, do they hear each other, follow the same epoch, and are they a majority in it? */
function isWellTogether(set: number, views: readonly (View | undefined)[]): boolean {
  let first: View | undefined;
  for (let index = 0; index < views.length; index++) {
    if ((set & (1 << index)) === 0) continue;
    const view = views[index];
    if (view === undefined || (set & view.heard) !== set) return false;
    first ??= view;
    if (view.epoch !== first.epoch) return false;
  }
  return first !== undefined && first.voters !== 0 && count(set & first.voters) > count(first.voters) / 2;
}

function count(bits: number): number {
  let sum = 0;
  for (let left = bits; left !== 0; left &= left - 1) sum++;
  return sum;
}
