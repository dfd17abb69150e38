// SPDX-License-Identifier: Apache-2.0
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './logging.ts';
import type { MetricsRegistry } from './metrics.ts';

/** Outcome of one check behind a probe. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Why it is not ok (or anything worth knowing when it is). */
  readonly detail?: string;
}

/** Outcome of all checks behind one probe; the probe succeeds when every check does. */
export type CheckReport = readonly Check[];

/** What `startStatusServer` needs. */
export interface StatusServerOptions {
  /** Address to listen on; `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** Port; 0 lets the kernel choose. */
  readonly port: number;
  /** Is the process able to work at all? A failing answer makes the kubelet restart it. */
  readonly health: () => CheckReport;
  /** Has it seen what it needs, so that it could do its job now? */
  readonly ready: () => CheckReport;
  readonly registry: MetricsRegistry;
  /** Further pages: path -> what is answered as JSON. */
  readonly documents?: Readonly<Record<string, () => unknown>>;
  readonly logger: Logger;
}

/** The running status server. */
export interface StatusServer {
  /** The port it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/healthz` and `/livez` (health), `/readyz` (readiness), each as one line per check with status 200 or 503,
 * `/metrics` in the Prometheus text format, and the documents of the caller. Probes are answered by Node itself; what serves
 * all else is loaded when somebody asks, as it takes a third of the time from exec to the first answer.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { host, port, health, ready, logger } = options;
  const probes = new Map([
    ['/healthz', health],
    ['/livez', health],
    ['/readyz', ready],
  ]);
  let pages: Promise<RequestListener> | undefined;
  const server = createServer((request, response) => {
    const { url = '', method } = request;
    const fail = (error: unknown): void => {
      logger.error({ err: error, url }, 'status request failed');
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('internal error\n');
    };
    const checks = probes.get(url.split('?', 1)[0] ?? '');
    if (checks === undefined || (method !== 'GET' && method !== 'HEAD')) {
      pages ??= loadPages(options).catch((error: unknown) => {
        // The next one who asks has it tried again.
        pages = undefined;
        throw error;
      });
      pages.then((serve) => serve(request, response)).catch(fail);
      return;
    }
    try {
      answer(response, checks());
    } catch (error) {
      fail(error);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  logger.info({ host, port: bound }, 'status server listens');
  return { port: bound, close: () => closeServer(server) };
}

/** Everything but probes, by a server that does not listen itself. */
async function loadPages({
  registry,
  documents = {},
  logger,
}: StatusServerOptions): Promise<RequestListener> {
  // By its default export: the one that survives when a bundler moves a CommonJS module into a chunk of its own.
  const { default: fastify } = await import('fastify');
  const app = fastify({ logger: false });
  app.get('/metrics', async (_request, reply) => {
    await reply.type(registry.contentType).send(await registry.metrics());
  });
  for (const [path, read] of Object.entries(documents)) {
    app.get(path, async (_request, reply) => {
      await reply.type('application/json; charset=utf-8').send(JSON.stringify(read()));
    });
  }
  app.setErrorHandler(async (error, request, reply) => {
    logger.error({ err: error, url: request.url }, 'status request failed');
    await reply.code(500).type('text/plain').send('internal error\n');
  });
  await app.ready();
  return (request, response) => app.routing(request, response);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function answer(response: ServerResponse, checks: CheckReport): void {
  const failed = checks.some((check) => !check.ok);
  const lines = checks.map(
    ({ name, ok, detail }) => `[${ok ? '+' : '-'}] ${name}${detail ? `: ${detail}` : ''}`,
  );
  lines.push(failed ? 'failed' : 'ok');
  response.writeHead(failed ? 503 : 200, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${lines.join('\n')}\n`);
}
