// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { RIVAL_VARIABLE, readOptions } from './options.ts';

const defaults = { services: 10_000, rate: 100 };

test('what is not said stays as it is, and the peer can be named in two ways', () => {
  expect(readOptions(['--rate', '7'], defaults, {})).toEqual({
    numbers: { services: 10_000, rate: 7 },
    rival: undefined,
  });
  const env = { [RIVAL_VARIABLE]: '/a' };
  expect(readOptions([], defaults, env).rival).toBe('/a');
  expect(readOptions(['--rival=/b'], defaults, env).rival).toBe('/b');
  expect(readOptions([], defaults, { [RIVAL_VARIABLE]: '' }).rival).toBeUndefined();
});

test('a number must be one, and an unknown option is an error', () => {
  expect(() => readOptions(['--rate', '0'], defaults, {})).toThrow(
    '--rate: expected a whole number above 0, got "0"',
  );
  expect(() => readOptions(['--rates', '5'], defaults, {})).toThrow('--rates');
  expect(() => readOptions(['7'], defaults, {})).toThrow();
});
