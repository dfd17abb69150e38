// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { runChaos } from './run-chaos.ts';

const FAULTS = 15;
/** Any would do; a fixed one makes a failure come back. */
const SEED = 20_261;
const LIMIT_MS = 300_000;

/** A taste of `npm run bench -- chaos`: faults that pass quickly, judged from the client. */
describe('the raft engine', () => {
  it(
    `keeps its promises through ${FAULTS} faults in a row`,
    async () => {
      const report = await runChaos({
        seed: SEED,
        faults: FAULTS,
        engine: 'raft',
        services: 2,
        onlyShort: true,
        say: (line) => console.log(line),
      });
      expect(report.violations).toEqual([]);
      expect(report.leftBehind).toEqual([]);
      expect(report.longestTwoOwnersMs).toBe(0);
      expect(report.outcomes).toHaveLength(FAULTS);
    },
    LIMIT_MS,
  );
});
