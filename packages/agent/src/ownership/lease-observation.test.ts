// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { LeaseObservations } from './lease-observation.ts';

const START_WALL_MS = Date.UTC(2026, 0, 1);
const KEY = 'default/kubevip-echo';

/** Monotonic and wall clock run together. */
const at = (ms: number) => ({ monotonicMs: ms, wallMs: START_WALL_MS + ms });

function lease(holder: string, renewedMs: number, transitions = 0): Lease {
  return {
    spec: {
      holderIdentity: holder,
      renewTime: new Date(START_WALL_MS + renewedMs).toISOString(),
      leaseDurationSeconds: holder === '' ? 1 : 5,
      leaseTransitions: transitions,
    },
  } as Lease;
}

describe('LeaseObservations', () => {
  let seen: LeaseObservations;
  const lost = () => [...seen.lost.keys()];

  beforeEach(() => {
    seen = new LeaseObservations();
  });

  it('knows the holder until nothing has changed for the duration', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    expect(seen.holder(KEY, 4_999)).toBe('n1');
    expect(seen.nextExpiryMs(0)).toBe(5_000);
    expect(seen.holder(KEY, 5_000)).toBeUndefined();
    expect(seen.nextExpiryMs(5_000)).toBeUndefined();
  });

  it('tells of a new holder, not of a renewal', () => {
    expect(seen.observe(KEY, lease('n1', 0), at(0))).toBe(true);
    expect(seen.observe(KEY, lease('n1', 1_000), at(1_000))).toBe(false);
    expect(seen.observe(KEY, lease('', 2_000), at(2_000))).toBe(true);
    expect(seen.holder(KEY, 2_000)).toBeUndefined();
  });

  it('counts a holder whose Lease ran out as lost, until a later sign of life', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    expect(seen.expire(at(4_999))).toBe(false);
    expect(seen.expire(at(5_000))).toBe(true);
    expect(lost()).toEqual(['n1']);
    // The kubelet's last word from before the Lease ran out proves nothing.
    expect(seen.heartbeat('n1', START_WALL_MS + 5_000)).toBe(false);
    expect(seen.heartbeat('n1', START_WALL_MS + 5_001)).toBe(true);
    expect(lost()).toEqual([]);
  });

  it('counts a holder that was replaced at the end of its Lease as lost', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    seen.observe(KEY, lease('n2', 4_950, 1), at(4_950));
    expect(lost()).toEqual(['n1']);
    seen.observe('default/kubevip-other', lease('n1', 9_000), at(9_000));
    expect(lost()).toEqual([]);
  });

  it('does not count one that gave its Lease back, or was replaced early', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    seen.observe(KEY, lease('', 1_000), at(1_000));
    seen.observe(KEY, lease('n2', 1_050, 1), at(1_050));
    // The release in between may have been missed by a new list.
    seen.observe(KEY, lease('n3', 2_000, 2), at(2_000));
    seen.expire(at(6_999));
    expect(lost()).toEqual([]);
  });

  it('does not count one that renews its other Leases', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    seen.observe('default/kubevip-other', lease('n1', 4_000), at(4_000));
    seen.expire(at(5_000));
    expect(lost()).toEqual([]);
    seen.expire(at(9_000));
    expect(lost()).toEqual(['n1']);
  });

  it('counts a dead node although its Leases were not all renewed at the same moment', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    seen.observe('default/kubevip-other', lease('n1', 900), at(900));
    seen.expire(at(5_000));
    expect(lost()).toEqual(['n1']);
  });

  it('takes a Lease from long ago for a leftover', () => {
    seen.observe(KEY, lease('n1', -3_600_000), at(0));
    seen.expire(at(5_000));
    expect(lost()).toEqual([]);
    expect(seen.suspects(5_000).size).toBe(0);
  });

  it('forgets deleted Leases and nodes', () => {
    seen.observe(KEY, lease('n1', 0), at(0));
    seen.expire(at(5_000));
    expect(seen.observe(KEY, undefined, at(5_001))).toBe(true);
    expect(seen.forget('n1')).toBe(true);
    expect(lost()).toEqual([]);
    expect(seen.leases.size).toBe(0);
  });
});
