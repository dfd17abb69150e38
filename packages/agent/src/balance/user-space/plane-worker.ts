// SPDX-License-Identifier: Apache-2.0
/**
 * Entry of the thread in which the user-space plane runs. Runs from source (`plane-worker.ts`) and as a bundle of its own
 * beside the agent's (`plane-worker.js`).
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { ProxySet } from './proxy-set.ts';
import type { FromPlane, ToPlane } from './worker-protocol.ts';

const STATS_INTERVAL_MS = 1_000;

/** Does what the main thread says, one thing after the other. */
function run(port: MessagePort): void {
  const proxies = new ProxySet(systemClock);
  const say = (message: FromPlane): void => port.postMessage(message);
  const stats = setInterval(() => say({ type: 'stats', stats: proxies.stats() }), STATS_INTERVAL_MS);
  let lastTurn: Promise<void> = Promise.resolve();
  port.on('message', (message: ToPlane) => {
    // A rejection ends the thread, as any other error that nobody expected; the main thread begins another.
    lastTurn = lastTurn.then(async () => {
      if (message.type === 'change') {
        const { id, put, gone } = message;
        say({ type: 'done', id, problems: await proxies.change(put, gone) });
        return;
      }
      clearInterval(stats);
      await proxies.stop(message.drainMs);
      say({ type: 'done', id: message.id, problems: [] });
      port.close();
    });
  });
}

if (parentPort === null) {
  throw new Error('plane-worker.ts is the entry of a thread and cannot be run by itself');
}
run(parentPort);
