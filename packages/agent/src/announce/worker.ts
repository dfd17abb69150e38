// SPDX-License-Identifier: Apache-2.0
/**
 * Entry of the announcing thread. It owns the packet sockets and the grants, and is the only part of the agent that
 * sends frames. Runs from source (`worker.ts`) and as a bundle of its own beside the agent's (`worker.js`).
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { AnnounceLoop } from './announce-loop.ts';
import type { ToWorker, WorkerSetup } from './worker-protocol.ts';

/** Runs the loop until the main thread says stop. */
function run(port: MessagePort, setup: WorkerSetup): void {
  const loop = new AnnounceLoop(setup, (message) => port.postMessage(message));
  const step = (): void => {
    for (;;) {
      const received = receiveMessageOnPort(port) as { readonly message: ToWorker } | undefined;
      if (received === undefined) break;
      if (loop.handle(received.message) === 'stop') {
        port.close();
        return;
      }
    }
    loop.turn();
    // Back to the event loop between two waits, so that the thread can be ended from outside.
    setImmediate(step);
  };
  step();
}

if (parentPort === null) throw new Error('worker.ts is the entry of a thread and cannot be run by itself');
run(parentPort, workerData as WorkerSetup);
