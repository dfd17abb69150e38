// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { Refusals } from './refusals.ts';

it('believes what lasts, and says so once', () => {
  const refusals = new Refusals(30_000);
  expect(refusals.refused('write', 0)).toBe(false);
  // Reading works, and says nothing about writing.
  refusals.allowed('read');
  expect(refusals.refused('write', 29_999)).toBe(false);
  expect(refusals.believed).toBeUndefined();
  expect(refusals.refused('write', 30_000)).toBe(true);
  refusals.allowed('read');
  expect(refusals.refused('write', 90_000)).toBe(false);
  expect(refusals.believed).toBe('write');
  refusals.allowed('write');
  expect(refusals.believed).toBeUndefined();
  expect(refusals.refused('write', 100_000)).toBe(false);
});

it('does not believe a server that has just started', () => {
  const refusals = new Refusals(30_000);
  refusals.refused('read', 0);
  refusals.refused('read', 5_000);
  refusals.allowed('read');
  expect(refusals.refused('read', 40_000)).toBe(false);
  expect(refusals.believed).toBeUndefined();
});
