// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';
import { abstractSocketOwner } from './libc.ts';

/** Held by the one agent of a node (more exactly: of a network namespace) for as long as its process lives. */
export interface NodeLock {
  /** Lets another agent start. The kernel does the same when the process ends in any way. */
  release(): Promise<void>;
}

/** Another agent runs in this network namespace. */
export class NodeLockHeldError extends Error {
  /** Process id of the other agent as seen from here; undefined when it lives in another PID namespace. */
  readonly holderPid: number | undefined;

  constructor(holderPid: number | undefined) {
    const who = holderPid === undefined ? 'its process is not visible from here' : `process ${holderPid}`;
    super(
      `another agent already runs in this network namespace (${who}); two agents on one node would both answer ` +
        'for its addresses, so stop that one first',
    );
    this.name = 'NodeLockHeldError';
    this.holderPid = holderPid;
  }
}

/** Name of the abstract unix socket; abstract names belong to the network namespace and vanish with their process. */
const LOCK_NAME = '\0fairlead-agent';

/**
 * Takes the lock that makes sure of one agent per node. Taken before anything else, because everything after it
 * assumes to be alone: the start-up sweep would tear down a living neighbour.
 *
 * @throws NodeLockHeldError when another agent holds it.
 */
export function takeNodeLock(options: { readonly name?: string } = {}): Promise<NodeLock> {
  const path = options.name === undefined ? LOCK_NAME : `\0${options.name}`;
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new NodeLockHeldError(abstractSocketOwner(path)) : error);
    });
    server.listen({ path }, () => {
      // The lock must never be what keeps a finished agent alive.
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
