// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { expect, it } from 'vitest';
import { PlaneWatch } from './plane-watch.ts';

it('tells of repairs, looks on after failures, and ends', async () => {
  const clock = new ManualClock();
  const answers = [false, true, new Error('no'), false];
  let looks = 0;
  let repairs = 0;
  const verify = async () => {
    const answer = answers[looks++] ?? false;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const planes = new Map([['data plane', { verify }]]);
  const watch = new PlaneWatch({ planes, onRepair: () => repairs++, clock, logger: silentLogger });
  watch.start();
  await clock.advanceAsync(250);
  expect([looks, repairs]).toEqual([1, 0]);
  await clock.advanceAsync(250);
  expect([looks, repairs]).toEqual([2, 1]);
  await clock.advanceAsync(500);
  expect([looks, repairs]).toEqual([4, 1]);
  watch.stop();
  await clock.advanceAsync(5_000);
  expect(looks).toBe(4);
});
