// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, Frontend, Scheduler } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { allChanges, changesBetween, natLayer } from './nat-layer.ts';
import { type Outcome, PacketTracer } from './testing/packet-tracer.ts';

function backendsFor(address: string, pods: readonly number[]): readonly Backend[] {
  const pod = address.includes(':') ? 'fd00:1::' : '10.244.1.';
  return pods.map((index) => backendOf(`${pod}${index}`));
}

function frontend(address: string, pods: readonly number[], parts: Partial<Frontend> = {}): Frontend {
  return frontendOf(address, backendsFor(address, pods), parts);
}

describe('the changes of one front end', () => {
  const other = frontend('172.18.0.201', [2]);
  const before = modelOf(frontend('172.18.0.200', [2, 3]), other);
  const render = (...after: readonly Frontend[]) => natLayer.renderChanges(before, modelOf(...after));

  it('are none without a difference', () => {
    expect(render(frontend('172.18.0.200', [2, 3]), other)).toBe('');
  });

  it('are its chain alone when its back ends changed', () => {
    expect(render(frontend('172.18.0.200', [3, 4]), other)).toMatchInlineSnapshot(`
      "flush chain ip fairlead tcp-80-172.18.0.200
      add rule ip fairlead tcp-80-172.18.0.200 meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.244.1.3 . 8080, 1 : 10.244.1.4 . 8080 }
      "
    `);
  });

  it('refuse connections while there is no back end', () => {
    expect(render(frontend('172.18.0.200', []), other)).toMatchInlineSnapshot(`
      "delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      add element ip fairlead refused { 172.18.0.200 . tcp . 80 }
      flush chain ip fairlead tcp-80-172.18.0.200
      delete chain ip fairlead tcp-80-172.18.0.200
      "
    `);
  });

  it('leave nothing of one that is gone', () => {
    expect(render(other)).toMatchInlineSnapshot(`
      "delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      flush chain ip fairlead tcp-80-172.18.0.200
      delete chain ip fairlead tcp-80-172.18.0.200
      "
    `);
  });
});

const SCHEDULERS = [
  'roundRobin',
  'weightedRoundRobin',
  'leastConnections',
  'sourceHash',
  'consistentHash',
] as const satisfies readonly Scheduler[];

const anyFrontend = fc
  .record({
    address: fc.constantFrom('172.18.0.200', '172.18.0.201', 'fd00::c8'),
    protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
    pods: fc.uniqueArray(fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 0, max: 2 })), {
      selector: ([pod]) => pod,
      maxLength: 4,
    }),
    masquerade: fc.boolean(),
    scheduler: fc.constantFrom(...SCHEDULERS),
    affinitySeconds: fc.constantFrom(undefined, 10, 10_800),
    resets: fc.constantFrom(undefined, [], [6]),
  })
  .map(({ address, pods, resets, ...parts }) => {
    const numbers = pods.map(([pod]) => pod);
    const backends = backendsFor(address, numbers).map((backend, index) => {
      return { ...backend, weight: pods[index]?.[1] ?? 0 };
    });
    const resetting = resets && { resetsRemoved: true, ending: backendsFor(address, resets) };
    return frontendOf(address, backends, { ...parts, ...resetting });
  });
const anyState = fc.uniqueArray(anyFrontend, { selector: ({ id }) => id, maxLength: 5 });

describe('natLayer', () => {
  it('leads from any state to any other, as if built anew, and every connection to one of its back ends', () => {
    fc.assert(
      fc.property(fc.array(anyState, { minLength: 1, maxLength: 4 }), (states) => {
        const kernel = new PacketTracer();
        kernel.apply(allChanges(modelOf()));
        let applied = modelOf();
        for (const state of states) {
          kernel.apply(changesBetween(applied, modelOf(...state)));
          applied = modelOf(...state);
          const fresh = new PacketTracer();
          fresh.apply(allChanges(applied));
          expect(kernel.dump()).toEqual(fresh.dump());
          for (const each of state) expectServed(kernel, each);
        }
      }),
      // Each run builds and compares several tables of thousands of slots.
      { numRuns: 40 },
    );
  });
});

function expectServed(
  kernel: PacketTracer,
  { address, port, protocol, backends, masquerade }: Frontend,
): void {
  const takers = backends
    .filter(({ weight }) => weight > 0)
    .map((backend) => `${backend.address} ${backend.port}`);
  for (let client = 1; client <= 5; client++) {
    const from = address.includes(':') ? `fd00:2::${client}` : `192.0.2.${client}`;
    const outcome = kernel.connect({ from, to: address, port, protocol });
    if (takers.length === 0) expect(outcome).toBe('refused');
    else {
      expect(takers).toContain(targetOf(outcome));
      expect(outcome).toMatchObject({ isMasqueraded: masquerade });
    }
  }
}

function targetOf(outcome: Outcome): string {
  return outcome === 'refused' ? outcome : `${outcome.destination.address} ${outcome.destination.port}`;
}
