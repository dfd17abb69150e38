// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import type { ProbeOutcome } from './health-check.ts';

/** Where a probe goes. */
export interface ProbePlace {
  /** Canonical text of an address. */
  readonly host: string;
  readonly port: number;
  /** Port to come from; undefined: any. */
  readonly localPort?: number | undefined;
}

/**
 * Connects and hangs up. The end is a reset: nothing is left behind on either side, however often it is done.
 *
 * @throws the error of the connection, or the reason of `signal`
 */
export function probeTcp(place: ProbePlace, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...placeOptions(place), signal });
    socket.once('connect', () => {
      resolve({ ok: true, detail: 'connected' });
      socket.resetAndDestroy();
    });
    // Stays: what comes after the end must not bring the process down.
    socket.on('error', reject);
  });
}

/** As `node:net` and `node:http` want it. */
export function placeOptions({ host, port, localPort }: ProbePlace) {
  return localPort === undefined ? { host, port } : { host, port, localPort };
}
