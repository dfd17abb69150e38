// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { AbsentNodes } from './absent-nodes.ts';

const members = (...names: readonly string[]) =>
  new Map(names.map((name) => [name.slice(0, 1), { instance: name }]));
const nodes = (...names: readonly string[]) => new Set(names);

it('takes a member for gone when its node has been absent for a while', () => {
  const absent = new AbsentNodes('a');
  absent.observe(nodes('a', 'b', 'c'), members('a1', 'b1', 'c1'), 0);
  absent.observe(nodes('a', 'b'), members('a1', 'b1', 'c1'), 10_000);
  expect(absent.gone(39_999)).toEqual(new Set());
  expect(absent.gone(40_000)).toEqual(new Set(['c']));
  absent.observe(nodes('a', 'b', 'c'), members('a1', 'b1', 'c1'), 41_000);
  expect(absent.gone(80_000)).toEqual(new Set());
});

it('does not take out who has just entered itself, again and again', () => {
  const absent = new AbsentNodes('a');
  absent.observe(nodes('a'), members('a1', 'b1'), 0);
  expect(absent.gone(30_000)).toEqual(new Set(['b']));
  absent.observe(nodes('a'), members('a1'), 30_000);
  absent.observe(nodes('a'), members('a1', 'b1'), 31_000);
  expect(absent.gone(200_000)).toEqual(new Set());
});

it('misses nobody where it does not know the nodes, or has none itself', () => {
  const absent = new AbsentNodes('a');
  absent.observe(undefined, members('a1', 'b1'), 0);
  absent.observe(nodes('x'), members('a1', 'b1'), 1);
  expect(absent.gone(100_000)).toEqual(new Set());
  absent.observe(nodes('b'), members('a1', 'b1'), 100_000);
  expect(absent.gone(200_000)).toEqual(new Set());
});
