// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { WatchEvent } from './client.ts';
import { ApiError, NetworkError, ProtocolError } from './errors.ts';
import type { KubeObject } from './objects.ts';

/** Cuts text that arrives in pieces into lines; what follows the last line break waits for more. */
export class LineSplitter {
  #rest = '';

  /** The lines completed by `chunk`, without empty ones. */
  push(chunk: string): string[] {
    const pieces = (this.#rest + chunk).split('\n');
    this.#rest = pieces.pop() ?? '';
    return pieces.filter((line) => line.trim() !== '');
  }

  /** The unfinished line. */
  get rest(): string {
    return this.#rest;
  }
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

/**
 * One line of a watch.
 *
 * @throws ApiError for an event of type ERROR (code 410: the version is too old)
 * @throws ProtocolError for anything that is no event
 */
export function parseWatchLine<T extends KubeObject>(line: string): WatchEvent<T> {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw new ProtocolError(`watch: expected a JSON event, received ${excerpt(line)}`, error);
  }
  const object = event?.object;
  if (typeof object !== 'object' || object === null) {
    throw new ProtocolError(`watch: expected an event with an object, received ${excerpt(line)}`);
  }
  if (event.type === 'ERROR') throw statusToError(object);
  if (!TYPES.has(event.type)) {
    throw new ProtocolError(
      `watch: expected ADDED, MODIFIED, DELETED or BOOKMARK, received ${excerpt(line)}`,
    );
  }
  const metadata = (object as KubeObject).metadata;
  if (!metadata?.resourceVersion || (event.type !== 'BOOKMARK' && !metadata.name)) {
    throw new ProtocolError(`watch: expected an object with a name and a version, received ${excerpt(line)}`);
  }
  return event as WatchEvent<T>;
}

/** A meta/v1 Status as an error; `statusCode` is used when the body has no code of its own. */
export function statusToError(body: unknown, statusCode = 500, retryAfterMs?: number): ApiError {
  const status = (typeof body === 'object' && body !== null ? body : {}) as {
    code?: number;
    reason?: string;
    message?: string;
    details?: { retryAfterSeconds?: number };
  };
  const seconds = status.details?.retryAfterSeconds;
  const code = status.code || statusCode;
  return new ApiError(
    code,
    status.reason ?? '',
    status.message ?? `the server answered ${code}`,
    retryAfterMs ?? (seconds ? seconds * 1000 : undefined),
  );
}

/**
 * The events of an answer to a watch request, until the server ends it.
 *
 * @throws NetworkError when the connection is cut before the end
 */
export async function* readEvents<T extends KubeObject>(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const abort = () => response.destroy();
  signal.addEventListener('abort', abort);
  const lines = new LineSplitter();
  try {
    signal.throwIfAborted();
    response.setEncoding('utf8');
    for await (const chunk of response) {
      for (const line of lines.push(chunk as string)) yield parseWatchLine<T>(line);
    }
    signal.throwIfAborted();
    if (lines.rest.trim() !== '') {
      throw new ProtocolError(`watch: the server ended within an event: ${excerpt(lines.rest)}`);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError || error instanceof ProtocolError) throw error;
    throw new NetworkError('body', false, `watch was cut: ${String(error)}`, error);
  } finally {
    signal.removeEventListener('abort', abort);
    response.destroy();
  }
}

function excerpt(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
