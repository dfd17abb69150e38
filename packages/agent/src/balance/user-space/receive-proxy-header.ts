// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import { type ProxyHeader, readProxyHeader } from './proxy-protocol.ts';

/** Who is behind a header has sent it with the first packet; whoever takes longer has none. */
const HEADER_TIMEOUT_MS = 3_000;

/**
 * Reads the PROXY header with which a connection begins, and leaves the socket paused with everything after it still to be read.
 *
 * @param socket paused
 * @param done called once; undefined: there was none in time, or the connection broke
 */
export function receiveProxyHeader(socket: Socket, done: (header: ProxyHeader | undefined) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const finish = (header: ProxyHeader | undefined): void => {
    socket.pause();
    socket.setTimeout(0);
    socket.off('data', read).off('end', giveUp).off('close', giveUp).off('timeout', giveUp);
    socket.off('error', giveUp);
    if (header !== undefined && bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    done(header);
  };
  const giveUp = (): void => finish(undefined);
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header !== undefined) finish(header.ok ? header.value : undefined);
  };
  socket.on('data', read).on('end', giveUp).on('close', giveUp).on('error', giveUp);
  socket.setTimeout(HEADER_TIMEOUT_MS, giveUp);
  socket.resume();
}
