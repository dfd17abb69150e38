// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { NodeLockHeldError, takeNodeLock } from './node-lock.ts';

test('one holder at a time, named by its process id, and free again after a release', async () => {
  const name = `fairlead-lock-test-${process.pid}`;
  const lock = await takeNodeLock({ name });
  const second = takeNodeLock({ name });
  await expect(second).rejects.toThrow(NodeLockHeldError);
  await expect(second).rejects.toMatchObject({ holderPid: process.pid });
  await expect(second).rejects.toThrow(`process ${process.pid}`);
  await lock.release();
  await (await takeNodeLock({ name })).release();
});
