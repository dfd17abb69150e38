// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import type { HealthCheck, HealthTarget, StatusRange } from '../balance/health/health-check.ts';
import type { ControlPlaneSettings, OwnHealthCheck } from '../config/control-plane-settings.ts';
import type { ApiServerNode } from './api-servers.ts';

/** No name of a node has a slash. */
const OWN_ID = 'own/api-server';
const LOOPBACK = '127.0.0.1';

/** An API server that lets nobody in without a name says so instead of how it is; it answers, and no more can be known. */
const ANSWERS: readonly StatusRange[] = [
  [200, 299],
  [401, 401],
  [403, 403],
];

/** Not ready while it starts or ends, and while it has no etcd to speak to. */
const READY_PATH = '/readyz';
const OWN_INTERVAL_MS = 500;
/** An etcd that elects a leader keeps an API server from answering for a second or so, and no other one would be better. */
const TIMEOUT_MS = 1_500;
const RISE = 2;
const FALL = 2;

/** What is asked about the API server of this node: by its loopback address, so neither routes nor the address matter. Pure. */
export function ownTarget(settings: Pick<ControlPlaneSettings, 'port'>): HealthTarget {
  return { id: OWN_ID, address: LOOPBACK, port: settings.port, check: readyCheck(OWN_INTERVAL_MS) };
}

/**
 * The same by the operator's own URL. Pure.
 *
 * @param address of the URL's host
 * @param ca PEM, in place of `caFile`
 */
export function customTarget(
  { url, periodMs, timeoutMs, failureThreshold }: OwnHealthCheck,
  address: string,
  ca: string | undefined,
): HealthTarget {
  const isHttps = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (isHttps ? 443 : 80) : Number(url.port);
  const probe = {
    kind: isHttps ? 'https' : 'http',
    path: `${url.pathname}${url.search}`,
    host: isIP(host) === 0 ? host : undefined,
    statuses: [[200, 200]],
    ...(ca === undefined ? {} : { tls: { ca } }),
  } as const;
  const check = { probe, intervalMs: periodMs, timeoutMs, rise: 1, fall: failureThreshold };
  return { id: OWN_ID, address, port, check };
}

/** What is asked about the API server of another node; undefined without an address of it. Pure. */
export function otherTarget(
  { node, addresses }: ApiServerNode,
  { port, backendIntervalMs }: Pick<ControlPlaneSettings, 'port' | 'backendIntervalMs'>,
): HealthTarget | undefined {
  const [address] = addresses;
  return address === undefined
    ? undefined
    : { id: node, address, port, check: readyCheck(backendIntervalMs) };
}

/** Certificates are not looked at, as in the kubelet's probes: clients look for themselves, and nothing secret is sent. */
function readyCheck(intervalMs: number): Omit<HealthCheck, 'port'> {
  const probe = { kind: 'https', path: READY_PATH, host: undefined, statuses: ANSWERS } as const;
  return { probe, intervalMs, timeoutMs: TIMEOUT_MS, rise: RISE, fall: FALL };
}
