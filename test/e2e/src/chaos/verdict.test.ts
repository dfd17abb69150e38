// SPDX-License-Identifier: Apache-2.0
import type { NeighborEvent } from '@fairlead/test-lab/observer/neighbor-events.ts';
import { describe, expect, it } from 'vitest';
import { duplicateHolders, judgeStretch } from './verdict.ts';

const ADDRESS = '172.18.0.200';
const [A, B, FOREIGN] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0f'];

/** One question every 20 ms; `owners` names who answers each, in order. */
function record(owners: readonly (readonly string[])[]): readonly NeighborEvent[] {
  const events: NeighborEvent[] = [{ kind: 'watching', atMs: 0, addresses: [ADDRESS] }];
  owners.forEach((macs, index) => {
    const atMs = 1_000 + index * 20;
    events.push({ kind: 'probe', atMs });
    macs.forEach((mac, order) => {
      events.push({ kind: 'answer', atMs: atMs + 1 + order, address: ADDRESS, mac, probeMs: atMs });
    });
  });
  // The record goes on for long enough that every question is decided.
  events.push({
    kind: 'summary',
    atMs: 1_000 + owners.length * 20 + 1_000,
    probes: owners.length,
    claims: 0,
  });
  return events;
}

const times = (count: number, ...macs: readonly string[]) => Array.from({ length: count }, () => macs);
const judge = (events: readonly NeighborEvent[], fromMs = 0, foreign: readonly string[] = []) =>
  judgeStretch(events, { addresses: [ADDRESS], fromMs, toMs: 1e9, foreign: new Set(foreign) });

describe('judgeStretch', () => {
  it('sees a clean move as one move, with the time in which nobody answered', () => {
    const verdict = judge(record([...times(10, A ?? ''), ...times(5), ...times(10, B ?? '')]));
    expect(verdict).toMatchObject({ longestTwoOwnersMs: 0, doubles: [], moves: 1 });
    expect(verdict.longestNobodyMs).toBe(120);
  });

  it('names the two who answer in turn', () => {
    const verdict = judge(
      record([...times(5, A ?? ''), ...times(5, A ?? '', B ?? ''), ...times(5, A ?? '')]),
    );
    expect(verdict.longestTwoOwnersMs).toBeGreaterThan(0);
    expect(verdict.doubles.join()).toContain(`${ADDRESS} for`);
    expect(verdict.doubles.join()).toContain(B);
  });

  it('holds nothing against us that a foreign machine claims', () => {
    const events = record(times(10, A ?? '', FOREIGN ?? ''));
    expect(judge(events).longestTwoOwnersMs).toBeGreaterThan(0);
    expect(judge(events, 0, [FOREIGN ?? ''])).toMatchObject({ longestTwoOwnersMs: 0, moves: 0 });
  });

  it('looks at its stretch only', () => {
    const events = record([...times(5, A ?? '', B ?? ''), ...times(20, B ?? '')]);
    expect(judge(events, 1_150)).toMatchObject({ longestTwoOwnersMs: 0, moves: 0, longestNobodyMs: 0 });
  });
});

describe('duplicateHolders', () => {
  it('finds one address and port with two Services, and allows different ports', () => {
    const service = (name: string, port: number) => ({ name, addresses: [ADDRESS], ports: [port] });
    expect(duplicateHolders([service('a', 80), service('b', 81)])).toEqual([]);
    expect(duplicateHolders([service('a', 80), service('b', 80)])).toEqual([`${ADDRESS} port 80: a and b`]);
  });
});
