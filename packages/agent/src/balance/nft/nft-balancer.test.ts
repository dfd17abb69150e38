// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Balancer } from '../balancer.ts';
import type { BalanceModel, Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { allChanges, frameChanges } from './nat-layer.ts';
import { createNftBalancer } from './nft-balancer.ts';
import type { Change } from './ruleset.ts';
import { PacketTracer } from './testing/packet-tracer.ts';

vi.mock('../../system/nft.ts', async (load) => {
  const ours = ['ip', 'ip6'].map((family) => ({ family, name: 'fairlead' }));
  return { ...(await load<object>()), listTables: () => Promise.resolve(ours) };
});

const frontend = frontendOf('172.18.0.200', [backendOf('10.244.1.2')]);
const model = modelOf(frontend);

it('starts over after a script that failed, because it cannot know what the kernel has', async () => {
  const scripts: string[] = [];
  let fails = false;
  const nft = (script: string) => {
    scripts.push(script);
    return fails ? Promise.reject(new Error('nft refused')) : Promise.resolve();
  };
  const balancer = await createNftBalancer({
    logger: silentLogger,
    nft,
    conntrack: { forget: () => undefined },
  });
  fails = true;
  await expect(balancer.apply(model)).rejects.toThrow('nft refused');
  fails = false;
  await balancer.apply(model);
  expect(scripts).toHaveLength(3);
  expect(scripts[2]).toContain('delete table ip fairlead');
  expect(scripts[2]).toContain('172.18.0.200');
  await balancer.apply(model);
  expect(scripts).toHaveLength(3);
});

it('takes a script that still runs for no interference, and looks only after it', async () => {
  const scripts: string[] = [];
  const gate = Promise.withResolvers<void>();
  const nft = async (script: string) => {
    scripts.push(script);
    if (scripts.length === 2) await gate.promise;
  };
  const balancer = await createNftBalancer({
    logger: silentLogger,
    nft,
    conntrack: { forget: () => undefined },
  });
  const applying = balancer.apply(model);
  const clearing = balancer.apply({ frontends: new Map(), problems: new Map() });
  await Promise.resolve();
  expect(scripts).toHaveLength(2);
  gate.resolve();
  await Promise.all([applying, clearing]);
  expect(scripts).toHaveLength(3);
  // The last word is a change to what the one before it left, not a rebuild beside it.
  expect(scripts[2]).not.toContain('delete table');
});

describe('front ends that are replaced by themselves', () => {
  /** A balancer whose kernel is a tracer; scripts only build empty tables here. */
  async function setUp() {
    const clock = new ManualClock();
    const kernel = new PacketTracer();
    const written: (readonly Change[])[] = [];
    const scripts: string[] = [];
    const state = { fails: false };
    const balancer = await createNftBalancer({
      logger: silentLogger,
      clock,
      layers: [],
      nft: (script) => {
        scripts.push(script);
        kernel.apply(frameChanges());
        return Promise.resolve();
      },
      write: (changes) => {
        if (state.fails) return Promise.reject(new Error('refused'));
        kernel.apply(changes);
        written.push(changes);
        return Promise.resolve();
      },
      conntrack: { forget: () => undefined },
    });
    return { balancer, clock, kernel, written, scripts, state };
  }

  const served = (address: string, pods: readonly number[]) =>
    frontendOf(
      address,
      pods.map((pod) => backendOf(`10.244.1.${pod}`)),
    );
  const changed = (...frontends: readonly Frontend[]) => new Map(frontends.map((each) => [each.id, each]));
  const replace = (balancer: Balancer, frontends: ReadonlyMap<string, Frontend | undefined>) =>
    balancer.replace?.(frontends) ?? Promise.reject(new Error('it has no replace'));
  const freshly = (model: BalanceModel) => {
    const kernel = new PacketTracer();
    kernel.apply(allChanges(model));
    return kernel.dump();
  };

  const anyPods = fc.uniqueArray(fc.integer({ min: 2, max: 9 }), { maxLength: 6 });
  const anyStep = fc.record({
    isWhole: fc.boolean(),
    address: fc.constantFrom('172.18.0.200', '172.18.0.201', '172.18.0.202'),
    pods: fc.option(anyPods, { nil: undefined }),
  });

  it('come to what whole models come to, in any order, and to even tables after a while', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 10 }), async (steps) => {
        const { balancer, clock, kernel } = await setUp();
        const wanted = new Map<string, Frontend>();
        for (const { isWhole, address, pods } of steps) {
          const frontend = served(address, pods ?? []);
          if (pods === undefined) wanted.delete(frontend.id);
          else wanted.set(frontend.id, frontend);
          const one = new Map([[frontend.id, wanted.get(frontend.id)]]);
          await (isWhole ? balancer.apply(modelOf(...wanted.values())) : replace(balancer, one));
        }
        clock.advance(1_000);
        expect(await balancer.verify()).toBe(false);
        expect(kernel.dump()).toEqual(freshly(modelOf(...wanted.values())));
      }),
      { numRuns: 100 },
    );
  });

  it('are part of what is built anew after a transaction that failed', async () => {
    const { balancer, scripts, state } = await setUp();
    await balancer.apply(modelOf(served('172.18.0.200', [2]), served('172.18.0.201', [3])));
    state.fails = true;
    await expect(replace(balancer, changed(served('172.18.0.200', [4])))).rejects.toThrow('refused');
    await balancer.verify();
    const script = scripts.at(-1);
    expect(script).toContain('172.18.0.200 . 80 . 0 : 10.244.1.4 . 8080');
    expect(script).toContain('172.18.0.201 . 80 . 0 : 10.244.1.3 . 8080');
    expect(script).not.toContain('10.244.1.2');
  });

  it('get even tables at last where something changes all the time', async () => {
    const { balancer, clock, written } = await setUp();
    const turns = [
      [2, 3, 4, 5, 6],
      [2, 4, 5, 6, 7],
      [3, 4, 5, 6, 7],
    ];
    for (let change = 0; change < 30; change++) {
      await replace(balancer, changed(served('172.18.0.200', turns[change % 3] ?? [])));
      clock.advance(500);
      const before = written.length;
      await balancer.verify();
      if (written.length > before) break;
    }
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000);
    expect(clock.monotonicMs()).toBeLessThan(12_000);
  });
});
