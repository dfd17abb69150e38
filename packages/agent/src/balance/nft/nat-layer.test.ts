// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, BalanceModel, Frontend, Scheduler } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { type LaidOut, layOut, tidied } from './lay-out.ts';
import { allChanges, changesTo, natTransactions } from './nat-layer.ts';
import { type Outcome, PacketTracer } from './testing/packet-tracer.ts';
import { printShortly } from './testing/print-shortly.ts';

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
  const render = (...after: readonly Frontend[]) =>
    printShortly(changesTo(before, layOut(before, modelOf(...after))));

  it('are none without a difference', () => {
    expect(render(frontend('172.18.0.200', [2, 3]), other)).toBe('');
  });

  it('are its chain alone when its back ends changed', () => {
    expect(render(frontend('172.18.0.200', [3, 4]), other)).toMatchInlineSnapshot(`
      "delete element ip fairlead slots-tcp-ef { 172.18.0.200 . 80 . 0 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 2 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 4 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 6 : 10.244.1.2 . 8080, ... 8 more }
      add element ip fairlead slots-tcp-ef { 172.18.0.200 . 80 . 0 : 10.244.1.4 . 8080, 172.18.0.200 . 80 . 2 : 10.244.1.4 . 8080, 172.18.0.200 . 80 . 4 : 10.244.1.4 . 8080, 172.18.0.200 . 80 . 6 : 10.244.1.4 . 8080, ... 8 more }
      "
    `);
  });

  it('refuse connections while there is no back end', () => {
    expect(render(frontend('172.18.0.200', []), other)).toMatchInlineSnapshot(`
      "delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      delete element ip fairlead slots-tcp-ef { 172.18.0.200 . 80 . 0 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 1 : 10.244.1.3 . 8080, 172.18.0.200 . 80 . 2 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 3 : 10.244.1.3 . 8080, ... 20 more }
      add element ip fairlead refused { 172.18.0.200 . tcp . 80 }
      flush chain ip fairlead tcp-80-172.18.0.200
      delete chain ip fairlead tcp-80-172.18.0.200
      delete map ip fairlead slots-tcp-ef
      "
    `);
  });

  it('leave nothing of one that is gone', () => {
    expect(render(other)).toMatchInlineSnapshot(`
      "delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      delete element ip fairlead slots-tcp-ef { 172.18.0.200 . 80 . 0 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 1 : 10.244.1.3 . 8080, 172.18.0.200 . 80 . 2 : 10.244.1.2 . 8080, 172.18.0.200 . 80 . 3 : 10.244.1.3 . 8080, ... 20 more }
      flush chain ip fairlead tcp-80-172.18.0.200
      delete chain ip fairlead tcp-80-172.18.0.200
      delete map ip fairlead slots-tcp-ef
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
        const lead = (to: LaidOut, asIf: BalanceModel) => {
          kernel.apply(changesTo(applied, to));
          applied = to.model;
          const fresh = new PacketTracer();
          fresh.apply(allChanges(asIf));
          expect(kernel.dump()).toEqual(fresh.dump());
        };
        for (const state of states) {
          const next = layOut(applied, modelOf(...state));
          lead(next, next.model);
          for (const each of state) expectServed(kernel, each);
          lead(tidied(applied), modelOf(...state));
        }
      }),
      // Each run builds and compares several tables of thousands of slots.
      { numRuns: 40 },
    );
  });
});

describe('a large change', () => {
  const frontends = Array.from({ length: 300 }, (_, index) =>
    frontend(`172.18.${index >> 7}.${index & 127}`, [2, 3, 4]),
  );
  const model = modelOf(...frontends);
  const { differences } = layOut(modelOf(), model);

  it('is cut into transactions, each of whole front ends, and the last of them has what the model wants', () => {
    const transactions = [...natTransactions(modelOf(), model, differences)];
    expect(transactions.length).toBeGreaterThan(3);
    const kernel = new PacketTracer();
    kernel.apply(allChanges(modelOf()));
    for (const changes of transactions) {
      kernel.apply(changes);
      const dump = JSON.stringify(kernel.dump());
      for (const each of frontends) {
        const outcome = kernel.connect({ from: '192.0.2.1', to: each.address, port: 80, protocol: 'tcp' });
        const isThere = dump.includes(`tcp-80-${each.address}"`);
        expect(targetOf(outcome) !== `${each.address} 80`).toBe(isThere);
      }
    }
    const fresh = new PacketTracer();
    fresh.apply(allChanges(model));
    expect(kernel.dump()).toEqual(fresh.dump());
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
