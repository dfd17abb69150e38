// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { parseDemoOptions } from './options.ts';

it('runs raft unless told otherwise', () => {
  expect(parseDemoOptions([])).toEqual({ json: false, keep: false, help: false, engine: 'raft' });
  expect(parseDemoOptions(['--engine', 'lease', '--json'])).toMatchObject({ engine: 'lease', json: true });
  expect(() => parseDemoOptions(['--engine', 'magic'])).toThrow('--engine magic: expected raft or lease');
});
