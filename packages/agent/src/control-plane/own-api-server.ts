// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  ApiError,
  type ConnectOptions,
  isForbidden,
  isUnauthorized,
  type KubeClient,
} from '@fairlead/shared/kubernetes/client.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ControlPlaneSettings } from '../config/control-plane-settings.ts';
import type { AgentSettings } from '../config/settings.ts';
import {
  type CertificateNames,
  namesOfOwnServer,
  placeOf,
  type ServerPlace,
  usualPlace,
} from './certificate-names.ts';

/** What {@link connectOnControlPlane} needs. */
export interface OwnApiServerOptions {
  readonly settings: Pick<AgentSettings, 'kubeconfig' | 'apiServer' | 'inCluster'>;
  readonly controlPlane: ControlPlaneSettings;
  readonly userAgent: string;
  readonly connect: (options: ConnectOptions) => Promise<KubeClient>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** For tests. */
  readonly readNames?: (port: number) => Promise<CertificateNames>;
  /** For tests. */
  readonly exists?: (file: string) => boolean;
}

const RETRY_MS = 500;
const PROBE_LIMIT_MS = 3_000;
/** An API server refuses everybody while its etcd member is still learning, and everything until it has read its roles. */
const REFUSAL_MS = 30_000;
/** kubeadm from 1.29 on: admin.conf may do nothing on the first node until `kubeadm init` is nearly done; this one may. */
const BEFORE_INIT = { ordinary: 'admin.conf', early: 'super-admin.conf' } as const;

/**
 * Connects an agent of the control plane to the API, and waits until the API lets it in: it is often there before its API server.
 * A kubeconfig usually names the very address that the agent is to answer for, so the API server of this node is asked
 * instead, unless `kubernetes_addr` says which one. A Pod with a service account goes the cluster's own way, and to this node's
 * API server as long as that leads nowhere: what leads there may itself wait for the address.
 *
 * @throws Error when the kubeconfig cannot be read, or the reason of `signal`
 */
export async function connectOnControlPlane(options: OwnApiServerOptions): Promise<KubeClient> {
  const { clock, signal } = options;
  const teller = new WaitTeller(options.logger);
  const startMs = clock.monotonicMs();
  for (;;) {
    const places = await findPlaces(options, teller);
    const isLate = clock.monotonicMs() - startMs > REFUSAL_MS;
    const client = await firstLetIn(options, places, isLate, teller);
    if (client !== undefined) return client;
    await delay(clock, RETRY_MS, signal);
    signal.throwIfAborted();
  }
}

/** Where an API server may be; `'cluster'`: as the cluster says. */
type Place = ServerPlace | 'cluster';

/** @param isLate what is refused now is refused for good; the agent goes on with what it may do, and says what it may not */
async function firstLetIn(
  options: OwnApiServerOptions,
  places: readonly Place[],
  isLate: boolean,
  teller: WaitTeller,
): Promise<KubeClient | undefined> {
  const { connect, controlPlane, signal } = options;
  let refusing: ConnectOptions | undefined;
  for (const place of places) {
    for (const kubeconfig of kubeconfigs(options)) {
      const access = connectOptions(options, place, kubeconfig);
      const client = await connect(access);
      const refusal = await triedAccess(client, controlPlane, signal);
      if (refusal === undefined) return client;
      teller.tell(refusal, client.server);
      client.close();
      // Where nobody answers, another file does not help.
      if (!isRefused(refusal)) break;
      refusing ??= access;
    }
  }
  return isLate && refusing !== undefined ? await connect(refusing) : undefined;
}

/** In the order in which they are to be tried. None: the certificate cannot be asked yet. */
async function findPlaces(
  { settings, controlPlane, readNames = namesOfOwnServer }: OwnApiServerOptions,
  teller: WaitTeller,
): Promise<readonly Place[]> {
  const { port, addresses, detect } = controlPlane;
  if (settings.apiServer !== undefined) return [{ server: settings.apiServer, serverName: undefined }];
  if (!detect) return settings.inCluster ? ['cluster', usualPlace(port)] : [usualPlace(port)];
  try {
    const names = await readNames(port);
    const place = placeOf(names, port, addresses);
    if (place !== undefined) return [place];
    teller.tell(new Error('its certificate has no name and no address'), `port ${port}`);
  } catch (error) {
    teller.tell(error, `port ${port}`);
  }
  return [];
}

/** Files to try, in this order; undefined stands for the service account. */
function kubeconfigs({
  settings,
  exists = existsSync,
}: OwnApiServerOptions): readonly (string | undefined)[] {
  const { kubeconfig } = settings;
  if (kubeconfig === undefined || basename(kubeconfig) !== BEFORE_INIT.ordinary) return [kubeconfig];
  const early = join(dirname(kubeconfig), BEFORE_INIT.early);
  return exists(early) ? [kubeconfig, early] : [kubeconfig];
}

function connectOptions(
  { settings, userAgent }: OwnApiServerOptions,
  place: Place,
  kubeconfig: string | undefined,
): ConnectOptions {
  const { server, serverName } = place === 'cluster' ? {} : place;
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(server === undefined ? {} : { server }),
    ...(serverName === undefined ? {} : { serverName }),
    inCluster: settings.inCluster,
    userAgent,
  };
}

/** Looks at what is needed in any case. Returns why that was not possible, or undefined. */
async function triedAccess(
  client: KubeClient,
  { lease }: ControlPlaneSettings,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    await client.list(LEASES, { namespace: lease.namespace, limit: 1, timeoutMs: PROBE_LIMIT_MS, signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error ?? new Error('no reason');
  }
}

function isRefused(error: unknown): boolean {
  return isForbidden(error) || isUnauthorized(error);
}

/** Says once for each kind of trouble what is waited for. */
class WaitTeller {
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell(error: unknown, server: string): void {
    const kind = error instanceof ApiError ? `status ${error.statusCode}` : 'no answer';
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    const hint = isRefused(error)
      ? 'on the first node kubeadm needs super-admin.conf beside admin.conf until init is done; elsewhere it passes'
      : 'it passes when the API server of this node works';
    this.#logger.warn({ err: error, server, hint }, 'waiting for access to the API');
  }
}
