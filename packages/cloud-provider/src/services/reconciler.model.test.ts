// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRig, FakeCluster, type WriteFault } from './testing/fake-cluster.ts';
import { created, History, NAMES, type Step } from './testing/history.ts';
import type { Data } from './testing/model.ts';
import type { ServiceTraits } from './testing/services.ts';

const SHARED = { 'allow-share-global': 'true' };
const POOLS: readonly Data[] = [
  { 'range-global': '10.0.0.1-10.0.0.3' },
  { 'range-global': '10.0.0.1-10.0.0.6,fd00::1-fd00::2' },
  { 'range-global': '10.0.0.2-10.0.0.4', 'search-order': 'desc' },
  { 'range-global': 'banana' },
  {},
  { 'range-global': '10.0.0.1-10.0.0.2,fd00::1', ...SHARED },
  { 'range-global': '10.0.0.1-10.0.0.2', ...SHARED, 'search-order': 'desc' },
  { 'range-global': '10.0.0.3-10.0.0.5,fd00::2-fd00::3', 'on-change-global': 'move' },
  { 'range-global': '10.0.0.3-10.0.0.4', 'on-change-global': 'drain 20s', ...SHARED },
  { 'range-global': '10.0.0.1-10.0.0.4', 'avoid-global': '10.0.0.2', 'on-change-global': 'move' },
  { 'range-global': '10.0.0.1-10.0.0.2', 'cooldown-global': '20s' },
  { 'range-global': '10.0.0.1-10.0.0.4', 'requested-outside-pool': 'deny' },
  {
    'range-global': '10.0.0.1-10.0.0.3',
    'range-shop': '10.0.1.1-10.0.1.1',
    'pool-gold': '10.0.2.1-10.0.2.2',
    'selector-gold': 'tier=gold',
    'on-change-gold': 'move',
    'allow-share-shop': 'true',
  },
];
const name = fc.constantFrom(...NAMES);
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', '10.9.9.9', 'banana');
const ports = fc.constantFrom<ServiceTraits['ports']>(['80'], ['81'], ['80', '81'], ['UDP/80'], []);
const families = fc.constantFrom<Pick<ServiceTraits, 'policy' | 'ipFamilies'>>(
  { policy: 'SingleStack', ipFamilies: ['IPv4'] },
  { policy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] },
  { policy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] },
);
const fault = fc.constantFrom<WriteFault>(
  'conflict',
  'server error',
  'answer lost',
  'not reached',
  'forbidden',
);
const across = { annotations: { 'fairlead.io/share-across-namespaces': 'true' } };
const traits: fc.Arbitrary<ServiceTraits> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant({}) },
      { weight: 2, arbitrary: ip.map((annotation) => ({ annotation })) },
      { weight: 1, arbitrary: ip.map((loadBalancerIP) => ({ loadBalancerIP })) },
    ),
    fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: families }),
    ports,
    fc.constantFrom({}, {}, { labels: { tier: 'gold' } }, across),
  )
  .map(([asked, dual, list, more]) => ({ ...asked, ...dual, ports: list ?? [], ...more }));
const create = fc.record({
  op: fc.constant('create' as const),
  name,
  day: fc.integer({ min: 1, max: 9 }),
  traits,
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: create },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom('delete', 'clusterIP', 'loadBalancer', 'otherClass', 'clear'),
      name,
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('annotate', 'specify', 'serve'), name, ip }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('ports' as const), name, ports: ports.map((p) => p ?? []) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('families' as const), name, families }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('label' as const),
      name,
      tier: fc.constantFrom('gold', 'tin'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('pools' as const), pools: fc.constantFrom(...POOLS) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('fault', 'statusFault'), fault }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('stall', 'flow', 'restart', 'term', 'settle') }) },
);

describe('whatever happens', () => {
  it('no address has two holders, nothing held changes without a reason, nothing that can be given is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...POOLS),
        fc.array(step, { maxLength: 50, size: 'max' }),
        async (data, steps) => {
          const history = new History(data);
          await history.run(steps);
          expect(history.broken).toEqual([]);
        },
      ),
      { numRuns: Number(process.env.FAIRLEAD_MODEL_RUNS ?? 1_000) },
    );
  }, 600_000);
});

/** What Services have, once all are delivered in this order and everything is at rest. */
async function outcome(steps: readonly Step[], data: Data, when: 'before' | 'after'): Promise<string> {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const rig = createRig({ cluster, clock, data: when === 'before' ? { ...data } : {} });
  if (when === 'after') rig.lead();
  for (const each of steps) if (each.op === 'create') cluster.put(created(each));
  cluster.deliver();
  await clock.advanceAsync(1_000);
  if (when === 'after') rig.setPools({ ...data });
  else rig.lead();
  await clock.advanceAsync(1_000);
  await rig.stop();
  return cluster
    .all()
    .map(({ metadata, spec }) =>
      JSON.stringify([metadata?.name, metadata?.annotations, spec?.loadBalancerIP]),
    )
    .sort()
    .join('\n');
}

describe('the order of events', () => {
  const services = fc.uniqueArray(create, { selector: (each) => each.name, minLength: 2 });
  it.each(['before', 'after'] as const)(
    'means nothing when the pools are there %s the Services',
    async (when) => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...POOLS),
          services.chain((list) =>
            fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
          ),
          async (data, [one, other]) => {
            expect(await outcome(other, data, when)).toBe(await outcome(one, data, when));
          },
        ),
        { numRuns: 150 },
      );
    },
    60_000,
  );
});
