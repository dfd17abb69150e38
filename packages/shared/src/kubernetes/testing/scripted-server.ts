// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConnectOptions, KubeClient } from '../client.ts';
import { connect } from '../connect.ts';

/** A request as the scripted server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Answers one request; `index` counts requests from 0. */
export type Script = (
  request: SeenRequest,
  response: http.ServerResponse,
  index: number,
) => void | Promise<void>;

/** A plain HTTP server that answers as the test says: for the behaviour of the wire that no real server shows on demand. */
export interface ScriptedServer {
  readonly port: number;
  readonly requests: readonly SeenRequest[];
  /** A client for this server with the bearer token of {@link setToken}. */
  client(options?: Omit<ConnectOptions, 'kubeconfig'>): Promise<KubeClient>;
  /** Rewrites the token file. */
  setToken(token: string): void;
  /** Cuts every open connection. */
  cutAll(): void;
  close(): Promise<void>;
}

/** Starts a scripted server on the loopback. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const clients: KubeClient[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const seen = {
        method: request.method ?? '',
        url: new URL(request.url ?? '/', 'http://server'),
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      const index = requests.push(seen) - 1;
      Promise.resolve(script(seen, response, index)).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(path.join(tmpdir(), 'scripted-'));
  const setToken = (token: string) => writeFileSync(path.join(folder, 'token'), token);
  setToken('first');
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify(kubeconfigFor(`http://127.0.0.1:${port}`, path.join(folder, 'token'))),
  );
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    requests,
    setToken,
    cutAll,
    async client(options = {}) {
      const client = await connect({ ...options, kubeconfig });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      cutAll();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Answers with JSON. */
export function sendJson(response: http.ServerResponse, body: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Answers with a meta/v1 Status. */
export function sendStatus(response: http.ServerResponse, code: number, reason: string, headers = {}): void {
  sendJson(
    response,
    { kind: 'Status', apiVersion: 'v1', code, reason, message: `${reason} on purpose` },
    code,
    headers,
  );
}

function kubeconfigFor(server: string, tokenFile: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    // Plain HTTP is only accepted together with this switch.
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}
