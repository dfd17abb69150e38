// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type { Server } from 'node:net';
import { closeDescriptor } from '../../system/libc.ts';

/** Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`. */
const BACKLOG = 4_096;

/** Lets a server accept from a bound socket, which is the server's from then on. @throws when the kernel refuses to listen */
export async function listenOn(server: Server, fd: number): Promise<void> {
  try {
    server.listen({ fd }, BACKLOG);
    await once(server, 'listening');
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
