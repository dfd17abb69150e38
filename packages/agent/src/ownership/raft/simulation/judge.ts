// SPDX-License-Identifier: Apache-2.0
import type { NodeOutput } from '../node-api.ts';
import type { Process } from './host.ts';

/** What must never happen. */
export interface Violation {
  readonly atMs: number;
  readonly rule:
    | 'twoHolders'
    | 'lowerEpoch'
    | 'needlessMove'
    | 'stillOnNode'
    | 'unheld'
    /** Addresses that should be on one node are on several. */
    | 'apart'
    /** An agent keeps what it had below a majority, although it could hear a coordinator for long. */
    | 'keptTooLong';
  readonly detail: string;
}

/** One process that holds an address. */
interface Hold {
  readonly process: Process;
  /** True time at which it ends: by its own clock, or because it was given up. */
  untilMs: number;
  /** True time at which it would have ended by its own clock; what is kept without a grant has no such time. */
  deadlineMs: number;
}

/** A time in which a process held an address. */
interface Span {
  readonly fromMs: number;
  untilMs: number;
}

/** What happened to an address, for those who measure. */
export interface Handover {
  readonly address: string;
  readonly atMs: number;
  readonly from: string | undefined;
  readonly to: string;
}

/** A move is needless when nothing has befallen the old owner for this long. */
const DISTURBANCE_MS = 1_500;

/**
 * Watches all processes from outside, in true time. A process holds an address from the step that granted it up to the
 * end by its own clock; while it is frozen, too, because it could wake up and answer at any moment.
 */
export class Judge {
  readonly violations: Violation[] = [];
  readonly handovers: Handover[] = [];
  /** Longest time that nobody held an address although somebody had to, so far without a violation. */
  worstUnheldMs = 0;
  readonly #holds = new Map<string, Hold[]>();
  readonly #lastOwner = new Map<string, string>();
  readonly #freeUntilMs = new Map<string, number>();
  readonly #epochs = new Map<Process, number>();
  /** Host -> true time at which it was last disturbed; infinity: it still is. */
  readonly #disturbedMs = new Map<string, number>();
  readonly #checksMoves: boolean;
  #spans: Map<string, Map<Process, Span[]>> | undefined;
  readonly #silent = new Set<Process>();

  constructor(options: { readonly checksMoves: boolean }) {
    this.#checksMoves = options.checksMoves;
  }

  /** Something befalls a host, up to this time. */
  disturb(host: string, untilMs: number): void {
    this.#disturbedMs.set(host, Math.max(untilMs, this.#disturbedMs.get(host) ?? 0));
  }

  /** Whether the address is wanted has changed, and some may not know before this time: until then it may go anywhere. */
  forget(address: string, untilMs: number): void {
    this.#freeUntilMs.set(address, untilMs);
  }

  holders(address: string, nowMs: number): readonly string[] {
    const holders: string[] = [];
    for (const { process, untilMs } of this.#holds.get(address) ?? NOBODY) {
      if (untilMs > nowMs && process.isAlive) holders.push(process.name);
    }
    return holders;
  }

  /** From now on keeps when each address was held, for {@link longestGapMs}. */
  watchGaps(nowMs: number): void {
    this.#spans = new Map();
    for (const [address, holds] of this.#holds) {
      for (const { process, untilMs } of holds) {
        if (untilMs > nowMs && process.isAlive) this.#span(address, process).push({ fromMs: nowMs, untilMs });
      }
    }
  }

  /** Nobody outside hears of this process any more, whatever it believes to hold. */
  silence(process: Process): void {
    this.#silent.add(process);
    for (const spans of this.#spans?.values() ?? []) spans.delete(process);
  }

  /** Longest time in which no process that can be heard held the address. */
  longestGapMs(address: string, fromMs: number, untilMs: number): number {
    const spans = [...(this.#spans?.get(address)?.values() ?? [])].flat().sort((a, b) => a.fromMs - b.fromMs);
    let reachedMs = fromMs;
    let longestMs = 0;
    for (const span of spans) {
      longestMs = Math.max(longestMs, span.fromMs - reachedMs);
      reachedMs = Math.max(reachedMs, span.untilMs);
    }
    return Math.max(longestMs, untilMs - reachedMs);
  }

  /** After each step of a process. */
  watch(process: Process, output: NodeOutput, addresses: readonly string[], nowMs: number): void {
    for (const event of output.events) {
      if (event.type === 'configAdopted') this.#watchEpoch(process, event.config.epoch, nowMs);
    }
    const { granted, grantedUntilMs } = process.node;
    const untilMs = process.trueMs(grantedUntilMs);
    for (const address of addresses) {
      if (granted.has(address) && process.mayAnswer(address)) this.#hold(address, process, untilMs, nowMs);
      else this.#drop(address, process, nowMs);
    }
  }

  /** A process that was frozen wakes up, and may be asked for an address before it has looked at its clock. */
  probe(process: Process, addresses: readonly string[], nowMs: number): void {
    for (const address of addresses) {
      if (process.mayAnswer(address)) this.#compare(address, process, nowMs);
    }
  }

  /** How often an address came to another node. */
  get moves(): number {
    return this.handovers.filter(({ from, to }) => from !== undefined && from !== to).length;
  }

  report(violation: Violation): void {
    this.violations.push(violation);
  }

  #watchEpoch(process: Process, epoch: number, nowMs: number): void {
    const before = this.#epochs.get(process) ?? 0;
    if (epoch <= before) {
      const detail = `${process.name} followed epoch ${epoch} after ${before}`;
      this.violations.push({ atMs: nowMs, rule: 'lowerEpoch', detail });
    }
    this.#epochs.set(process, epoch);
  }

  #hold(address: string, process: Process, untilMs: number, nowMs: number): void {
    this.#extend(address, process, nowMs, untilMs);
    const deadlineMs = process.node.isKeeping ? nowMs : untilMs;
    const holds = this.#holds.get(address);
    if (holds === undefined) {
      this.#holds.set(address, [{ process, untilMs, deadlineMs }]);
    } else {
      const known = holds.find((hold) => hold.process === process);
      if (known === undefined) holds.push({ process, untilMs, deadlineMs });
      else {
        const holds = known.untilMs > nowMs;
        known.untilMs = untilMs;
        known.deadlineMs = deadlineMs;
        if (holds) return;
      }
    }
    this.#compare(address, process, nowMs);
    this.#note(address, process, nowMs);
  }

  #span(address: string, process: Process): Span[] {
    const byProcess = this.#spans?.get(address) ?? new Map<Process, Span[]>();
    this.#spans?.set(address, byProcess);
    const spans = byProcess.get(process) ?? [];
    byProcess.set(process, spans);
    return spans;
  }

  /** Notes that the process holds the address now, up to then. */
  #extend(address: string, process: Process, nowMs: number, untilMs: number): void {
    if (this.#spans === undefined || this.#silent.has(process)) return;
    const spans = this.#span(address, process);
    const last = spans.at(-1);
    if (last !== undefined && last.untilMs >= nowMs) last.untilMs = untilMs;
    else if (untilMs > nowMs) spans.push({ fromMs: nowMs, untilMs });
  }

  #drop(address: string, process: Process, nowMs: number): void {
    if (this.#spans !== undefined) this.#extend(address, process, nowMs, nowMs);
    const hold = this.#holds.get(address)?.find((each) => each.process === process);
    if (hold !== undefined && hold.untilMs > nowMs) hold.untilMs = nowMs;
  }

  #compare(address: string, process: Process, nowMs: number): void {
    for (const other of this.#holds.get(address) ?? NOBODY) {
      if (other.process === process || !other.process.isAlive) continue;
      if (other.untilMs <= nowMs) {
        this.#compareNode(address, process, other, nowMs);
        continue;
      }
      // That is the price of keeping: it has to end, which is looked at elsewhere.
      if (process.node.isKeeping || other.process.node.isKeeping) continue;
      const leftMs = (other.untilMs - nowMs).toFixed(2);
      const detail = `${process.name} has ${address} while ${other.process.name} has it for another ${leftMs} ms`;
      this.violations.push({ atMs: nowMs, rule: 'twoHolders', detail });
    }
  }

  /** Whoever was told to let go is asked whether the address is off its node before somebody else may begin. */
  #compareNode(address: string, process: Process, other: Hold, nowMs: number): void {
    if (other.deadlineMs <= nowMs || !other.process.onNode.has(address)) return;
    const detail = `${process.name} has ${address} while it is still on ${other.process.name}`;
    this.violations.push({ atMs: nowMs, rule: 'stillOnNode', detail });
  }

  #note(address: string, process: Process, nowMs: number): void {
    const from = this.#lastOwner.get(address);
    this.handovers.push({ address, atMs: nowMs, from, to: process.name });
    this.#lastOwner.set(address, process.name);
    if (!this.#checksMoves || from === undefined || from === process.name) return;
    if (nowMs < (this.#freeUntilMs.get(address) ?? 0)) return;
    const disturbedMs = this.#disturbedMs.get(from) ?? Number.NEGATIVE_INFINITY;
    if (disturbedMs + DISTURBANCE_MS > nowMs) return;
    const detail = `${address} went from ${from} to ${process.name}, and nothing had befallen ${from}`;
    this.violations.push({ atMs: nowMs, rule: 'needlessMove', detail });
  }
}

const NOBODY: readonly Hold[] = [];
