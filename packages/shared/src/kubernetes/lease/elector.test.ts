// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SimulatedHost, type Simulation, simulate } from './simulation.ts';
import { type LeaseTiming, timingProblem } from './timing.ts';

const timing: LeaseTiming = { leaseDurationMs: 5_000, renewDeadlineMs: 3_000, retryPeriodMs: 1_000 };
/** So little between the two times that every millisecond counted wrongly shows. */
const tight: LeaseTiming = { leaseDurationMs: 3_000, renewDeadlineMs: 2_900, retryPeriodMs: 500 };
const DRIFT = 0.01;

/** Lets time pass until exactly one host holds, and says which; fails after `limitMs`. */
async function untilHeld(simulation: Simulation, limitMs: number, not?: string): Promise<string> {
  const startMs = simulation.clock.monotonicMs();
  for (;;) {
    const [holder] = simulation.holders();
    if (holder !== undefined && holder !== not) return holder;
    if (simulation.clock.monotonicMs() - startMs > limitMs)
      throw new Error(`nobody holds after ${limitMs} ms`);
    await simulation.run(10, () => atMostOne(simulation));
  }
}

function atMostOne(simulation: Simulation): void {
  expect(simulation.holders().length).toBeLessThanOrEqual(1);
}

function hostNamed(simulation: Simulation, name: string) {
  const host = simulation.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) throw new Error(`no host ${name}`);
  return host;
}

const disturbances = fc.array(
  fc.record({
    host: fc.nat(3),
    do: fc.constantFrom<Disturbance>('freeze', 'thaw', 'slow', 'lossy', 'cut', 'heal', 'heal', 'heal'),
    forMs: fc.integer({ min: 1, max: 6_000 }),
  }),
  { maxLength: 25 },
);

type Disturbance = 'freeze' | 'thaw' | 'slow' | 'lossy' | 'cut' | 'heal';

function disturb(host: SimulatedHost | undefined, what: Disturbance): void {
  if (host === undefined) return;
  if (what === 'freeze') host.freeze();
  if (what === 'thaw') host.thaw();
  if (what === 'slow') host.network.maxDelayMs = 2_000;
  if (what === 'lossy') host.network.loss = 0.5;
  if (what === 'cut') host.network.loss = 1;
  if (what === 'heal') Object.assign(host.network, { loss: 0, maxDelayMs: 5 });
}

describe.each([{ watch: true }, { watch: false }])('contenders, watching: $watch', ({ watch }) => {
  const given = (seed: number, hosts = 4) => simulate({ hosts, timing, seed, watch, drift: DRIFT });

  test('freezes, losses, delays and bad clocks never make two holders, and in the end there is one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom(timing, tight),
        disturbances,
        async (seed, times, history) => {
          const simulation = simulate({ hosts: 4, timing: times, seed, watch, drift: DRIFT });
          for (const step of history) {
            disturb(simulation.hosts[step.host], step.do);
            await simulation.run(step.forMs, () => atMostOne(simulation));
          }
          for (const host of simulation.hosts) {
            host.thaw();
            Object.assign(host.network, { loss: 0, maxDelayMs: 5 });
          }
          // A write that was sent long ago may still arrive and renew in the name of one who no longer holds.
          await untilHeld(simulation, 20_000);
        },
      ),
      { numRuns: 80 },
    );
  });

  test('a killed holder is replaced within the lease duration and a little', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const simulation = given(seed);
      const first = await untilHeld(simulation, 3_000);
      await simulation.run(1_000 + seed * 137, () => atMostOne(simulation));
      hostNamed(simulation, first).kill();
      // Seen a network delay late, counted with a slow clock, then the stagger (50) and the write. Who polls sees the
      // last renewal up to 2.2 periods late and acts up to 2.2 periods late.
      const pollingMs = watch ? 0 : 4.4 * timing.retryPeriodMs;
      await untilHeld(simulation, timing.leaseDurationMs * (1 + DRIFT) + 50 + 30 + pollingMs, first);
    }
  });

  test('a holder that gives the Lease back is replaced at once', async () => {
    const simulation = given(7);
    const first = await untilHeld(simulation, 3_000);
    await simulation.run(2_000, () => atMostOne(simulation));
    const stopped = hostNamed(simulation, first).elector.stop({ release: true });
    await simulation.run(20, () => atMostOne(simulation));
    await stopped;
    await untilHeld(simulation, watch ? 100 : 2.2 * timing.retryPeriodMs + 100, first);
    expect(simulation.server.lease?.spec?.leaseTransitions).toBe(1);
  });

  test('a contender that is stopped at whatever moment leaves no Lease in its name', async () => {
    for (let stopMs = 0; stopMs < 1_500; stopMs += 25) {
      const simulation = given(stopMs, 1);
      const [host] = simulation.hosts;
      if (host === undefined) throw new Error('no host');
      host.network.maxDelayMs = 200;
      await simulation.run(stopMs, () => undefined);
      const stopped = host.elector.stop({ release: true });
      expect(host.elector.isHolder()).toBe(false);
      await simulation.run(5_000, () => expect(host.elector.isHolder()).toBe(false));
      await stopped;
      expect(simulation.server.lease?.spec?.holderIdentity || 'nobody').toBe('nobody');
    }
  });

  test('a holder whose Lease is deleted or erased keeps it, and nobody else takes it meanwhile', async () => {
    for (const act of ['delete', 'eraseHolder'] as const) {
      const simulation = given(3);
      const first = await untilHeld(simulation, 3_000);
      await simulation.run(3_500, () => atMostOne(simulation));
      simulation.server[act]();
      await simulation.run(10_000, () => {
        atMostOne(simulation);
        expect(simulation.holders()).toEqual([first]);
      });
      expect(simulation.server.lease?.spec?.holderIdentity).toBe(first);
    }
  });

  test('a holder that is cut off lets go by its own clock before others may take', async () => {
    const simulation = given(11);
    const first = hostNamed(simulation, await untilHeld(simulation, 3_000));
    first.network.loss = 1;
    const cutMs = simulation.clock.monotonicMs();
    await simulation.run(timing.renewDeadlineMs * (1 + DRIFT) + 1, () => atMostOne(simulation));
    expect(first.elector.isHolder()).toBe(false);
    expect(first.elector.holdUntilMs()).toBe(0);
    const next = await untilHeld(simulation, 12_000);
    expect(next).not.toBe(first.name);
    expect(simulation.clock.monotonicMs() - cutMs).toBeGreaterThan(
      timing.leaseDurationMs * (1 - DRIFT) - 1_100,
    );
  });

  test('in quiet times only the holder writes, once a retry period', async () => {
    const simulation = given(5);
    await untilHeld(simulation, 3_000);
    const before = simulation.server.writes;
    await simulation.run(60_000, () => atMostOne(simulation));
    expect(simulation.server.writes - before).toBeLessThanOrEqual(61);
    expect(simulation.server.writes - before).toBeGreaterThanOrEqual(57);
    expect(simulation.server.lease?.spec?.leaseTransitions).toBe(0);
  });
});

test('times that do not fit together are refused with the reason', () => {
  expect(timingProblem(timing)).toBeUndefined();
  expect(timingProblem({ ...timing, renewDeadlineMs: 5_000 })).toMatch(/less than the lease duration/);
  expect(timingProblem({ ...timing, retryPeriodMs: 3_000 })).toMatch(/more than the retry period/);
  expect(timingProblem({ ...timing, leaseDurationMs: 500 })).toMatch(/at least 1000/);
});
