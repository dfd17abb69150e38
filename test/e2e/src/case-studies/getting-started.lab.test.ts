// SPDX-License-Identifier: Apache-2.0
import { defaultImages } from '@fairlead/test-lab/cluster/images.ts';
import { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Console } from './console.ts';

/** docs/getting-started.md, command by command; the echo application stands in for nginx. */
describe('getting started on a cluster', () => {
  let lab: Lab;

  beforeAll(async () => {
    const nginx = defaultImages()['echo-app'];
    lab = await Lab.start({ workers: 3, images: nginx === undefined ? {} : { nginx } });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  it('goes as it is written', { timeout: 240_000 }, async () => {
    await new Console({ lab, host: CLIENT }).follow('getting-started.console');
  });
});
