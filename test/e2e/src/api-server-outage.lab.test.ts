// SPDX-License-Identifier: Apache-2.0
import { CONTROL_PLANE } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

/** The timings the fixture installs with: 5/3/1 s. */
const RENEW_DEADLINE_MS = 3_000;
const RETRY_PERIOD_MS = 1_000;
const LONG_OUTAGE_MS = 8_000;

/** `cut off`: the switch drops all frames of its host. `refuse` can be ordered from the embedded API server only. */
type Outage = 'cut off' | 'refuse';
const OUTAGES: readonly Outage[] =
  process.env.KUBEBUILDER_ASSETS === undefined ? ['cut off', 'refuse'] : ['cut off'];

/** What the lease engine promises when nobody can be asked. */
describe('an outage of the API server', () => {
  let cluster: Cluster;
  let observer: NeighborObserver;
  let address: string;
  let ended: Promise<unknown> = Promise.resolve();

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentEnv: { fairlead_engine: 'lease' } });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220' });
    await cluster.expose('web');
    address = await cluster.addressOf('web');
    await cluster.answers(address);
  });

  beforeEach(async () => {
    observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    await cluster.nextOwner(observer, address);
  });

  afterEach(async () => {
    await ended;
    await observer.stop();
    expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const agents = (): readonly number[] =>
    ['worker1', 'worker2', 'worker3'].flatMap((node) => cluster.agentPids(node));

  /** Begins an outage that ends by itself; resolves when it has begun. */
  const begin = async (how: Outage, forMs: number): Promise<{ startedMs: number; doneMs: number }> => {
    const { lab } = cluster;
    if (how !== 'cut off') return await lab.faults.outage(how, forMs);
    const entry = await lab.partition(CONTROL_PLANE);
    ended = new Promise((resolve) => setTimeout(resolve, forMs)).then(() => lab.heal(CONTROL_PLANE));
    return entry;
  };

  it.each(OUTAGES)('of a second (%s) disturbs nothing', async (how) => {
    const { doneMs } = await begin(how, 1_000);
    // Past the deadline that the last renewal before the outage has set.
    await observer.waitForClaim(({ atMs }) => atMs > doneMs + RENEW_DEADLINE_MS + RETRY_PERIOD_MS);
    const { zeroOwners, changes } = observer.judge({ address });
    expect(zeroOwners).toEqual([]);
    expect(changes).toHaveLength(1);
  });

  it.each(OUTAGES)(
    'of eight seconds (%s) ends the answers at the deadline, and they come back with it',
    async (how) => {
      const before = agents();
      const { startedMs, doneMs } = await begin(how, LONG_OUTAGE_MS);
      await observer.waitForClaim(
        ({ kind, atMs }) => kind === 'answer' && atMs > doneMs + LONG_OUTAGE_MS,
        LONG_OUTAGE_MS + 20_000,
      );
      await cluster.answers(address);
      const [silence, ...more] = observer.judge({ address }).zeroOwners;
      expect(more).toEqual([]);
      // Not before what the last renewal allows, not after what the last one possible allows.
      expect((silence?.fromMs ?? 0) - startedMs).toBeGreaterThan(RENEW_DEADLINE_MS - RETRY_PERIOD_MS - 500);
      expect((silence?.fromMs ?? 0) - doneMs).toBeLessThan(RENEW_DEADLINE_MS + 500);
      const backAfterMs = (silence?.toMs ?? 0) - doneMs - LONG_OUTAGE_MS;
      console.log(`${how}: address back ${backAfterMs.toFixed(0)} ms after the API server`);
      expect(backAfterMs).toBeLessThan(5_000);
      // An agent that cannot ask is not an agent that is broken.
      expect(agents()).toEqual(before);
    },
  );
});
