// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import type { ConnectOptions } from './client.ts';

/** What a TLS connection to the server needs; shapes as in node:tls. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

/** How to enter the cluster now. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Set when the kubeconfig names a proxy: connections must go through this. */
  readonly proxyAgent?: HttpAgent;
}

/** Where the cluster is, and credentials that may change while we run (tokens rotate). */
export interface Access {
  readonly server: string;
  /** Current credentials. `refused`: the last ones got a 401, so read everything again. */
  credentials(refused: boolean): Promise<Credentials>;
}

const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Finds the cluster as kubectl does: the kubeconfig that is named, `KUBECONFIG`, `~/.kube/config`, then the service
 * account of the Pod.
 *
 * @throws Error that says which source was tried and what it lacks
 */
export async function findAccess(options: ConnectOptions): Promise<Access> {
  const inCluster = options.inCluster ?? (options.kubeconfig === undefined && onlyServiceAccount());
  const access = inCluster ? inClusterAccess(options) : await kubeconfigAccess(options);
  return options.serverName === undefined ? access : withServerName(access, options.serverName);
}

function withServerName(access: Access, servername: string): Access {
  return {
    server: access.server,
    async credentials(refused) {
      const credentials = await access.credentials(refused);
      return { ...credentials, tls: { ...credentials.tls, servername } };
    },
  };
}

/** Namespace of the Pod we run in, or undefined outside of one. */
export function podNamespace(): string | undefined {
  const file = path.join(SERVICE_ACCOUNT_DIRECTORY, 'namespace');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function onlyServiceAccount(): boolean {
  return (
    !process.env.KUBECONFIG &&
    !existsSync(path.join(process.env.HOME ?? homedir(), '.kube', 'config')) &&
    existsSync(path.join(SERVICE_ACCOUNT_DIRECTORY, 'token'))
  );
}

/**
 * The service account, read by ourselves: it is two files and two variables, and the official client's configuration
 * costs some 35 MB of memory, which every Pod of ours would pay.
 */
function inClusterAccess(options: ConnectOptions): Access {
  const host = process.env.KUBERNETES_SERVICE_HOST;
  const port = process.env.KUBERNETES_SERVICE_PORT ?? '443';
  if (options.server === undefined && !host) {
    throw new Error(
      'in-cluster configuration: KUBERNETES_SERVICE_HOST is not set, so this is no Pod of a cluster; name a kubeconfig instead',
    );
  }
  const server = options.server ?? `https://${isIPv6(host ?? '') ? `[${host}]` : host}:${port}`;
  return {
    server,
    async credentials() {
      // The kubelet replaces both files some time before they expire, so they are read, never kept.
      const token = readFileSync(path.join(SERVICE_ACCOUNT_DIRECTORY, 'token'), 'utf8').trim();
      const ca = readFileSync(path.join(SERVICE_ACCOUNT_DIRECTORY, 'ca.crt'));
      return { headers: { authorization: `Bearer ${token}` }, tls: { ca } };
    },
  };
}

/** kubeconfig in all its forms (files, exec plugins, OIDC, proxies), through the official client. */
async function kubeconfigAccess(options: ConnectOptions): Promise<Access> {
  const load = async () => {
    const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
    const config = new KubeConfig();
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
    if (options.context !== undefined) config.setCurrentContext(options.context);
    return config;
  };
  const source = options.kubeconfig ?? process.env.KUBECONFIG ?? '~/.kube/config';
  let config = await load();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `kubeconfig ${source}: no cluster for context ${JSON.stringify(config.getCurrentContext() ?? '')}; name one of its contexts: ${config
        .getContexts()
        .map((context) => context.name)
        .join(', ')}`,
    );
  }
  return {
    server: options.server ?? cluster.server,
    async credentials(refused) {
      // A new object forgets cached tokens of files and exec plugins, and sees a kubeconfig that was rewritten.
      if (refused) config = await load();
      const request: RequestOptions = {};
      await config.applyToHTTPSOptions(request);
      return toCredentials(request, config.getCurrentCluster()?.proxyUrl !== undefined);
    },
  };
}

function toCredentials(request: RequestOptions, proxied: boolean): Credentials {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value !== undefined) headers[name.toLowerCase()] = String(value);
  }
  if (request.auth) headers.authorization = `Basic ${Buffer.from(request.auth).toString('base64')}`;
  const tls: Record<string, unknown> = {};
  for (const name of ['ca', 'cert', 'key', 'rejectUnauthorized', 'servername'] as const) {
    if (request[name] !== undefined) tls[name] = request[name];
  }
  const proxyAgent = proxied && request.agent instanceof HttpAgent ? request.agent : undefined;
  return { headers, tls, ...(proxyAgent && { proxyAgent }) };
}
