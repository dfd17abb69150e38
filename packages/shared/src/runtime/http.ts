// SPDX-License-Identifier: Apache-2.0
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
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
 * `/metrics` in the Prometheus text format, and the documents of the caller. Fastify is loaded here and not at the top: it costs about 25 ms of start
 * time, which the caller can spend after the urgent work.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { host, port, health, ready, registry, documents = {}, logger } = options;
  // By its default export: the one that survives when a bundler moves a CommonJS module into a chunk of its own.
  const { default: fastify } = await import('fastify');
  const server = fastify({ logger: false, forceCloseConnections: true });
  const probe = (checks: () => CheckReport) => (_request: unknown, reply: FastifyReply) =>
    answer(reply, checks());
  server.get('/healthz', probe(health));
  server.get('/livez', probe(health));
  server.get('/readyz', probe(ready));
  server.get('/metrics', async (_request, reply) => {
    await reply.type(registry.contentType).send(await registry.metrics());
  });
  for (const [path, read] of Object.entries(documents)) {
    server.get(path, async (_request, reply) => {
      await reply.type('application/json; charset=utf-8').send(JSON.stringify(read()));
    });
  }
  server.setErrorHandler(async (error, request, reply) => {
    logger.error({ err: error, url: request.url }, 'status request failed');
    await reply.code(500).type('text/plain').send('internal error\n');
  });
  await server.listen({ host, port });
  const bound = (server.server.address() as AddressInfo).port;
  logger.info({ host, port: bound }, 'status server listens');
  return { port: bound, close: () => server.close() };
}

function answer(reply: FastifyReply, checks: CheckReport): FastifyReply {
  const failed = checks.some((check) => !check.ok);
  const lines = checks.map(
    ({ name, ok, detail }) => `[${ok ? '+' : '-'}] ${name}${detail ? `: ${detail}` : ''}`,
  );
  lines.push(failed ? 'failed' : 'ok');
  return reply
    .code(failed ? 503 : 200)
    .type('text/plain; charset=utf-8')
    .send(`${lines.join('\n')}\n`);
}
