// SPDX-License-Identifier: Apache-2.0

import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { wholeBatch } from './batch.ts';
import { IpvsBalancer } from './ipvs-balancer.ts';
import { modelTable } from './model-table.ts';
import { readTable } from './read-table.ts';
import { FakeIpvs } from './testing/fake-ipvs.ts';

const FOREIGN = '-t 198.51.100.1:80';
const ADDRESSES = ['192.0.2.10', '192.0.2.11', '2001:db8::10'] as const;

function setUp() {
  const kernel = new FakeIpvs();
  kernel.services.set(FOREIGN, { options: '-s rr', servers: new Map() });
  const balancer = new IpvsBalancer(kernel, new ManualClock());
  return { kernel, balancer };
}

const frontendArbitrary = (address: string): fc.Arbitrary<Frontend> =>
  fc
    .record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      scheduler: fc.constantFrom(
        'roundRobin' as const,
        'leastConnections' as const,
        'consistentHash' as const,
      ),
      affinitySeconds: fc.constantFrom(undefined, 60),
      forwarding: fc.constantFrom('nat' as const, 'tunnel' as const),
      backends: fc.uniqueArray(
        fc.record({ number: fc.integer({ min: 1, max: 4 }), weight: fc.integer({ min: 0, max: 3 }) }),
        { selector: ({ number }) => number },
      ),
    })
    .map(({ backends, ...parts }) => {
      const prefix = address.includes(':') ? 'fd00::' : '10.0.0.';
      return frontendOf(
        address,
        backends.map(({ number, weight }) => backendOf(`${prefix}${number}`, 80, { weight })),
        parts,
      );
    });

const modelArbitrary = fc
  .tuple(...ADDRESSES.map((address) => fc.option(frontendArbitrary(address), { nil: undefined })))
  .map((frontends) => modelOf(...frontends.flatMap((each) => each ?? [])));

describe('IpvsBalancer', () => {
  it('has in the kernel what takes connections, loses none, and leaves others alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ model: modelArbitrary, clients: fc.array(fc.nat(11)), fails: fc.boolean() }), {
          maxLength: 6,
        }),
        async (steps) => {
          const { kernel, balancer } = setUp();
          let before = modelOf();
          for (const [index, { model, clients, fails }] of steps.entries()) {
            forgetOthers(kernel, before, model);
            before = model;
            // What comes next has to cope with a batch that stopped in its middle.
            const isCut = fails && index < steps.length - 1;
            kernel.failAfter = isCut ? clients.length : undefined;
            await balancer
              .apply(model)
              .catch((error: Error) => expect(isCut && error.message).toContain('Memory'));
            if (isCut) continue;
            expect(takers(await kernel.read())).toEqual(takersIn(modelTable(model)));
            expect(kernel.lost).toBe(0);
            expect(new Set([...kernel.rules.values()].flat())).toEqual(new Set(model.frontends.keys()));
            const places = [...model.frontends.keys()].map(placeOf);
            for (const client of clients) kernel.connect(places[client % places.length] ?? '', client);
          }
          kernel.endAll();
          await balancer.verify();
          const found = readTable(await kernel.read(), before.frontends);
          expect(sorted(wholeBatch(found))).toEqual(sorted(wholeBatch(modelTable(before))));
          await balancer.stop();
          expect([...kernel.services.keys()]).toEqual([FOREIGN]);
        },
      ),
    );
  });

  it('puts back whatever is lost or changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        modelArbitrary,
        fc.nat(),
        fc.constantFrom('service' as const, 'server' as const, 'weight' as const, 'extra' as const),
        async (model, choice, damage) => {
          const { kernel, balancer } = setUp();
          await balancer.apply(model);
          const whole = await kernel.read();
          fc.pre(wreck(kernel, choice, damage));
          expect(await balancer.verify()).toBe(true);
          expect(sorted(await kernel.read())).toEqual(sorted(whole));
        },
      ),
    );
  });

  it.each([
    [100, 2_000],
    [60_000, 5_000],
  ])('after a look of %i ms rests for %i ms', async (lookMs, restMs) => {
    const kernel = new FakeIpvs();
    const clock = new ManualClock();
    let looks = 0;
    const read = () => {
      looks += 1;
      clock.advance(lookMs);
      return kernel.read();
    };
    const balancer = new IpvsBalancer({ ...kernel, read }, clock);
    await balancer.apply(modelOf(frontendOf('192.0.2.10', [backendOf('10.0.0.1')])));
    await balancer.verify();
    clock.advance(restMs - 1);
    await balancer.verify();
    expect(looks).toBe(1);
    clock.advance(1);
    await balancer.verify();
    expect(looks).toBe(2);
  });

  it('starts no program when nothing differs', async () => {
    const { kernel, balancer } = setUp();
    const model = modelOf(frontendOf('192.0.2.10', [backendOf('10.0.0.1')]));
    await balancer.apply(model);
    expect(kernel.batches).toHaveLength(1);
    await balancer.apply(model);
    await balancer.apply(modelOf(frontendOf('192.0.2.10', [backendOf('10.0.0.1')])));
    expect(await balancer.verify()).toBe(false);
    expect(kernel.batches).toHaveLength(1);
  });

  it('lets a removed back end end what it has, and then go', async () => {
    const { kernel, balancer } = setUp();
    await balancer.apply(modelOf(frontendOf('192.0.2.10', [backendOf('10.0.0.1'), backendOf('10.0.0.2')])));
    kernel.connect('-t 192.0.2.10:80', 1);
    await balancer.apply(modelOf(frontendOf('192.0.2.10', [backendOf('10.0.0.1')])));
    expect(kernel.batches.at(-1)).toBe('-e -t 192.0.2.10:80 -r 10.0.0.2:8080 -m -w 0\n');
    expect(await balancer.verify()).toBe(false);
    expect(kernel.batches).toHaveLength(2);
    kernel.endAll();
    expect(await balancer.verify()).toBe(false);
    expect(kernel.batches.at(-1)).toBe('-d -t 192.0.2.10:80 -r 10.0.0.2:8080\n');
  });

  it('takes the nearest scheduler where the kernel lacks one, tells that Service, and asks no more', async () => {
    const { kernel, balancer } = setUp();
    kernel.lacks.add('twos').add('mh');
    const twos = frontendOf('192.0.2.10', [backendOf('10.0.0.1')], {
      kernelScheduler: 'twos',
      scheduler: 'leastConnections',
    });
    const hash = frontendOf('192.0.2.11', [backendOf('10.0.0.1')], {
      scheduler: 'consistentHash',
      service: 'default/hash',
    });
    const plain = frontendOf('192.0.2.12', [backendOf('10.0.0.1')], { service: 'default/plain' });
    const model = modelOf(twos, hash, plain);
    await balancer.apply(model);
    expect([...kernel.services.values()].map(({ options, servers }) => [options, servers.size])).toEqual([
      ['-s rr', 0],
      ['-s rr', 1],
      ['-s wlc', 1],
      ['-s rr', 1],
    ]);
    expect([...balancer.problems().keys()]).toEqual(['default/echo', 'default/hash']);
    expect(balancer.problems().get('default/echo')).toMatchObject([{ reason: 'SchedulerUnsupported' }]);
    const { length } = kernel.batches;
    await balancer.apply(modelOf(twos, hash, plain));
    expect(await balancer.verify()).toBe(false);
    expect(kernel.batches).toHaveLength(length);
  });

  it('ends its connections where they are to be reset, whenever that is asked for', async () => {
    const { kernel, balancer } = setUp();
    const serve = (numbers: readonly number[], resetsRemoved = false) =>
      balancer.apply(
        modelOf(
          frontendOf(
            '192.0.2.10',
            numbers.map((number) => backendOf(`10.0.0.${number}`)),
            { resetsRemoved },
          ),
        ),
      );
    await serve([1, 2]);
    kernel.connect('-t 192.0.2.10:80', 1);
    await serve([1]);
    expect(kernel.lost).toBe(0);
    await serve([1], true);
    expect(kernel.lost).toBe(1);
  });

  it('lets those go on that are ending, where the others are reset', async () => {
    const { kernel, balancer } = setUp();
    const [first, second, third] = [1, 2, 3].map((number) => backendOf(`10.0.0.${number}`));
    const serve = (
      backends: readonly (Backend | undefined)[],
      ending: readonly (Backend | undefined)[] = [],
    ) => {
      const known = (all: typeof backends) => all.flatMap((each) => each ?? []);
      const parts = { resetsRemoved: true, ending: known(ending) };
      return balancer.apply(modelOf(frontendOf('192.0.2.10', known(backends), parts)));
    };
    await serve([first, second, third]);
    for (const choice of [0, 1, 2]) kernel.connect('-t 192.0.2.10:80', choice);
    await serve([first], [second]);
    expect(kernel.lost).toBe(1);
    await serve([first], []);
    expect(kernel.lost).toBe(2);
  });
});

/** Who loses the address loses its connections, and over UDP there are none. */
function forgetOthers(kernel: FakeIpvs, before: BalanceModel, after: BalanceModel): void {
  const kept = [...before.frontends.keys()].filter((id) => after.frontends.has(id)).map(placeOf);
  for (const [place, { servers }] of kernel.services) {
    if (kept.includes(place) && place.startsWith('-t')) continue;
    for (const server of servers.values()) server.connections = 0;
  }
}

/** What somebody else may do to one of our services. Returns whether there was anything to do it to. */
function wreck(kernel: FakeIpvs, choice: number, damage: 'service' | 'server' | 'weight' | 'extra'): boolean {
  const places = [...kernel.services.keys()].filter((place) => place !== FOREIGN);
  const place = places[choice % Math.max(places.length, 1)] ?? '';
  const servers = kernel.services.get(place)?.servers;
  if (damage === 'service') return kernel.services.delete(place);
  const stranger = place.includes('[') ? '[fd00::9]:80' : '10.0.0.9:80';
  if (damage === 'extra') {
    servers?.set(stranger, { forwarding: '-m', weight: 1, connections: 0 });
    return servers !== undefined;
  }
  const [first] = servers ?? [];
  if (first === undefined) return false;
  const [key, server] = first;
  if (damage === 'server') servers?.delete(key);
  else server.weight += 1;
  return true;
}

function placeOf(id: string): string {
  const [protocol = '', port = '', address = ''] = id.split('/');
  const host = address.includes(':') ? `[${address}]` : address;
  return `${protocol === 'tcp' ? '-t' : '-u'} ${host}:${port}`;
}

/** What gets connections. */
function takers(text: string): readonly string[] {
  const table = readTable(text);
  table.forEach((_service, id) => {
    if (id === 'tcp/80/198.51.100.1') (table as Map<string, unknown>).delete(id);
  });
  return takersIn(table);
}

function takersIn(table: ReturnType<typeof modelTable>): readonly string[] {
  const quiet = new Map(
    [...table].map(([id, service]) => [
      id,
      { ...service, servers: new Map([...service.servers].filter(([, { weight }]) => weight > 0)) },
    ]),
  );
  return sorted(wholeBatch(quiet));
}

function sorted(text: string): readonly string[] {
  return text.split('\n').sort();
}
