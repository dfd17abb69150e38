// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthenticator } from './auth/authenticator.ts';
import { ALWAYS_ALLOW, createRbacAuthorizer } from './auth/rbac.ts';
import { createServiceAccountTokens } from './auth/service-account-tokens.ts';
import { ADMIN_GROUP, type TokenUser } from './auth/user.ts';
import { bootstrapCluster } from './bootstrap.ts';
import { Faults } from './faults/faults.ts';
import { Listener } from './faults/listener.ts';
import { WatchStreams } from './handlers/watch-stream.ts';
import { dispatch, type RequestRecord } from './http/dispatcher.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { createPki, type Pki } from './pki.ts';
import { resource } from './resources/catalog.ts';
import type { Cluster } from './resources/cluster.ts';
import type { HistoryLimits } from './store/history.ts';
import { DEFAULT_HISTORY, Store } from './store/store.ts';
import { createRules } from './strategies/rules.ts';

/** Options of {@link createApiServer}; every one has a default that suits a test. */
export interface ApiServerOptions {
  /** Address to listen on; `127.0.0.1`. */
  readonly host?: string;
  /** 0 (default) picks a free port. */
  readonly port?: number;
  /** Further names and addresses for the server certificate. */
  readonly hosts?: readonly string[];
  /** Address clients are told (kubeconfig, the `kubernetes` Service); `host` unless that is a wildcard. */
  readonly advertiseAddress?: string;
  /** Keys and certificates, kept when there; a temporary folder, removed at the end, when absent. */
  readonly pkiDir?: string;
  /** Who may come in; one admin named `admin` in `system:masters` when absent. */
  readonly tokens?: readonly TokenUser[];
  /** One range per family, the default family first. */
  readonly serviceCidrs?: readonly string[];
  readonly nodePorts?: readonly [number, number];
  /** `rbac` (default), or everything allowed. */
  readonly authorization?: 'rbac' | 'always-allow';
  /** How much history is kept before it is compacted. */
  readonly history?: Partial<HistoryLimits>;
  /** Seed of fault injection. */
  readonly seed?: number;
  /** Wall clock. */
  readonly now?: () => Date;
  /** Uniform in [0, 1); for generated names and allocation. */
  readonly random?: () => number;
  /** Told of every request. */
  readonly onRequest?: (record: RequestRecord) => void;
  /** Told of every answer, with its status code. */
  readonly onResponse?: (record: RequestRecord, code: number) => void;
}

/** A running API server. */
export interface ApiServerHandle {
  /** `https://host:port`. */
  readonly url: string;
  readonly port: number;
  /** PEM. */
  readonly caCertificate: string;
  readonly pki: Pki;
  readonly store: Store;
  readonly cluster: Cluster;
  readonly faults: Faults;
  /** Kubeconfig text for a user of the token list. Throws for one that is not in it. */
  kubeconfig(user?: string): string;
  /** The bearer token of a user of the token list. */
  token(user?: string): string;
  close(): Promise<void>;
}

const ADMIN: TokenUser = { token: 'fairlead-admin', name: 'admin', uid: 'admin', groups: [ADMIN_GROUP] };

/** Idle connections are kept longer than clients keep theirs, so that no request meets a socket just closed. */
const KEEP_ALIVE_MS = 300_000;

/** Starts an API server with an empty cluster (the usual namespaces, roles and the `kubernetes` Service). */
export async function createApiServer(options: ApiServerOptions = {}): Promise<ApiServerHandle> {
  const host = options.host ?? '127.0.0.1';
  const address = options.advertiseAddress ?? (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);
  const tokens = options.tokens ?? [ADMIN];
  const temporaryDir =
    options.pkiDir === undefined ? await mkdtemp(join(tmpdir(), 'fairlead-pki-')) : undefined;
  const directory = options.pkiDir ?? temporaryDir ?? '';
  const pki = await createPki({ directory, hosts: [address, ...(options.hosts ?? [])] });
  const cluster = createCluster(options);
  const serviceAccounts = createServiceAccountTokens(
    await readFile(pki.serviceAccountKeyFile, 'utf8'),
    (plural, namespace, name) =>
      cluster.store.collection(resource('', plural).storage).get(`${namespace}/${name}`)?.object.metadata.uid,
    () => cluster.now(),
  );
  const watches = new WatchStreams();
  const https = createServer({
    key: await readFile(pki.serverKeyFile),
    cert: await readFile(pki.serverCertificateFile),
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0,
  });
  const listener = new Listener((socket) => https.emit('connection', socket));
  const faults = new Faults({ store: cluster.store, watches, listener, seed: options.seed ?? 1 });
  const context = {
    cluster,
    watches,
    faults,
    tokens: serviceAccounts,
    authenticator: createAuthenticator(tokens, serviceAccounts),
    authorizer: options.authorization === 'always-allow' ? ALWAYS_ALLOW : createRbacAuthorizer(cluster.store),
    onRequest: options.onRequest,
    onResponse: options.onResponse,
  };
  https.on('request', (request, response) => void dispatch(context, request, response));
  await listener.listen(host, options.port ?? 0);
  bootstrapCluster(cluster, { address, port: listener.port, serviceCidrs: serviceCidrsOf(options) });

  const url = `https://${address.includes(':') ? `[${address}]` : address}:${listener.port}`;
  const tokenOf = (name: string): string => {
    const found = tokens.find((user) => user.name === name);
    if (found !== undefined) return found.token;
    throw new Error(
      `no user ${JSON.stringify(name)}: the token list has ${tokens.map((user) => user.name).join(', ')}`,
    );
  };
  const first = tokens[0]?.name ?? ADMIN.name;
  return {
    url,
    port: listener.port,
    caCertificate: pki.caCertificate,
    pki,
    store: cluster.store,
    cluster,
    faults,
    token: (user = first) => tokenOf(user),
    kubeconfig: (user = first) =>
      renderKubeconfig({ server: url, caCertificate: pki.caCertificate, user, token: tokenOf(user) }),
    close: async () => {
      faults.dispose();
      await listener.close();
      if (temporaryDir !== undefined) await rm(temporaryDir, { recursive: true, force: true });
    },
  };
}

function serviceCidrsOf(options: ApiServerOptions): readonly string[] {
  return options.serviceCidrs ?? ['10.96.0.0/16', 'fd00:10:96::/112'];
}

function createCluster(options: ApiServerOptions): Cluster {
  const now = options.now ?? (() => new Date());
  const random = options.random ?? Math.random;
  const rules = createRules({
    serviceCidrs: serviceCidrsOf(options),
    ...(options.nodePorts ? { nodePorts: options.nodePorts } : {}),
    random,
  });
  return {
    store: new Store({ ...DEFAULT_HISTORY, ...options.history }, () => now().getTime()),
    strategies: rules.strategies,
    allocators: rules.allocators,
    now,
    uuid: randomUUID,
    random,
  };
}
