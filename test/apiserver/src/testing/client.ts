// SPDX-License-Identifier: Apache-2.0
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isJsonObject, type JsonObject } from '../api/objects.ts';
import type { ApiServerHandle } from '../server.ts';

/** An answer with its parsed body (`{}` when it is no JSON object). */
export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: JsonObject;
}

/** What a request carries besides method and path. */
export interface RequestOptions {
  readonly body?: unknown;
  /** Media type of the body; JSON. */
  readonly type?: string;
  readonly accept?: string;
  /** `null`: no credentials. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One event of a watch. */
export interface WatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** An open watch that collects what comes. */
export interface WatchReader {
  readonly events: readonly WatchEvent[];
  /** Resolves with the events once there are `count` of them; rejects when the watch ends before. */
  atLeast(count: number): Promise<readonly WatchEvent[]>;
  /** Resolves when the server ended or cut the watch: true for an orderly end. */
  readonly ended: Promise<boolean>;
  stop(): void;
}

/** A small HTTPS client for tests, which shows exactly what is on the wire. */
export interface TestClient {
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  get(path: string, options?: RequestOptions): Promise<Answer>;
  post(path: string, body: unknown, options?: RequestOptions): Promise<Answer>;
  put(path: string, body: unknown, options?: RequestOptions): Promise<Answer>;
  /** `type` without `application/`, e.g. `merge-patch+json`. */
  patch(path: string, type: string, body: unknown, options?: RequestOptions): Promise<Answer>;
  remove(path: string, body?: unknown): Promise<Answer>;
  watch(path: string, options?: RequestOptions): Promise<WatchReader>;
  close(): void;
}

/** A client with the admin's token (or another). */
export function createTestClient(server: ApiServerHandle, token = server.token()): TestClient {
  const agent = new Agent({ ca: server.caCertificate, keepAlive: true });
  const open = (method: string, path: string, options: RequestOptions): Promise<IncomingMessage> => {
    const credentials = options.token === undefined ? token : options.token;
    const body =
      options.body === undefined || Buffer.isBuffer(options.body) || typeof options.body === 'string'
        ? options.body
        : JSON.stringify(options.body);
    const headers = {
      ...(credentials === null ? {} : { Authorization: `Bearer ${credentials}` }),
      ...(options.accept === undefined ? {} : { Accept: options.accept }),
      ...(body === undefined
        ? {}
        : {
            'Content-Type': options.type ?? 'application/json',
            // Node frames the body of a DELETE only when told its length.
            'Content-Length': Buffer.byteLength(body),
          }),
      'User-Agent': 'test/1.0',
      ...options.headers,
    };
    const make = server.url.startsWith('https:') ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = make(`${server.url}${path}`, { method, agent, headers }, resolve);
      sent.on('error', reject);
      sent.end(body);
    });
  };
  const send = async (method: string, path: string, options: RequestOptions = {}): Promise<Answer> => {
    const response = await open(method, path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    return { code: response.statusCode ?? 0, headers: response.headers, text, body: parse(text) };
  };
  return {
    send,
    get: (path, options) => send('GET', path, options),
    post: (path, body, options) => send('POST', path, { ...options, body }),
    put: (path, body, options) => send('PUT', path, { ...options, body }),
    patch: (path, type, body, options) =>
      send('PATCH', path, { ...options, body, type: `application/${type}` }),
    remove: (path, body) => send('DELETE', path, body === undefined ? {} : { body }),
    watch: async (path, options = {}) => readWatch(await open('GET', path, options)),
    close: () => agent.destroy(),
  };
}

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function readWatch(response: IncomingMessage): WatchReader {
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  let isOver = false;
  let rest = '';
  const wake = () => {
    for (const check of [...waiting]) check();
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.push(JSON.parse(line) as WatchEvent);
    wake();
  });
  const ended = new Promise<boolean>((resolve) => {
    response.on('error', () => undefined);
    response.on('close', () => {
      isOver = true;
      resolve(response.complete);
      wake();
    });
  });
  return {
    events,
    ended,
    atLeast: (count) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (events.length < count && !isOver) return;
          waiting.delete(check);
          if (events.length >= count) resolve(events);
          else reject(new Error(`the watch ended with ${events.length} of ${count} events`));
        };
        waiting.add(check);
        check();
      }),
    stop: () => response.destroy(),
  };
}
