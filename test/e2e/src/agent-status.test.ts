// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { type AgentStatus, groupTrouble } from './agent-status.ts';

const status = (node: string, change: Partial<AgentStatus> = {}): AgentStatus => ({
  node,
  engine: { name: 'raft', ok: true, detail: '' },
  coordinator: { node: 'a' },
  endpoints: [],
  group: { epoch: 3, voters: ['a', 'b', 'c'] },
  ...change,
});

it('finds nothing wrong with a group that agrees', () => {
  expect(groupTrouble([status('a'), status('b'), status('c')])).toEqual([]);
});

it('says who differs, and how', () => {
  const engine = { name: 'group', ok: false, detail: 'no answer' };
  expect(groupTrouble([status('a'), status('b', { engine, group: null })])).toEqual([
    'the engine on b is not well: no answer',
    'b knows 0 voters',
  ]);
  expect(groupTrouble([status('a'), status('b', { coordinator: { node: 'b' } })])).toEqual([
    'coordinators: a says a, b says b',
  ]);
  expect(groupTrouble([status('a', { coordinator: null })])).toEqual(['coordinators: a says none']);
});
