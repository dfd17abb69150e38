// SPDX-License-Identifier: Apache-2.0
/** One thread of the simulation: takes orders, does the runs, answers with what came of them. */
import { parentPort } from 'node:worker_threads';
import { type BatchOrder, runBatch } from './batch.ts';

const port = parentPort;
if (port === null)
  throw new Error('this is the program of a worker thread; start it with `npm run bench -- simulate`');
port.on('message', (order: BatchOrder) => port.postMessage(runBatch(order)));
