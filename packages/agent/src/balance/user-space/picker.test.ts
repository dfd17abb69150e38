// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, createPicker } from './picker.ts';

function candidate(id: string, weight = 1, open = 0): Candidate {
  return { id, weight, open };
}

/** Who gets so many connections, of clients that all differ. */
function picks(
  scheduler: Parameters<typeof createPicker>[0],
  candidates: readonly Candidate[],
  count: number,
) {
  const picker = createPicker(scheduler);
  return Array.from({ length: count }, (_, index) => picker.pick(candidates, clientOf(index))?.id);
}

function clientOf(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

function counted(ids: readonly (string | undefined)[]): ReadonlyMap<string | undefined, number> {
  return new Map([...Map.groupBy(ids, (id) => id)].map(([id, all]) => [id, all.length]));
}

const someCandidates = fc
  .array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 })
  .map((weights) => weights.map((weight, index) => candidate(`target-${index}`, weight)));

describe('createPicker', () => {
  it('picks nobody among nobody', () => {
    for (const scheduler of [
      'roundRobin',
      'weightedRoundRobin',
      'leastConnections',
      'sourceHash',
      'consistentHash',
    ] as const) {
      expect(createPicker(scheduler).pick([], '10.0.0.1')).toBeUndefined();
    }
  });

  it('takes turns, whatever the weights', () => {
    const candidates = [candidate('a', 5), candidate('b'), candidate('c')];
    expect(picks('roundRobin', candidates, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('takes smooth turns by weight', () => {
    const candidates = [candidate('a', 5), candidate('b'), candidate('c')];
    expect(picks('weightedRoundRobin', candidates, 7)).toEqual(['a', 'a', 'b', 'a', 'c', 'a', 'a']);
  });

  it('gives each its exact share in every cycle, wherever it begins', () => {
    fc.assert(
      fc.property(someCandidates, fc.nat(100), (candidates, start) => {
        const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
        const cycle = picks('weightedRoundRobin', candidates, start + total).slice(start);
        for (const { id, weight } of candidates) expect(counted(cycle).get(id)).toBe(weight);
      }),
    );
  });

  it('goes on in turn when somebody comes, and when somebody goes', () => {
    const picker = createPicker('roundRobin');
    const [a, b, c] = [candidate('a'), candidate('b'), candidate('c')];
    expect(picker.pick([a, b], '')?.id).toBe('a');
    expect(picker.pick([a, b, c], '')?.id).toBe('b');
    picker.keep(new Set(['b', 'c']));
    const next = [picker.pick([b, c], '')?.id, picker.pick([b, c], '')?.id];
    expect(next.sort()).toEqual(['b', 'c']);
  });

  it('forgets the turn of those that are gone: whoever comes back owes nothing', () => {
    const picker = createPicker('roundRobin');
    const [a, b] = [candidate('a'), candidate('b')];
    picker.pick([a, b], '');
    picker.keep(new Set(['b']));
    picker.keep(new Set(['a', 'b']));
    expect([picker.pick([a, b], '')?.id, picker.pick([a, b], '')?.id].sort()).toEqual(['a', 'b']);
  });

  it('picks the one with the fewest connections for its weight', () => {
    const busy = [candidate('a', 1, 3), candidate('b', 4, 6), candidate('c', 1, 2)];
    expect(createPicker('leastConnections').pick(busy, '')?.id).toBe('b');
    const anyone = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 9 }), open: fc.nat(20) }), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(anyone, (all) => {
        const candidates = all.map(({ weight, open }, index) => candidate(`${index}`, weight, open));
        const picked = createPicker('leastConnections').pick(candidates, '');
        const load = ({ open, weight }: Candidate) => (open + 1) / weight;
        expect(picked && load(picked)).toBe(Math.min(...candidates.map(load)));
      }),
    );
  });

  it('takes turns among those that have equally few connections', () => {
    expect(picks('leastConnections', [candidate('a'), candidate('b')], 4)).toEqual(['a', 'b', 'a', 'b']);
  });

  for (const scheduler of ['sourceHash', 'consistentHash'] as const) {
    describe(scheduler, () => {
      it('sends a client to one target, whoever asks', () => {
        fc.assert(
          fc.property(someCandidates, fc.ipV4(), (candidates, client) => {
            const [one, other] = [createPicker(scheduler), createPicker(scheduler)];
            one.pick(candidates, '192.0.2.1');
            expect(one.pick(candidates, client)).toBe(other.pick(candidates, client));
          }),
        );
      });

      it('gives each a share of the clients in proportion to its weight', () => {
        const candidates = [candidate('10.1.0.1', 1), candidate('10.1.0.2', 2), candidate('10.1.0.3', 5)];
        const shares = counted(picks(scheduler, candidates, 20_000));
        for (const { id, weight } of candidates) {
          expect(Math.abs((shares.get(id) ?? 0) / 20_000 - weight / 8)).toBeLessThan(0.02);
        }
      });
    });
  }

  it('moves no client by consistent hash but those of a target that goes', () => {
    fc.assert(
      fc.property(
        someCandidates,
        fc.nat(11),
        fc.array(fc.ipV4(), { maxLength: 50 }),
        (all, gone, clients) => {
          const picker = createPicker('consistentHash');
          const left = all.filter((_, index) => index !== gone % all.length);
          if (left.length === 0) return;
          for (const client of clients) {
            const before = picker.pick(all, client);
            const after = picker.pick(left, client);
            if (before !== undefined && left.includes(before)) expect(after).toBe(before);
          }
        },
      ),
    );
  });
});
