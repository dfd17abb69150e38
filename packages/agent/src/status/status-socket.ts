// SPDX-License-Identifier: Apache-2.0
import { createServer, get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { StatusReport } from './status-report.ts';

/**
 * Abstract name, so that it needs no writable folder, works under `kubectl exec` in a hardened Pod (the agent's Pod has the
 * host's network namespace), and is gone with its process.
 */
export const STATUS_SOCKET = '\0fairlead-agent-status';
/** Where the report is found, on the socket and on the status server. */
export const STATUS_PATH = '/status';

/** A report is text of a few hundred bytes per address; more than this is something else. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The running end of the socket. */
export interface StatusSocket {
  close(): Promise<void>;
}

/**
 * Serves the report to processes of this node. One that cannot listen is logged and left out: nothing that the agent does
 * for addresses depends on it.
 */
export function serveStatus(
  report: () => StatusReport,
  { logger, path = STATUS_SOCKET }: { readonly logger: Logger; readonly path?: string },
): Promise<StatusSocket> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== STATUS_PATH) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`GET ${STATUS_PATH} is all there is\n`);
      return;
    }
    try {
      const body = JSON.stringify(report());
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    } catch (error) {
      logger.error({ err: error }, 'the status cannot be told');
      response
        .writeHead(500, { 'content-type': 'text/plain' })
        .end('the status cannot be told; see the log\n');
    }
  });
  return new Promise((resolve) => {
    server.on('error', (error) => {
      logger.warn({ err: error }, 'nobody can ask for the status on this node');
      resolve({ close: () => Promise.resolve() });
    });
    server.listen({ path }, () => {
      // It must not keep a finished agent alive.
      server.unref();
      resolve({
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** An agent that cannot be asked, and why. */
export class StatusUnavailableError extends Error {
  override readonly name = 'StatusUnavailableError';
}

/** Whom to ask: a socket of this node, or the status server of an agent (`http://192.0.2.1:2112`). */
export type StatusTarget = { readonly socket: string } | { readonly url: string };

/**
 * Asks an agent for its report.
 *
 * @throws StatusUnavailableError when there is no usable answer within `timeoutMs`.
 */
export async function askStatus(target: StatusTarget, timeoutMs: number): Promise<StatusReport> {
  const where = 'socket' in target ? 'the agent of this node' : target.url;
  let body: string;
  try {
    body = await fetchText(target, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    throw new StatusUnavailableError(`${where} cannot be asked: ${wordsOf(error, timeoutMs)}`);
  }
  try {
    const report: unknown = JSON.parse(body);
    if (isReport(report)) return report;
  } catch {
    // Told below, as for any other answer that is no report.
  }
  throw new StatusUnavailableError(`${where} answered with something that is no status of an agent`);
}

function fetchText(target: StatusTarget, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) response.destroy(new Error(`more than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200).trim()}`));
      });
    };
    if ('socket' in target) {
      const options: RequestOptions = { socketPath: target.socket, path: STATUS_PATH, agent: false, signal };
      httpGet(options, take).on('error', reject);
      return;
    }
    const url = new URL(STATUS_PATH, target.url);
    const get = url.protocol === 'https:' ? httpsGet : httpGet;
    get(url, { agent: false, signal }, take).on('error', reject);
  });
}

function wordsOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED') return 'nobody listens there (is an agent running?)';
  return error.message === '' ? (code ?? error.name) : error.message;
}

function isReport(value: unknown): value is StatusReport {
  if (typeof value !== 'object' || value === null) return false;
  const { node, well, addresses, members } = value as Partial<Record<keyof StatusReport, unknown>>;
  return (
    typeof node === 'string' &&
    typeof well === 'boolean' &&
    Array.isArray(addresses) &&
    Array.isArray(members)
  );
}
