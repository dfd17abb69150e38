// SPDX-License-Identifier: Apache-2.0

import { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Console } from './console.ts';

/** docs/install-kind.md, command by command. */
describe('the case study on kind', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ workers: 3 });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  it('goes as it is written, step by step', { timeout: 240_000 }, async () => {
    await new Console({ lab, host: CLIENT }).follow('kind.console');
  });
});
