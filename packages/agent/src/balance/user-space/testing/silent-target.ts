// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { ProxyTarget } from '../listener.ts';
import { targetOf } from './listeners.ts';
import { freshAddress } from './loopback.ts';

/** Listens and never accepts: its thread sleeps. */
const PROGRAM = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const server = createServer().listen({ port: 0, host: workerData, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
`;
/** More than the queue of the listening socket holds. */
const FILLERS = 2;

/** A target whose queue is full, so that the kernel answers nobody any more: as if it were not there at all. */
export async function silentTarget(): Promise<{ readonly target: ProxyTarget; end(): Promise<void> }> {
  const address = freshAddress();
  const worker = new Worker(PROGRAM, { eval: true, workerData: address });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers: Socket[] = [];
  for (let filler = 0; filler < FILLERS; filler += 1) {
    const socket = connect(port, address);
    socket.on('error', () => undefined);
    fillers.push(socket);
    await once(socket, 'connect');
  }
  const end = async () => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  };
  return { target: targetOf(address, port), end };
}
