// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHealthChecker, type HealthCheckerOptions } from './create-health-checker.ts';
import { DEFAULT_TIMING, type HealthTarget, type ProbeOutcome } from './health-check.ts';

const OK: ProbeOutcome = { ok: true, detail: 'connected' };
const REFUSED: ProbeOutcome = { ok: false, detail: 'connection refused' };
const { intervalMs, fall, rise } = DEFAULT_TIMING;
/** The longest pause until the next probe, with its jitter. */
const PAUSE_MS = intervalMs * 1.1;

function target(id: string, parts: Partial<HealthTarget> = {}): HealthTarget {
  return {
    id,
    address: '10.1.0.9',
    port: 8080,
    check: { probe: { kind: 'tcp' }, ...DEFAULT_TIMING },
    pace: 'full',
    ...parts,
  };
}

/** A checker whose targets are dead when `dead` has their id, and silent for 250 ms when `silent` has it. */
class Bed {
  readonly clock = new ManualClock();
  readonly dead = new Set<string>();
  readonly silent = new Set<string>();
  readonly late = new Set<string>();
  readonly sent: { readonly id: string; readonly atMs: number }[] = [];
  underWay = 0;
  mostUnderWay = 0;
  changes = 0;
  readonly checker;

  constructor(options: Partial<HealthCheckerOptions> = {}) {
    this.checker = createHealthChecker({
      clock: this.clock,
      logger: silentLogger,
      random: () => 0.5,
      send: async (wanted, signal) => {
        const { id, check } = wanted;
        this.sent.push({ id, atMs: this.clock.monotonicMs() });
        this.underWay += 1;
        this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
        if (this.silent.has(id)) await this.#pause(check.timeoutMs, signal);
        else await Promise.resolve();
        this.underWay -= 1;
        if (this.late.has(id)) return 'inconclusive';
        return this.dead.has(id) || this.silent.has(id) ? REFUSED : OK;
      },
      ...options,
    });
    this.checker.onChange(() => {
      this.changes += 1;
    });
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(resolve, ms);
      signal.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }

  sentTo(id: string): readonly number[] {
    return this.sent.filter((probe) => probe.id === id).map(({ atMs }) => atMs);
  }
}

describe('the health checker', () => {
  it('takes for alive what has not been probed yet, and probes within an interval', async () => {
    const bed = new Bed();
    bed.dead.add('a');
    bed.checker.want([target('a')]);
    expect(bed.checker.down.size).toBe(0);
    await bed.clock.advanceAsync(intervalMs);
    expect([...bed.checker.down]).toEqual(['a']);
    expect(bed.changes).toBe(1);
  });

  it('probes again after each interval, as long as all is well', async () => {
    const bed = new Bed();
    bed.checker.want([target('a')]);
    await bed.clock.advanceAsync(10 * intervalMs);
    expect(bed.sent).toHaveLength(10);
    expect(bed.changes).toBe(0);
  });

  it('finds one that refuses, and one that is silent, within a second', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.boolean(),
        fc.nat(2 * intervalMs),
        async (random, isSilent, extraMs) => {
          const bed = new Bed({ random: () => random });
          bed.checker.want([target('a')]);
          await bed.clock.advanceAsync(2 * intervalMs + extraMs);
          (isSilent ? bed.silent : bed.dead).add('a');
          await bed.clock.advanceAsync(900);
          expect([...bed.checker.down]).toEqual(['a']);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('uses it again after as many successes as it takes', async () => {
    const bed = new Bed();
    bed.dead.add('a');
    bed.checker.want([target('a')]);
    await bed.clock.advanceAsync(3 * PAUSE_MS);
    bed.dead.clear();
    const before = bed.sent.length;
    await bed.clock.advanceAsync(rise * intervalMs);
    expect(bed.checker.down.size).toBe(0);
    expect(bed.sent.length - before).toBe(rise);
  });

  it('learns from probes that were too late themselves that it has to look again, and nothing else', async () => {
    const bed = new Bed();
    bed.late.add('a');
    bed.checker.want([target('a')]);
    await bed.clock.advanceAsync(5 * intervalMs);
    expect(bed.checker.verdicts().get('a')?.state).toBe('unknown');
    expect(bed.checker.stats().inconclusive).toBeGreaterThan(5);
  });

  it('hears of real connections, and looks at once when one fails', async () => {
    const bed = new Bed();
    bed.checker.want([target('a', { check: { ...target('a').check, intervalMs: 60_000 } })]);
    await bed.clock.advanceAsync(60_000);
    bed.dead.add('a');
    bed.checker.report('a', REFUSED);
    await bed.clock.advanceAsync(0);
    expect(fall).toBe(2);
    expect([...bed.checker.down]).toEqual(['a']);
    bed.checker.report('stranger', REFUSED);
    expect([...bed.checker.down]).toEqual(['a']);
  });

  it('forgets what nobody wants any more, and says so when it was dead', async () => {
    const bed = new Bed();
    bed.dead.add('a');
    bed.checker.want([target('a'), target('b')]);
    await bed.clock.advanceAsync(2 * PAUSE_MS);
    bed.checker.want([target('b')]);
    expect([bed.checker.down.size, bed.changes]).toEqual([0, 2]);
    const before = bed.sentTo('a').length;
    await bed.clock.advanceAsync(5 * PAUSE_MS);
    expect(bed.sentTo('a')).toHaveLength(before);
    bed.checker.stop();
    expect(bed.clock.pendingTimers).toBe(0);
  });

  it('is not disturbed by being told the same over and over', async () => {
    const bed = new Bed();
    for (let count = 0; count < 100; count += 1) {
      bed.checker.want([target('a')]);
      await bed.clock.advanceAsync(intervalMs / 10);
    }
    expect(bed.sent).toHaveLength(10);
  });

  it('keeps what it knows when the pace changes, and soon knows more', async () => {
    const bed = new Bed();
    bed.dead.add('a');
    bed.checker.want([target('a', { pace: 'sparing' })]);
    await bed.clock.advanceAsync(30 * intervalMs);
    expect(bed.sent).toHaveLength(3);
    bed.checker.want([target('a')]);
    expect([...bed.checker.down]).toEqual(['a']);
    await bed.clock.advanceAsync(intervalMs);
    expect(bed.sent).toHaveLength(4);
  });

  it('lets the outcome of a probe of another place count for nothing', async () => {
    const bed = new Bed();
    bed.silent.add('a');
    bed.checker.want([target('a')]);
    await bed.clock.advanceAsync(intervalMs / 2 + 1);
    bed.silent.clear();
    bed.checker.want([target('a', { address: '10.1.0.10' })]);
    await bed.clock.advanceAsync(intervalMs);
    expect(bed.checker.verdicts().get('a')).toMatchObject({ state: 'up', detail: 'connected' });
    expect(bed.checker.stats()).toMatchObject({ failed: 0 });
  });

  it('spreads many targets over the interval, and stays within its limits', async () => {
    const limits = { concurrent: 5, perSecond: 100 };
    let seed = 0;
    const bed = new Bed({ limits, random: () => (seed = (seed + 0.618) % 1) });
    const targets = Array.from({ length: 200 }, (_, index) => target(String(index)));
    for (const { id } of targets) bed.silent.add(id);
    bed.checker.want(targets);
    await bed.clock.advanceAsync(20_000);
    expect(bed.mostUnderWay).toBe(limits.concurrent);
    expect(bed.sent.length).toBeLessThanOrEqual(limits.perSecond * 20 + limits.perSecond / 10);
    // Five at a time, 250 ms each.
    expect(bed.sent.length).toBeGreaterThan(19 * 4 * limits.concurrent);
    expect(new Set(bed.sent.map(({ id }) => id)).size).toBe(targets.length);
    expect(bed.checker.stats().lagMs).toBeGreaterThan(intervalMs);
  });

  it('looks at doubts first when there is more to do than can be done', async () => {
    const bed = new Bed({ limits: { concurrent: 100, perSecond: 100 } });
    const others = Array.from({ length: 500 }, (_, index) => target(String(index)));
    bed.checker.want([target('a'), ...others]);
    await bed.clock.advanceAsync(10_000);
    const before = bed.sentTo('a').length;
    bed.dead.add('a');
    await bed.clock.advanceAsync(6_000);
    // The first failure waits its turn among 501; the second comes right after it.
    const [first = 0, second = 0] = bed.sentTo('a').slice(before);
    expect(second - first).toBeLessThan(200);
    expect([...bed.checker.down]).toEqual(['a']);
  });
});
