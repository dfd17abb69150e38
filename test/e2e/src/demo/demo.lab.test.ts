// SPDX-License-Identifier: Apache-2.0
import { Lab } from '@fairlead/test-lab/lab.ts';
import { describe, expect, it } from 'vitest';
import { Narrator } from '../narrator.ts';
import { judgeDemo } from './report.ts';
import { runDemo } from './run-demo.ts';

describe('the demo', () => {
  it.each(['raft', 'lease'] as const)('keeps every promise it prints (%s)', async (engine) => {
    const told: string[] = [];
    const lab = await Lab.start({ workers: 3 });
    try {
      const report = await runDemo(lab, new Narrator({ write: (text) => told.push(text) }), engine);
      const broken = judgeDemo(report, 3).filter(({ good }) => !good);
      expect(broken, told.join('')).toEqual([]);
    } catch (error) {
      throw new Error(`${told.join('')}\n${lab.components.tails()}`, { cause: error });
    } finally {
      await lab.stop();
    }
  });
});
