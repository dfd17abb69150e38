// SPDX-License-Identifier: Apache-2.0
import { Agent, type RequestOptions, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { HttpProbe, ProbeOutcome } from './health-check.ts';
import { type ProbePlace, placeOptions } from './tcp-probe.ts';

/** Sends one GET. @throws the error of the connection or of the answer, or the reason of `signal`. */
export type SendHttpProbe = (
  place: ProbePlace,
  probe: HttpProbe,
  signal: AbortSignal,
) => Promise<ProbeOutcome>;

/**
 * Makes what sends GETs, each over a connection of its own, as a client's would be: one that is kept open would still
 * be answered by a process that accepts no others.
 */
export function createHttpProbe(): SendHttpProbe {
  const agent = new Agent({ keepAlive: false });
  // Without a session to resume, the certificate is looked at each time.
  const tlsAgent = new TlsAgent({ keepAlive: false, maxCachedSessions: 0 });
  return (place, probe, signal) => {
    const options = { ...requestOptions(place, probe), signal };
    const sent =
      probe.kind === 'http'
        ? request({ ...options, agent })
        : tlsRequest({ ...options, ...tlsOptions(probe), agent: tlsAgent });
    return new Promise((resolve, reject) => {
      sent.once('response', ({ statusCode = 0 }) => {
        resolve(outcomeOf(statusCode, probe));
        // The body is nobody's business, and may be without end.
        sent.destroy();
      });
      // Stays: what comes after the end must not bring the process down.
      sent.on('error', reject);
      sent.end();
    });
  };
}

function requestOptions(place: ProbePlace, { path, host }: HttpProbe): RequestOptions {
  const headers = { 'user-agent': 'fairlead-health-check', ...(host === undefined ? {} : { host }) };
  return { ...placeOptions(place), path, method: 'GET', headers };
}

function tlsOptions({ host, tls }: HttpProbe) {
  const name = tls?.serverName ?? host?.replace(/:\d+$/, '');
  // An address is no server name (RFC 6066); without a name the certificate has to be for the address.
  const servername = name === undefined || isIP(name) !== 0 ? {} : { servername: name };
  if (tls === undefined) return { ...servername, rejectUnauthorized: false };
  const { ca, cert, key } = tls;
  return {
    ...servername,
    ca,
    rejectUnauthorized: true,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function outcomeOf(status: number, { statuses }: HttpProbe): ProbeOutcome {
  const ok = statuses.some(([first, last]) => first <= status && status <= last);
  return { ok, detail: `status ${status}` };
}
