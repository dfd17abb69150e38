// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import type { Lease } from '../objects.ts';
import { LeaseCandidate } from './candidate.ts';
import { microTime, readLease, writeLease } from './record.ts';

const timing = { leaseDurationMs: 5_000, renewDeadlineMs: 3_000, retryPeriodMs: 1_000 };
const where = { namespace: 'n', name: 'l' };

function lease(holder: string, renewTime: string, seconds = 5): Lease {
  return {
    metadata: { ...where, resourceVersion: renewTime },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      renewTime,
      acquireTime: 'a',
      leaseTransitions: 4,
    },
  };
}

test('nothing is written before the Lease was looked at', () => {
  const candidate = new LeaseCandidate('me', timing);
  expect(candidate.mayWrite(1_000)).toBe(false);
  candidate.observe(undefined, 1_000);
  expect(candidate.mayWrite(1_000)).toBe(true);
});

test('a Lease is free when the duration written in it has passed since its last change was seen', () => {
  const candidate = new LeaseCandidate('me', timing);
  expect(candidate.observe(lease('other', '1', 20), 1_000)).toBe(true);
  // The same record again, and a change outside of the record, are no renewal.
  expect(candidate.observe(lease('other', '1', 20), 9_000)).toBe(false);
  expect(candidate.mayWrite(20_999)).toBe(false);
  expect(candidate.mayWrite(21_000)).toBe(true);
  candidate.observe(lease('other', '2', 20), 21_000);
  expect(candidate.mayWrite(40_999)).toBe(false);
});

test('a Lease that was given back is free at once; one that was erased or deleted is not', () => {
  for (const [next, free] of [
    [lease('', '2', 1), true],
    [lease('', '2', 5), false],
    [undefined, false],
  ] as const) {
    const candidate = new LeaseCandidate('me', timing);
    candidate.observe(lease('other', '1'), 1_000);
    candidate.observe(next, 2_000);
    expect(candidate.mayWrite(2_000)).toBe(free);
    expect(candidate.mayWrite(6_000)).toBe(true);
  }
});

test('our own identity in the Lease is no obstacle, but holding begins with an acknowledged write', () => {
  const candidate = new LeaseCandidate('me', timing);
  candidate.observe(lease('me', '1'), 1_000);
  expect(candidate.mayWrite(1_000)).toBe(true);
  expect(candidate.holds(1_000)).toBe(false);
});

test('holding counts from when the renewal was sent, and not at all when the answer came too late', () => {
  const candidate = new LeaseCandidate('me', timing);
  candidate.observe(undefined, 0);
  expect(candidate.acknowledged(lease('me', '1'), 1_000, 2_500)).toBe(true);
  expect(candidate.holdUntilMs).toBe(4_000);
  expect([candidate.holds(3_999), candidate.holds(4_000)]).toEqual([true, false]);
  expect(candidate.acknowledged(lease('me', '2'), 2_000, 5_000)).toBe(false);
  expect(candidate.holdUntilMs).toBe(4_000);
});

test('the record is written as client-go does: transitions count changes of holder, times keep their meaning', () => {
  const candidate = new LeaseCandidate('me', timing);
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  candidate.observe(lease('other', '1'), 0);
  const now = '2026-01-02T03:04:05.006000Z';
  expect(candidate.proposal(nowMs)).toEqual({
    holder: 'me',
    durationMs: 5_000,
    transitions: 5,
    acquireTime: now,
    renewTime: now,
  });
  candidate.observe(lease('me', '2'), 0);
  expect(candidate.proposal(nowMs)).toMatchObject({ transitions: 4, acquireTime: 'a', renewTime: now });
  expect(candidate.release(nowMs)).toMatchObject({ holder: '', durationMs: 1_000, transitions: 4 });
  expect(microTime(nowMs)).toBe(now);
});

test('a write keeps what others put into the object', () => {
  const base = { ...lease('a', '1'), metadata: { ...where, resourceVersion: '7', annotations: { x: 'y' } } };
  const future = { ...base, spec: { ...base.spec, strategy: 'Oldest' } };
  const record = { ...readLease(base), holder: 'b', durationMs: 2_500 };
  expect(writeLease(future, where, record, { k: 'v' })).toEqual({
    metadata: { ...where, resourceVersion: '7', annotations: { x: 'y', k: 'v' } },
    spec: { ...future.spec, holderIdentity: 'b', leaseDurationSeconds: 3 },
  });
});
