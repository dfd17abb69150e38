// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { HealthTarget, ProbeOutcome } from './health-check.ts';
import type { HealthChecker, HealthStats } from './health-checker.ts';
import { ProbeGate, type ProbeLimits } from './probe-gate.ts';
import { createProber } from './prober.ts';
import { type SendProbe, TargetWatch } from './target-watch.ts';
import type { Verdict } from './verdict.ts';

/** What {@link createHealthChecker} needs. */
export interface HealthCheckerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: at most 128 under way and 1,000 a second, which full of TCP probes is a fraction of a core. */
  readonly limits?: ProbeLimits;
  /** For tests: sends a probe; default: over the network. */
  readonly send?: SendProbe;
  /** For tests: 0 up to, not including, 1. */
  readonly random?: () => number;
}

const LIMITS: ProbeLimits = { concurrent: 128, perSecond: 1_000 };

/** Makes a checker that probes nothing until it is told what. */
export function createHealthChecker(options: HealthCheckerOptions): HealthChecker {
  return new Checker(options);
}

class Checker implements HealthChecker {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #send: SendProbe;
  readonly #gate: ProbeGate;
  readonly #watches = new Map<string, TargetWatch>();
  readonly #listeners = new Set<() => void>();
  readonly #stats = { succeeded: 0, failed: 0, inconclusive: 0, lagMs: 0 };
  readonly #downIds = new Set<string>();
  /** Made when asked for after a change: many targets often die in one moment. */
  #down: ReadonlySet<string> | undefined;

  constructor(options: HealthCheckerOptions) {
    const { clock, logger, limits = LIMITS, random = Math.random } = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
    this.#send = options.send ?? createProber(clock);
    this.#gate = new ProbeGate(limits, clock);
  }

  get down(): ReadonlySet<string> {
    this.#down ??= new Set(this.#downIds);
    return this.#down;
  }

  want(targets: Iterable<HealthTarget>): void {
    const wanted = new Set<string>();
    for (const target of targets) {
      wanted.add(target.id);
      const watch = this.#watches.get(target.id);
      if (watch === undefined) this.#watches.set(target.id, this.#watch(target));
      else if (!sameTarget(watch.target, target)) watch.change(target);
    }
    let hasChanged = false;
    for (const [id, watch] of this.#watches) {
      if (wanted.has(id)) continue;
      watch.stop();
      this.#watches.delete(id);
      hasChanged = this.#downIds.delete(id) || hasChanged;
    }
    if (hasChanged) this.#tell();
  }

  verdicts(): ReadonlyMap<string, Verdict> {
    return new Map([...this.#watches].map(([id, { verdict }]) => [id, verdict]));
  }

  report(id: string, outcome: ProbeOutcome): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    watch.note(outcome);
    if (!outcome.ok) watch.hurry();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): HealthStats {
    return { ...this.#stats };
  }

  stop(): void {
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
    this.#listeners.clear();
  }

  #watch(target: HealthTarget): TargetWatch {
    return new TargetWatch(target, {
      send: this.#send,
      gate: this.#gate,
      clock: this.#clock,
      random: this.#random,
      onProbe: (outcome, lateMs) => {
        const kind = outcome === 'inconclusive' ? outcome : outcome.ok ? 'succeeded' : 'failed';
        this.#stats[kind] += 1;
        this.#stats.lagMs = lateMs;
      },
      onVerdict: (before, after) => this.#noteVerdict(target.id, before, after),
    });
  }

  #noteVerdict(id: string, before: Verdict, after: Verdict): void {
    if (before.state === after.state) return;
    const isDown = after.state === 'down';
    if (isDown) this.#logger.warn({ target: id, detail: after.detail }, 'a back end is dead');
    else if (before.state === 'down') this.#logger.info({ target: id }, 'a back end is alive again');
    if (isDown === this.#downIds.has(id)) return;
    if (isDown) this.#downIds.add(id);
    else this.#downIds.delete(id);
    this.#tell();
  }

  #tell(): void {
    this.#down = undefined;
    for (const listener of [...this.#listeners]) listener();
  }
}

function sameTarget(a: HealthTarget, b: HealthTarget): boolean {
  if (a.address !== b.address || a.port !== b.port || a.pace !== b.pace) return false;
  return a.check === b.check || isDeepStrictEqual(a.check, b.check);
}
