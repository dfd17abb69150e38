// SPDX-License-Identifier: Apache-2.0
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { FaultRule } from '@fairlead/test-apiserver/faults/rules.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { given, type Instance, TestCluster } from './testing/test-cluster.ts';

/*
 * The cloud provider while the API server misbehaves. Only the embedded server can do that on demand.
 */

let cluster: TestCluster;
let instance: Instance;
beforeEach(async () => {
  cluster = await TestCluster.embedded();
});
afterEach(() => cluster.close());

const COUNT = 40;

function faulty(rules: readonly FaultRule[]): void {
  cluster.faults?.setRules(rules, 7);
}

/** Creates Services at once and waits until each has an address of its own. */
async function exposeMany(): Promise<void> {
  await Promise.all(Array.from({ length: COUNT }, () => cluster.expose()));
}

async function allServed(): Promise<void> {
  await vi.waitFor(
    async () => {
      const addresses = (await cluster.all()).map(given);
      expect(addresses.filter((address) => address !== undefined)).toHaveLength(COUNT);
      expect(new Set(addresses).size).toBe(COUNT);
    },
    { timeout: 15_000, interval: 50 },
  );
}

const update = { verbs: ['update'], resources: ['services'] };
const status = { verbs: ['update'], resources: ['services/status'] };

describe('every Service gets an address of its own while', () => {
  it.each<[string, readonly FaultRule[]]>([
    ['a third of the writes meet a conflict', [{ select: update, status: 409, rate: 0.33 }]],
    ['a third of the writes fail', [{ select: update, status: 500, rate: 0.33 }]],
    [
      'a third of the writes are done but their answer is lost',
      [{ select: update, drop: true, when: 'after', rate: 0.33 }],
    ],
    [
      'a third of the writes are done but answered with 504',
      [{ select: update, status: 504, when: 'after', rate: 0.33 }],
    ],
    ['a third of the writes of the status fail', [{ select: status, status: 500, rate: 0.33 }]],
    ['a third of the writes of the status meet a conflict', [{ select: status, status: 409, rate: 0.33 }]],
    ['the server asks for patience', [{ select: update, status: 429, retryAfterSeconds: 1, rate: 0.2 }]],
    ['answers take up to 200 ms', [{ select: { resources: ['services'] }, jitterMs: 200 }]],
  ])('%s', async (_what, rules) => {
    await cluster.setPools({ 'range-global': `10.0.0.1-10.0.0.${COUNT}` });
    instance = await cluster.start();
    faulty(rules);
    await exposeMany();
    await allServed();
    const hits = cluster.faults?.report().hits ?? [];
    expect(Math.min(...hits)).toBeGreaterThan(0);
  });

  it('watches are cut, stalled and compacted', async () => {
    await cluster.setPools({ 'range-global': `10.0.0.1-10.0.0.${COUNT}` });
    instance = await cluster.start();
    const many = exposeMany();
    cluster.faults?.cutWatches();
    await many;
    cluster.faults?.stallWatches();
    cluster.faults?.compact();
    cluster.faults?.releaseWatches('cut');
    await allServed();
  });

  it('the server is away for two seconds', async () => {
    await cluster.setPools({ 'range-global': `10.0.0.1-10.0.0.${COUNT}` });
    instance = await cluster.start();
    await exposeMany();
    await cluster.faults?.restart(2_000);
    await allServed();
  }, 30_000);
});

it('takes two PUTs and two Events for a Service in the normal case: no GET, no LIST', async () => {
  await cluster.setPools({ 'range-global': `10.0.0.1-10.0.0.${COUNT}` });
  instance = await cluster.start();
  await vi.waitFor(() => expect(instance.provider.isLeader()).toBe(true));
  const before = cluster.requests.length;
  const count = (request: string) => cluster.requests.slice(before).filter((each) => each === request).length;
  await exposeMany();
  await allServed();
  await vi.waitFor(async () =>
    expect((await cluster.all()).every((each) => each.status?.conditions?.[0]?.status === 'True')).toBe(true),
  );
  await vi.waitFor(() => expect(count('create events')).toBe(2 * COUNT));
  // The test itself lists Services; the instance must not.
  const about = new Set(cluster.requests.slice(before).filter((each) => /services|events/.test(each)));
  about.delete('list services');
  expect([...about].sort()).toEqual([
    'create events',
    'create services',
    'update services',
    'update services/status',
  ]);
  expect([count('update services'), count('update services/status')]).toEqual([COUNT, COUNT]);
});

it('gives a dual-stack Service both families in the order of its spec', async () => {
  await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220,fd00:18::200-fd00:18::220' });
  instance = await cluster.start();
  const policies = [
    [{ policy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }, '172.18.0.200,fd00:18::200'],
    [{ policy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] }, 'fd00:18::201,172.18.0.201'],
    [{ policy: 'PreferDualStack' }, '172.18.0.202,fd00:18::202'],
    [{ policy: 'SingleStack', ipFamilies: ['IPv6'] }, 'fd00:18::203'],
  ] as const;
  for (const [traits, expected] of policies) {
    const name = await cluster.expose(traits);
    await vi.waitFor(async () => expect(given(await cluster.get(name))).toBe(expected), { timeout: 5_000 });
    const { spec } = await cluster.admin.get(SERVICES, { namespace: 'default', name });
    expect(spec?.loadBalancerIP).toBe(expected.split(',')[0]);
  }
});
