// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ruleset } from './foreign-rules.ts';

describe('ruleset', () => {
  it('has so many different rules, and empties the chain at its beginning only', () => {
    const first = ruleset(0, 300);
    const second = ruleset(300, 600);
    const rules = `${first}${second}`.split('\n').filter((line) => line.startsWith('-A '));
    expect(new Set(rules).size).toBe(600);
    expect(first).toContain('\n:LAB-FOREIGN ');
    expect(second).not.toContain(':LAB-FOREIGN ');
    expect(second.endsWith('COMMIT\n')).toBe(true);
  });
});
