// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { createLogger, levelFromSlog } from './logging.ts';

test('a line is one JSON object with time, level and name, and without secrets', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'agent', level: 'info', destination });
  logger.debug('not this');
  logger.warn({ reason: 'PoolExhausted', token: 'secret' }, 'no address left');
  expect(lines).toHaveLength(1);
  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  expect(rest).toEqual({
    level: 'warn',
    name: 'agent',
    reason: 'PoolExhausted',
    token: '[Redacted]',
    msg: 'no address left',
  });
  expect(Date.parse(time)).toBeGreaterThan(0);
});

test("the peers' numeric levels mean ours", () => {
  expect([-8, -4, -1, 0, 3, 4, 8, 12].map(levelFromSlog)).toEqual([
    'trace',
    'debug',
    'debug',
    'info',
    'info',
    'warn',
    'error',
    'error',
  ]);
});
