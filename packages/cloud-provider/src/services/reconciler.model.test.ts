// SPDX-License-Identifier: Apache-2.0

import { formatAddress } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parsePools } from '../pools/parse.ts';
import { poolContains, poolFor } from '../pools/pool.ts';
import { claimOf } from './service-state.ts';
import { createRig, FakeCluster, type Rig, type WriteFault } from './testing/fake-cluster.ts';
import { service } from './testing/services.ts';

const POOLS: readonly Record<string, string>[] = [
  { 'range-global': '10.0.0.1-10.0.0.3' },
  { 'range-global': '10.0.0.1-10.0.0.6' },
  { 'range-global': '10.0.0.2-10.0.0.4', 'search-order': 'desc' },
  { 'range-global': 'banana' },
  {},
];
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.9.9.9', 'banana');
const fault = fc.constantFrom<WriteFault>(
  'conflict',
  'server error',
  'answer lost',
  'not reached',
  'forbidden',
);
const day = fc.integer({ min: 1, max: 9 });

type Step =
  | {
      readonly op: 'create';
      readonly name: string;
      readonly day: number;
      readonly annotation?: string;
      readonly spec?: string;
    }
  | { readonly op: 'delete' | 'clusterIP' | 'loadBalancer' | 'clear'; readonly name: string }
  | { readonly op: 'annotate' | 'serve'; readonly name: string; readonly ip: string }
  | { readonly op: 'pools'; readonly pools: Record<string, string> }
  | { readonly op: 'fault'; readonly fault: WriteFault }
  | { readonly op: 'deliver'; readonly count: number }
  | { readonly op: 'stall' | 'flow' | 'restart' | 'term' | 'settle' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('create' as const), name, day }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('create' as const), name, day, annotation: ip }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('create' as const), name, day, spec: ip }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constantFrom('delete', 'clusterIP', 'loadBalancer', 'clear'), name }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('annotate', 'serve'), name, ip }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('pools' as const), pools: fc.constantFrom(...POOLS) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('fault' as const), fault }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('stall', 'flow', 'restart', 'term', 'settle') }) },
);

/** Addresses that a cloud provider accepted for a Service. */
function accepted(each: Service): string[] {
  return claimOf(each).addresses.flatMap((address) =>
    address.standing === 'accepted' ? [formatAddress(address)] : [],
  );
}

/** One history of a cluster, with the rules checked at each write and at the end. */
class History {
  readonly cluster = new FakeCluster();
  readonly clock = new ManualClock();
  readonly broken: string[] = [];
  #data: Record<string, string> = POOLS[0] ?? {};
  #rig: Rig;

  constructor() {
    this.cluster.onWrite = (before, after) => this.#judge(before, after);
    this.#rig = this.#newInstance(false);
  }

  #newInstance(relist: boolean): Rig {
    const rig = createRig({ cluster: this.cluster, data: this.#data, clock: this.clock, restMs: 5_000 });
    rig.lead(() => true, relist);
    return rig;
  }

  #judge(before: Service, after: Service): void {
    for (const address of accepted(after)) {
      const twin = this.cluster
        .all()
        .find((other) => keyOf(other) !== keyOf(after) && accepted(other).includes(address));
      if (twin !== undefined) this.broken.push(`${address} of ${keyOf(twin)} written to ${keyOf(after)}`);
    }
    const [had, has] = [accepted(before), accepted(after)];
    if (had.length > 0 && has.length > 0 && had.join() !== has.join())
      this.broken.push(`${had} became ${has}`);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const each of steps) {
      await this.#apply(each);
      await this.clock.advanceAsync(10);
    }
    this.cluster.faults.length = 0;
    this.cluster.watchFlows = true;
    for (let round = 0; round < 4; round++) {
      this.cluster.deliver();
      await this.clock.advanceAsync(70_000);
    }
    this.#judgeEnd();
    await this.#rig.stop();
  }

  async #apply(each: Step): Promise<void> {
    const { cluster } = this;
    switch (each.op) {
      case 'create':
        if (cluster.get(each.name) === undefined) cluster.put(created(each));
        return;
      case 'delete':
        return cluster.remove(each.name);
      case 'clusterIP':
        return cluster.edit(each.name, (s) => ({
          ...s,
          spec: { ...s.spec, type: 'ClusterIP' },
          status: { loadBalancer: {} },
        }));
      case 'loadBalancer':
        return cluster.edit(each.name, (s) => ({ ...s, spec: { ...s.spec, type: 'LoadBalancer' } }));
      case 'clear':
        return cluster.edit(each.name, cleared);
      case 'annotate':
        return cluster.edit(each.name, (s) => annotated(s, each.ip));
      case 'serve':
        return cluster.edit(each.name, (s) => ({
          ...s,
          status: { loadBalancer: { ingress: [{ ip: each.ip }] } },
        }));
      case 'pools':
        this.#data = each.pools;
        return this.#rig.setPools(each.pools);
      case 'fault':
        cluster.faults.push(each.fault);
        return;
      case 'deliver':
        return cluster.deliver(each.count);
      case 'stall':
        cluster.watchFlows = false;
        return;
      case 'flow':
        cluster.watchFlows = true;
        return cluster.deliver();
      case 'term':
        await this.#rig.stop();
        return this.#rig.lead(() => true, true);
      case 'restart':
        await this.#rig.stop();
        this.#rig = this.#newInstance(true);
        return;
      default:
        await this.clock.advanceAsync(30_000);
    }
  }

  #judgeReleased({ metadata }: Service): void {
    const marked = metadata?.labels !== undefined && 'implementation' in metadata.labels;
    if (marked || (metadata?.finalizers ?? []).length > 0) this.broken.push(`${metadata?.name} keeps marks`);
  }

  /** At rest: everyone who can have an address has one, and who has none is refused for a reason that holds. */
  #judgeEnd(): void {
    const all = this.cluster.all();
    const mentioned = new Set(all.flatMap((each) => claimOf(each).addresses.map(formatAddress)));
    const pools = parsePools(this.#data);
    const pool = poolFor(pools, 'default');
    const free = ['1', '2', '3', '4', '5', '6']
      .map((end) => ({ family: 4 as const, value: 0x0a000000n + BigInt(end) }))
      .filter(
        (address) =>
          pool !== undefined && poolContains(pool, address) && !mentioned.has(formatAddress(address)),
      );
    const waitsInVain = (each: Service) => {
      const text = textOf(each);
      const rivals = all
        .filter((other) => other !== each)
        .flatMap((other) => claimOf(other).addresses.map(formatAddress));
      return text === undefined ? free.length > 0 : text !== 'banana' && !rivals.includes(text);
    };
    for (const each of all) {
      const key = keyOf(each);
      if (each.metadata?.deletionTimestamp !== undefined) this.broken.push(`${key} hangs in deletion`);
      else if (each.spec?.type !== 'LoadBalancer') this.#judgeReleased(each);
      else if (accepted(each).length === 0 && waitsInVain(each))
        this.broken.push(`${key} waits in vain: ${textOf(each)}`);
    }
    const held = new Set([...this.#rig.holdings.held(4)].map((value) => formatAddress({ family: 4, value })));
    if ([...held].sort().join() !== [...mentioned].sort().join()) {
      this.broken.push(`index has ${[...held].sort()}, Services mention ${[...mentioned].sort()}`);
    }
  }
}

/** The address that the Service names itself. */
function textOf({ metadata, spec }: Service): string | undefined {
  return metadata?.annotations?.['kube-vip.io/loadbalancerIPs'] ?? spec?.loadBalancerIP;
}

function created({ name: text, day: date, annotation, spec }: Extract<Step, { op: 'create' }>): Service {
  return service(text, {
    createdAt: `2026-01-0${date}T00:00:00Z`,
    ...(annotation !== undefined && { annotation }),
    ...(spec !== undefined && { loadBalancerIP: spec }),
  });
}

function annotated(each: Service, text: string): Service {
  const annotations = { ...each.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': text };
  return { ...each, metadata: { ...each.metadata, annotations } };
}

function cleared(each: Service): Service {
  const { 'kube-vip.io/loadbalancerIPs': _old, ...annotations } = each.metadata?.annotations ?? {};
  const { loadBalancerIP: _address, ...spec } = each.spec ?? {};
  return { ...each, metadata: { ...each.metadata, annotations }, spec };
}

it('no address has two holders, nothing held changes, nothing that can be given is refused, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const history = new History();
      await history.run(steps);
      expect(history.broken).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 60_000);
