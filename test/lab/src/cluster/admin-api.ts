// SPDX-License-Identifier: Apache-2.0
import { request } from 'node:https';

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * The few questions the lab itself has for the API server: is it there, which version, who is ready. Plain HTTPS with
 * a connection of its own each time, so that nothing is remembered across faults and restarts.
 */
export class AdminApi {
  readonly #url: string;
  readonly #token: string;
  readonly #authority: string;

  constructor(options: { readonly url: string; readonly token: string; readonly caCertificate: string }) {
    this.#url = options.url;
    this.#token = options.token;
    this.#authority = options.caCertificate;
  }

  /** One request; rejects when there is no answer within 5 s. Bodies are sent as JSON. */
  send(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#url}${path}`, {
        method,
        ca: this.#authority,
        agent: false,
        timeout: 5_000,
        headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      });
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`no answer from ${this.#url}${path} within 5 s`)),
      );
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on('error', reject);
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** GET of a JSON document; rejects unless the status is 200. The caller knows its shape. */
  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.send('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: status ${status}, expected 200: ${body}`);
    return JSON.parse(body) as T;
  }
}
