// SPDX-License-Identifier: Apache-2.0

import { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Console } from './console.ts';

/** The README with Docker: deploy/kind/up.sh and down.sh. */
describe('deploy/kind', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ workers: 3 });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  it('goes up, up again, and down', { timeout: 240_000 }, async () => {
    await new Console({ lab, host: CLIENT }).follow('newcomer.console');
  });
});
