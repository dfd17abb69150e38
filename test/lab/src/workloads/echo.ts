// SPDX-License-Identifier: Apache-2.0
/**
 * The echo application of the case study: names the pod that answered, so that a client can count answers per pod.
 *
 *     PORT=80 node echo.ts
 *
 * GET /             one line of text: pod, client source address, node
 * GET /ip           the same as JSON: {"pod", "client", "node", "address"}
 * GET /served      how many GET / it has answered, as a number
 * GET /healthz      200 while ready, 503 while not: the readiness probe
 * POST /unready     /healthz fails from now on; requests are still served
 * POST /ready       /healthz succeeds again
 * Every answer has the pod in its header X-Pod, for load generators that show no bodies.
 * UDP, same port    each datagram comes back with "<pod> " in front
 *
 * No dependencies and no framework: a fresh pod should answer within the start time of the runtime.
 */
import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';

/** What the app says about itself; filled from the environment, a parameter for tests. */
export interface EchoIdentity {
  readonly pod: string;
  readonly node: string;
}

/** Settings of {@link startEcho}. */
export interface EchoOptions {
  readonly port: number;
  readonly identity: EchoIdentity;
  /**
   * How long a terminating app goes on accepting. Balancers learn about a terminating pod up to about a second late;
   * closing the listener at once would turn that second into refused connections.
   */
  readonly drainMs: number;
}

/** A running echo app. */
export interface EchoHandle {
  readonly port: number;
  /** Serves on for `drainMs` (answers carry `Connection: close`), then refuses, then waits for requests in flight. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
}

/** `::ffff:192.0.2.1`, as a dual-stack socket names an IPv4 peer, becomes `192.0.2.1`. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

/** Starts the HTTP and UDP servers on all addresses of both families; rejects when the port is taken. */
export async function startEcho(options: EchoOptions): Promise<EchoHandle> {
  const state = { ready: true, draining: false, served: 0 };
  const server = createServer((request, response) => answer(request, response, state, options.identity));
  server.keepAliveTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: '::', backlog: 4096 }, resolve);
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  const stopUdp = await startUdpEcho(port, options.identity.pod);
  const close = async () => {
    stopUdp();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  };
  return {
    port,
    drain: async () => {
      state.draining = true;
      await new Promise((resolve) => setTimeout(resolve, options.drainMs));
      await close();
    },
    close: async () => {
      const closed = close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  state: { ready: boolean; readonly draining: boolean; served: number },
  identity: EchoIdentity,
): void {
  const path = (request.url ?? '/').split('?', 1)[0];
  const client = plainAddress(request.socket.remoteAddress);
  response.setHeader('X-Pod', identity.pod);
  if (state.draining) response.setHeader('Connection', 'close');
  if (request.method === 'POST' && (path === '/ready' || path === '/unready')) {
    state.ready = path === '/ready';
    send(response, 200, 'text/plain', `${identity.pod} ${state.ready ? 'ready' : 'unready'}\n`);
  } else if (path === '/healthz') {
    send(response, state.ready ? 200 : 503, 'text/plain', state.ready ? 'ok\n' : 'unready\n');
  } else if (path === '/ip') {
    const address = plainAddress(request.socket.localAddress);
    const body = JSON.stringify({ pod: identity.pod, client, node: identity.node, address });
    send(response, 200, 'application/json', `${body}\n`);
  } else if (path === '/served') {
    send(response, 200, 'text/plain', `${state.served}\n`);
  } else if (path === '/') {
    state.served += 1;
    send(response, 200, 'text/plain', `pod=${identity.pod} client=${client} node=${identity.node}\n`);
  } else {
    send(
      response,
      404,
      'text/plain',
      `no page ${path}; there are /, /ip, /served, /healthz, /ready and /unready\n`,
    );
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

async function startUdpEcho(port: number, pod: string): Promise<() => void> {
  const socket = createSocket({ type: 'udp6', ipv6Only: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, '::', () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (error) => console.error(`echo: UDP socket: ${error.message}`));
  socket.on('message', (message, peer) => {
    socket.send(Buffer.concat([Buffer.from(`${pod} `), message]), peer.port, peer.address);
  });
  return () => socket.close();
}

/** Reads the environment (`PORT`, `POD_NAME`, `NODE_NAME`, `DRAIN_MS`), serves, ends after SIGTERM and a drain. */
async function main(): Promise<void> {
  const environment = process.env;
  const echo = await startEcho({
    port: Number(environment.PORT ?? 80),
    identity: {
      pod: environment.POD_NAME ?? hostname(),
      node: environment.NODE_NAME ?? environment.LAB_NODE_NAME ?? '',
    },
    drainMs: Number(environment.DRAIN_MS ?? 1_500),
  });
  console.log(`echo: serving on port ${echo.port}`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      echo.drain().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
}

if (import.meta.main) await main();
