// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../api/objects.ts';
import { StatusError } from '../api/status.ts';
import type { User } from '../auth/user.ts';

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly user: User;
  /** Adds a `Warning:` header; must be called before the answer. */
  warn(text: string): void;
}

/** Name for managedFields when a request names none: the first word of the user agent, as the real server does. */
export function fieldManagerOf(exchange: Exchange): string {
  const named = exchange.url.searchParams.get('fieldManager');
  if (named !== null && named !== '') return named;
  const agent = exchange.request.headers['user-agent'] ?? '';
  return (agent.split('/')[0] ?? '').split(' ')[0] || 'unknown';
}

/** Collects warnings for an exchange. */
export function createWarner(response: ServerResponse): (text: string) => void {
  const warnings = new Set<string>();
  return (text) => {
    warnings.add(`299 - ${JSON.stringify(text)}`);
    if (!response.headersSent) response.setHeader('Warning', [...warnings]);
  };
}

/** Answers with a JSON value. */
export function sendJson(exchange: Exchange, code: number, value: JsonObject): void {
  sendText(exchange, code, JSON.stringify(value));
}

/** Answers with ready-made JSON text, indented when the request asks for `pretty`. */
export function sendText(exchange: Exchange, code: number, text: string): void {
  const pretty = exchange.url.searchParams.get('pretty');
  const body = pretty !== null && pretty !== '0' && pretty !== 'false' ? indent(text) : text;
  sendBody(exchange.response, code, 'application/json', body);
}

/** Answers with a body of any type. */
export function sendBody(response: ServerResponse, code: number, type: string, body: string | Buffer): void {
  response.writeHead(code, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, private',
  });
  // Text goes out in one piece with the head, bytes would not.
  response.end(body);
}

/** Answers with the Status of an error; anything that is no StatusError becomes a 500 with its message. */
export function sendError(response: ServerResponse, error: unknown): void {
  const status =
    error instanceof StatusError
      ? error
      : new StatusError(500, 'InternalError', error instanceof Error ? error.message : String(error));
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter !== undefined) response.setHeader('Retry-After', String(retryAfter));
  sendBody(response, status.code, 'application/json', JSON.stringify(status.toStatus()));
}

function indent(text: string): string {
  return JSON.stringify(JSON.parse(text), null, 2);
}
