// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { AddressGroup } from '../ownership/engine.ts';
import { type ControlPlaneClaim, withControlPlane } from './claim.ts';

const CLAIM: ControlPlaneClaim = {
  addresses: ['192.0.2.10'],
  lease: { namespace: 'kube-system', name: 'plndr-cp-lock' },
  isServable: true,
  problem: undefined,
};

function group(name: string, ...addresses: readonly string[]): AddressGroup {
  return {
    key: `default/${name}`,
    services: [`default/${name}`],
    addresses,
    candidates: new Set(['n1']),
    avoided: new Map([['n2', 'leave']]),
    lease: { namespace: 'default', name: `kubevip-${name}` },
  };
}

describe('withControlPlane', () => {
  it('makes one more group, which any node may have', () => {
    const groups = [group('a', '192.0.2.20')];
    expect(withControlPlane(groups, CLAIM)).toEqual([
      {
        key: 'control-plane',
        services: [],
        addresses: ['192.0.2.10'],
        candidates: 'any',
        lease: { namespace: 'kube-system', name: 'plndr-cp-lock' },
      },
      ...groups,
    ]);
  });

  it('takes Services along that share an address with it: never two locks for one address', () => {
    const other = group('b', '192.0.2.30');
    const [joined, ...rest] = withControlPlane([group('a', '192.0.2.20', '192.0.2.10'), other], CLAIM);
    expect(joined).toMatchObject({
      services: ['default/a'],
      addresses: ['192.0.2.10', '192.0.2.20'],
      candidates: 'any',
      lease: { name: 'plndr-cp-lock' },
    });
    expect(joined).not.toHaveProperty('avoided');
    expect(rest).toEqual([other]);
  });

  it('changes nothing without an address', () => {
    const groups = [group('a', '192.0.2.20')];
    expect(withControlPlane(groups, undefined)).toBe(groups);
    // Its name has not been resolved yet.
    expect(withControlPlane(groups, { ...CLAIM, addresses: [] })).toBe(groups);
  });
});
