// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { HealthTarget, ProbeOutcome } from './health-check.ts';
import type { ProbeGate } from './probe-gate.ts';
import { judge, unknownVerdict, type Verdict } from './verdict.ts';

/** Sends one probe. Never rejects. `inconclusive`: this process was too late to know. */
export type SendProbe = (target: HealthTarget, signal: AbortSignal) => Promise<ProbeOutcome | 'inconclusive'>;

/** What {@link TargetWatch} needs. */
export interface TargetWatchOptions {
  readonly send: SendProbe;
  readonly gate: ProbeGate;
  readonly clock: Clock;
  /** 0 up to, not including, 1. */
  readonly random: () => number;
  /** After each probe: how it ended, and how late it had begun (milliseconds). */
  readonly onProbe: (outcome: ProbeOutcome | 'inconclusive', lateMs: number) => void;
  /** After each outcome. */
  readonly onVerdict: (before: Verdict, after: Verdict) => void;
}

/** Part of the interval by which probes are moved, so that those of many targets do not beat together. */
const JITTER = 0.1;
/** Until a doubt is looked at again: after a failure that does not decide yet, or a probe without a result. */
const DOUBT_MS = 50;
/** See {@link HealthTarget.pace}. */
const SPARING = 10;

/** Probes one target over and over, from the moment it is made until it is stopped. */
export class TargetWatch {
  readonly #options: TargetWatchOptions;
  #target: HealthTarget;
  #verdict: Verdict;
  #timer: Timer | undefined;
  #dueMs = 0;
  /** Waits at the gate. */
  #start: (() => void) | undefined;
  /** Ends the probe under way. */
  #probe: AbortController | undefined;
  #isStopped = false;

  constructor(target: HealthTarget, options: TargetWatchOptions) {
    this.#target = target;
    this.#options = options;
    this.#verdict = unknownVerdict(options.clock.monotonicMs());
    this.#scheduleSomewhere();
  }

  get target(): HealthTarget {
    return this.#target;
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  /** Goes on with the same target under another check, or at another place or pace. What is known of it stays. */
  change(target: HealthTarget): void {
    const { address, port } = this.#target;
    const intervalMs = this.#intervalMs;
    this.#target = target;
    const isElsewhere = target.address !== address || target.port !== port;
    if (isElsewhere) this.#probe?.abort();
    const isWaiting = this.#probe === undefined && this.#start === undefined;
    if (isWaiting && (isElsewhere || this.#intervalMs < intervalMs)) this.#scheduleSomewhere();
  }

  /** Takes note of an outcome, of a probe or of a real connection. */
  note(outcome: ProbeOutcome): void {
    const before = this.#verdict;
    this.#verdict = judge(before, outcome, this.#target.check, this.#options.clock.monotonicMs());
    this.#options.onVerdict(before, this.#verdict);
  }

  /** Looks now. */
  hurry(): void {
    if (this.#isStopped || this.#probe !== undefined) return;
    if (this.#start !== undefined) this.#options.gate.withdraw(this.#start);
    this.#dueMs = this.#options.clock.monotonicMs();
    this.#enter(true);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    if (this.#start !== undefined) this.#options.gate.withdraw(this.#start);
    this.#probe?.abort();
  }

  get #intervalMs(): number {
    const { check, pace } = this.#target;
    return check.intervalMs * (pace === 'sparing' ? SPARING : 1);
  }

  /** Anywhere within the next interval: many targets come and change at the same moment. */
  #scheduleSomewhere(): void {
    this.#schedule(this.#options.random() * this.#intervalMs, false);
  }

  #schedule(inMs: number, isUrgent: boolean): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#dueMs = clock.monotonicMs() + inMs;
    this.#timer = clock.setTimer(() => this.#enter(isUrgent), inMs);
  }

  #enter(isUrgent: boolean): void {
    this.#timer?.cancel();
    this.#start = () => {
      this.#start = undefined;
      void this.#run();
    };
    this.#options.gate.enter(this.#start, isUrgent);
  }

  async #run(): Promise<void> {
    const { send, gate, clock, onProbe } = this.#options;
    const [startMs, target, probe] = [clock.monotonicMs(), this.#target, new AbortController()];
    this.#probe = probe;
    const outcome = await send(target, probe.signal);
    this.#probe = undefined;
    gate.leave();
    if (this.#isStopped) return;
    // Of another place, it says nothing.
    if (probe.signal.aborted) {
      this.#scheduleSomewhere();
      return;
    }
    onProbe(outcome, startMs - this.#dueMs);
    if (outcome !== 'inconclusive') this.note(outcome);
    this.#scheduleNext(outcome, startMs);
  }

  #scheduleNext(outcome: ProbeOutcome | 'inconclusive', startMs: number): void {
    const { clock, random } = this.#options;
    const intervalMs = this.#intervalMs;
    if (outcome === 'inconclusive' || (!outcome.ok && this.#verdict.state !== 'down')) {
      this.#schedule(Math.min(DOUBT_MS, intervalMs), true);
      return;
    }
    const jitter = 1 + JITTER * (2 * random() - 1);
    const tookMs = clock.monotonicMs() - startMs;
    this.#schedule(Math.max(0, intervalMs * jitter - tookMs), false);
  }
}
