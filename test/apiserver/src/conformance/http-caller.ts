// SPDX-License-Identifier: Apache-2.0
import { request } from 'node:https';
import type { Json } from '../api/objects.ts';
import type { Caller } from './run.ts';

/** Where a server is and how to be let in. */
export interface HttpCallerOptions {
  readonly url: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly token: string;
}

/** Speaks to a server over HTTPS as a client named `conformance` (the name that managed fields carry). */
export function createHttpCaller({ url, caCertificate, token }: HttpCallerOptions): Caller {
  return {
    call: (method, path, mediaType, body, accept = 'application/json') =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const headers = {
          authorization: `Bearer ${token}`,
          'user-agent': 'conformance/1',
          accept,
          ...(text === undefined
            ? {}
            : // Node frames the body of a DELETE only when told its length.
              { 'content-type': mediaType, 'content-length': Buffer.byteLength(text) }),
        };
        const sent = request(new URL(path, url), { method, headers, ca: caCertificate }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const received = Buffer.concat(chunks).toString('utf8');
            resolve({
              code: response.statusCode ?? 0,
              warnings: warningsOf(response.headers.warning),
              body: jsonOr(received),
            });
          });
        });
        sent.on('error', reject);
        sent.end(text);
      }),
  };
}

/** A body as JSON, or as the text it is: unknown paths are answered with plain text. */
function jsonOr(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** Texts of `Warning: 299 - "text"` headers. */
function warningsOf(header: string | undefined): string[] {
  return [...(header ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map((match) =>
    (match[1] ?? '').replaceAll(/\\(.)/g, '$1'),
  );
}
