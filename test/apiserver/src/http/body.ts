// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { Json } from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';

/** The limit of the real API server for a request body, in bytes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Reads a request body. Throws 413 above {@link MAX_BODY_BYTES}. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += buffer.length;
    if (length > MAX_BODY_BYTES) {
      throw new StatusError(
        413,
        'RequestEntityTooLarge',
        `Request entity too large: limit is ${MAX_BODY_BYTES}`,
      );
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

/** The media type of a body without parameters; JSON when none is named, as the real one assumes. */
export function contentType(request: IncomingMessage): string {
  const header = request.headers['content-type'] ?? 'application/json';
  return (header.split(';')[0] ?? '').trim().toLowerCase();
}

/** Parses a JSON body; `what` names the expected kind in the 400. */
export function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${what}): couldn't get version/kind; json parse error: ${why}`,
    );
  }
}
