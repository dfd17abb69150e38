// SPDX-License-Identifier: Apache-2.0
import type { NodeOutput } from '../node.ts';
import type { Process } from './host.ts';

/** What must never happen. */
export interface Violation {
  readonly atMs: number;
  readonly rule: 'twoHolders' | 'lowerEpoch' | 'needlessMove' | 'stalledHolder' | 'unheld';
  readonly detail: string;
}

/** One process that holds an address. */
interface Hold {
  readonly process: Process;
  /** True time at which its own clock ends it. */
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
  readonly #holds = new Map<string, Hold[]>();
  readonly #lastOwner = new Map<string, string>();
  readonly #epochs = new Map<Process, number>();
  /** Host -> true time at which it was last disturbed; infinity: it still is. */
  readonly #disturbedMs = new Map<string, number>();
  readonly #checksMoves: boolean;

  constructor(options: { readonly checksMoves: boolean }) {
    this.#checksMoves = options.checksMoves;
  }

  /** Something befalls a host, up to this time. */
  disturb(host: string, untilMs: number): void {
    this.#disturbedMs.set(host, Math.max(untilMs, this.#disturbedMs.get(host) ?? 0));
  }

  /** The address is not wanted for the time being: who gets it next is free. */
  forget(address: string): void {
    this.#lastOwner.delete(address);
  }

  holders(address: string, nowMs: number): readonly string[] {
    const holders: string[] = [];
    for (const { process, untilMs } of this.#holds.get(address) ?? NOBODY) {
      if (untilMs > nowMs && process.isAlive) holders.push(process.name);
    }
    return holders;
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
    const holds = this.#holds.get(address);
    if (holds === undefined) {
      this.#holds.set(address, [{ process, untilMs }]);
    } else {
      const known = holds.find((hold) => hold.process === process);
      if (known === undefined) holds.push({ process, untilMs });
      else if (known.untilMs > nowMs) {
        known.untilMs = untilMs;
        return;
      } else known.untilMs = untilMs;
    }
    this.#compare(address, process, nowMs);
    this.#note(address, process, nowMs);
  }

  #drop(address: string, process: Process, nowMs: number): void {
    const hold = this.#holds.get(address)?.find((each) => each.process === process);
    if (hold !== undefined && hold.untilMs > nowMs) hold.untilMs = nowMs;
  }

  #compare(address: string, process: Process, nowMs: number): void {
    for (const other of this.#holds.get(address) ?? NOBODY) {
      if (other.process === process || !other.process.isAlive || other.untilMs <= nowMs) continue;
      const leftMs = (other.untilMs - nowMs).toFixed(2);
      const detail = `${process.name} has ${address} while ${other.process.name} has it for another ${leftMs} ms`;
      this.violations.push({ atMs: nowMs, rule: 'twoHolders', detail });
    }
  }

  #note(address: string, process: Process, nowMs: number): void {
    const from = this.#lastOwner.get(address);
    this.handovers.push({ address, atMs: nowMs, from, to: process.name });
    this.#lastOwner.set(address, process.name);
    if (!this.#checksMoves || from === undefined || from === process.name) return;
    const disturbedMs = this.#disturbedMs.get(from) ?? Number.NEGATIVE_INFINITY;
    if (disturbedMs + DISTURBANCE_MS > nowMs) return;
    const detail = `${address} went from ${from} to ${process.name}, and nothing had befallen ${from}`;
    this.violations.push({ atMs: nowMs, rule: 'needlessMove', detail });
  }
}

const NOBODY: readonly Hold[] = [];
