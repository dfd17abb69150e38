// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Promises } from './promises.ts';
import { ALL_RULES } from './rules.ts';
import { DEFAULT_TIMING, oblivionMs, outlastMs, tailWaitMs } from './timing.ts';

const LEASE_MS = outlastMs(DEFAULT_TIMING, DEFAULT_TIMING.leaseMs);
const TAIL_MS = tailWaitMs(DEFAULT_TIMING);
/** A voter that has started long ago. */
const awake = () => new Promises(DEFAULT_TIMING, -10_000, ALL_RULES);

describe('a voter', () => {
  it('follows nobody before all that it may have forgotten has ended', () => {
    const promises = new Promises(DEFAULT_TIMING, 0, ALL_RULES);
    const wakesMs = oblivionMs(DEFAULT_TIMING);
    expect(wakesMs).toBeGreaterThanOrEqual(DEFAULT_TIMING.leaseMs + DEFAULT_TIMING.tailMs);
    expect(wakesMs).toBeGreaterThanOrEqual(DEFAULT_TIMING.grantMs);
    expect(promises.make('a', 1, wakesMs - 1)).toBe(false);
    expect(promises.make('a', 1, wakesMs)).toBe(true);
    expect(promises.graceMs(wakesMs)).toBe(0);
  });

  it('follows one at a time, for a little longer than a lease', () => {
    const promises = awake();
    expect(promises.make('a', 1, 0)).toBe(true);
    expect(promises.make('b', 2, 100)).toBe(false);
    expect(promises.make('a', 1, 100)).toBe(true);
    expect(promises.blockedMs('b', 150)).toBeCloseTo(100 + LEASE_MS - 150);
    expect(promises.make('b', 2, 100 + LEASE_MS - 0.1)).toBe(false);
    expect(promises.make('b', 2, 100 + LEASE_MS)).toBe(true);
  });

  it('tells the next one how long grants of the last one may live', () => {
    const promises = awake();
    promises.make('a', 1, 0);
    expect(promises.graceMs(0)).toBe(0);
    promises.make('b', 2, LEASE_MS + 20);
    expect(promises.graceMs(LEASE_MS + 20)).toBeCloseTo(TAIL_MS - 20);
  });

  it('is free at once when the one it follows resigns, but remembers its grants', () => {
    const promises = awake();
    promises.make('a', 1, 0);
    expect(promises.release('a', 2)).toBe(false);
    expect(promises.release('a', 1)).toBe(true);
    expect(promises.make('b', 2, 1)).toBe(true);
    expect(promises.graceMs(1)).toBeCloseTo(LEASE_MS + TAIL_MS - 1);
  });

  it('lets the same instance in again in a later term, which must wait for its own earlier grants', () => {
    const promises = awake();
    promises.make('a', 1, 0);
    expect(promises.make('a', 2, 10)).toBe(true);
    expect(promises.graceMs(10)).toBeCloseTo(LEASE_MS + TAIL_MS - 10);
  });
});
