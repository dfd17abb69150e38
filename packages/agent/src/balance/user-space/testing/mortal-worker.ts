// SPDX-License-Identifier: Apache-2.0
/** The thread of the plane, but one that dies of a listener with the id `deadly`. */
import { parentPort } from 'node:worker_threads';
import type { ToPlane } from '../worker-protocol.ts';

parentPort?.on('message', (message: ToPlane) => {
  const isDeadly = message.type === 'change' && message.put.some(({ id }) => id === 'deadly');
  if (isDeadly) throw new Error('died of a listener');
});
await import('../plane-worker.ts');
