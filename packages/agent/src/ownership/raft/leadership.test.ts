// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Leadership } from './leadership.ts';
import { ALL_RULES } from './rules.ts';
import { DEFAULT_TIMING, outlastMs } from './timing.ts';

const { leaseMs } = DEFAULT_TIMING;
const REIGN = { term: 1, coordinator: { name: 'a', instance: '1' } };
const elected = (voters = ['a', 'b', 'c'], graceMs = 0) =>
  new Leadership(REIGN, voters, DEFAULT_TIMING, { nowMs: 0, rules: ALL_RULES, graceMs });
const echo = (nonce: number, graceMs = 0) => ({ nonce, graceMs, settledEpoch: 1 });

describe('the right to grant', () => {
  it('needs a majority, and is counted from when the heartbeat was sent', () => {
    const leadership = elected();
    const nonce = leadership.beat(0);
    expect(leadership.rightSinceMs).toBeUndefined();
    leadership.echo('b', echo(nonce), 120);
    expect(leadership.rightSinceMs).toBe(120);
    expect(leadership.rightUntilMs).toBe(leaseMs);
    expect(leadership.isOver(leaseMs - 1)).toBe(false);
    expect(leadership.isOver(leaseMs)).toBe(true);
  });

  it('is not won by an echo that comes too late, nor by one from somebody else', () => {
    const leadership = elected();
    const nonce = leadership.beat(0);
    leadership.echo('d', echo(nonce), 10);
    leadership.echo('b', echo(nonce + 1), 10);
    leadership.echo('b', echo(nonce), leaseMs);
    expect(leadership.rightSinceMs).toBeUndefined();
    expect(leadership.isOver(leaseMs)).toBe(true);
  });

  it('with five voters is as old as the second oldest of the echoes that make the majority', () => {
    const leadership = elected(['a', 'b', 'c', 'd', 'e']);
    const first = leadership.beat(0);
    const second = leadership.beat(40);
    leadership.echo('b', echo(first), 41);
    leadership.echo('c', echo(second), 42);
    expect(leadership.rightUntilMs).toBe(leaseMs);
    leadership.echo('d', echo(second), 43);
    expect(leadership.rightUntilMs).toBe(40 + leaseMs);
  });

  it('is counted anew when other voters vote', () => {
    const leadership = elected();
    leadership.echo('b', echo(leadership.beat(0)), 1);
    leadership.setVoters(['a', 'b', 'c', 'd'], 2);
    expect(leadership.rightUntilMs).toBe(Number.NEGATIVE_INFINITY);
    expect(leadership.isOver(2)).toBe(true);
  });

  it('begins with waiting for the longest time that one of the first majority knows of', () => {
    const leadership = elected(['a', 'b', 'c', 'd', 'e'], 5);
    const nonce = leadership.beat(0);
    leadership.echo('b', echo(nonce, 80), 10);
    leadership.echo('c', echo(nonce, 90), 10);
    leadership.echo('d', echo(nonce, 200), 10);
    expect(leadership.silentUntilMs).toBeCloseTo(10 + outlastMs(DEFAULT_TIMING, 90));
  });
});
