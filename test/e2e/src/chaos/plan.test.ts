// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeFault, FAULT_KINDS, type FaultKind, type Need, planFaults } from './plan.ts';

const ALL = Object.keys(FAULT_KINDS) as FaultKind[];
const EVERYTHING: ReadonlySet<Need> = new Set(['embedded', 'raft']);
const options = fc.record({
  seed: fc.nat(),
  faults: fc.integer({ min: 1, max: 120 }),
  services: fc.integer({ min: 1, max: 5 }),
  onlyShort: fc.boolean(),
});

describe('planFaults', () => {
  it('gives the same plan for the same seed, and another one for another', () => {
    fc.assert(
      fc.property(options, (wanted) => {
        const plan = planFaults({ ...wanted, offers: EVERYTHING });
        expect(planFaults({ ...wanted, offers: EVERYTHING })).toEqual(plan);
        expect(plan.map(({ number }) => number)).toEqual(plan.map((_, index) => index + 1));
      }),
    );
    const plan = (seed: number) => planFaults({ seed, faults: 40, services: 3, offers: EVERYTHING });
    expect(plan(1)).not.toEqual(plan(2));
  });

  it('keeps to what each kind allows', () => {
    fc.assert(
      fc.property(options, (wanted) => {
        for (const fault of planFaults({ ...wanted, offers: EVERYTHING })) {
          const { holdMs, roles } = FAULT_KINDS[fault.kind];
          expect(fault.holdMs).toBeGreaterThanOrEqual(holdMs[0]);
          expect(fault.holdMs).toBeLessThanOrEqual(holdMs[1]);
          expect(fault.service).toBeLessThan(wanted.services);
          if (fault.role === undefined) expect(roles).toEqual([]);
          else expect(roles).toContain(fault.role);
          if (fault.overlay !== undefined)
            expect(FAULT_KINDS[fault.overlay.kind]).toHaveProperty('isOverlay');
        }
      }),
    );
  });

  it('lets every kind come before any comes twice, each only where it is possible', () => {
    const first = planFaults({ seed: 5, faults: ALL.length, services: 2, offers: EVERYTHING });
    expect(new Set(first.map(({ kind }) => kind))).toEqual(new Set(ALL));
    const real = planFaults({ seed: 5, faults: 300, services: 2, offers: new Set() });
    expect(real.map(({ kind }) => kind)).not.toContain('apiSlow');
    const short = planFaults({ seed: 5, faults: 100, services: 2, offers: EVERYTHING, onlyShort: true });
    expect(short.map(({ kind }) => kind)).not.toContain('nodePoweredOff');
    const one = planFaults({ seed: 5, faults: 3, services: 2, offers: EVERYTHING, only: ['mute'] });
    expect(one.map(({ kind }) => kind)).toEqual(['mute', 'mute', 'mute']);
  });

  it('says when nothing is possible', () => {
    const impossible = {
      seed: 1,
      faults: 1,
      services: 1,
      offers: new Set<Need>(),
      only: ['apiSlow'] as const,
    };
    expect(() => planFaults(impossible)).toThrow('no kind of fault is possible here (wanted: apiSlow)');
  });
});

it('describes a fault in one line', () => {
  const overlay = { kind: 'podKilled', role: undefined, service: 0 } as const;
  const fault = { number: 12, kind: 'mute', role: 'owner', service: 1, holdMs: 800, overlay } as const;
  expect(describeFault(fault)).toBe('12 mute the owner of 1 for 800 ms, and podKilled meanwhile');
});
