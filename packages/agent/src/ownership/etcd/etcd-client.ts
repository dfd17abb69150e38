// SPDX-License-Identifier: Apache-2.0
import { Agent, request } from 'undici';

/** How to reach an etcd. */
export interface EtcdClientOptions {
  /** `https://192.0.2.10:2379`, one of each member. */
  readonly endpoints: readonly string[];
  /** PEM texts. */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  /** Longest wait for an answer; then the next member is asked the next time. */
  readonly timeoutMs: number;
}

/** The value of a key, and the etcd lease it lives by ('0': none). */
export interface EtcdValue {
  readonly value: string;
  readonly lease: string;
}

/** etcd cannot be asked, or has refused. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
}

/**
 * The few calls of etcd's v3 interface that a lock needs, over its JSON gateway (etcd 3.4 and later): no code generated from
 * its protocol files has to be kept up with it. Calls go to one member for as long as it answers.
 */
export class EtcdClient {
  readonly #options: EtcdClientOptions;
  readonly #agent: Agent;
  #turn = 0;

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    const { ca, cert, key } = options.tls ?? {};
    const connect = {
      timeout: options.timeoutMs,
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    };
    this.#agent = new Agent({ connect, connections: 8 });
  }

  /** A new lease, and its time to live as etcd has decided it. */
  async grant(ttlSeconds: number): Promise<{ readonly lease: string; readonly ttlSeconds: number }> {
    const answer = await this.#call('lease/grant', { TTL: String(ttlSeconds) });
    return { lease: textOf(answer, 'ID'), ttlSeconds: Number(textOf(answer, 'TTL')) };
  }

  /** Begins the time to live of a lease anew. Its length; undefined: there is no such lease any more. */
  async keepAlive(lease: string): Promise<number | undefined> {
    const answer = await this.#call('lease/keepalive', { ID: lease });
    const { result } = answer;
    const ttl = isMapping(result) ? Number(result.TTL ?? 0) : 0;
    return ttl > 0 ? ttl : undefined;
  }

  /** Ends a lease, and with it all keys that live by it. */
  async revoke(lease: string): Promise<void> {
    await this.#call('lease/revoke', { ID: lease });
  }

  /** As a majority of the members has it. */
  async get(key: string): Promise<EtcdValue | undefined> {
    const { kvs } = await this.#call('kv/range', { key: base64(key) });
    const first: unknown = Array.isArray(kvs) ? kvs[0] : undefined;
    if (!isMapping(first)) return undefined;
    return {
      value: Buffer.from(String(first.value ?? ''), 'base64').toString(),
      lease: String(first.lease ?? '0'),
    };
  }

  /** Writes the key, living by the lease, unless there is one. False: there is one. */
  async create(key: string, value: string, lease: string): Promise<boolean> {
    const name = base64(key);
    const answer = await this.#call('kv/txn', {
      compare: [{ key: name, target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
      success: [{ request_put: { key: name, value: base64(value), lease } }],
    });
    return answer.succeeded === true;
  }

  /**
   * Calls `onChange` soon after the key has changed, until `signal` is aborted. It may miss changes and call without one.
   * Resolves when the stream has ended, and is rejected when there is none.
   */
  async watch(key: string, onChange: () => void, signal: AbortSignal): Promise<void> {
    const endpoint = this.#endpoint();
    const { statusCode, body } = await request(new URL('/v3/watch', endpoint), {
      dispatcher: this.#agent,
      method: 'POST',
      body: JSON.stringify({ create_request: { key: base64(key) } }),
      headers: { 'content-type': 'application/json' },
      bodyTimeout: 0,
      headersTimeout: this.#options.timeoutMs,
      signal,
    });
    if (statusCode !== 200) throw new EtcdError(`${endpoint} answered ${statusCode} to a watch`);
    for await (const _chunk of body) onChange();
  }

  /** Calls under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #endpoint(): string {
    const { endpoints } = this.#options;
    return endpoints[this.#turn % endpoints.length] ?? '';
  }

  async #call(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    const endpoint = this.#endpoint();
    try {
      const { statusCode, body: answer } = await request(new URL(`/v3/${path}`, endpoint), {
        dispatcher: this.#agent,
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(this.#options.timeoutMs),
      });
      const text = await answer.text();
      if (statusCode !== 200) throw new EtcdError(`it answered ${statusCode}: ${text.slice(0, 200)}`);
      const value: unknown = JSON.parse(text);
      if (!isMapping(value)) throw new EtcdError(`it answered ${text.slice(0, 200)}, which is no object`);
      return value;
    } catch (error) {
      this.#turn++;
      const words = error instanceof Error ? error.message : String(error);
      throw new EtcdError(`etcd at ${endpoint}, ${path}: ${words}`, { cause: error });
    }
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function textOf(answer: Readonly<Record<string, unknown>>, field: string): string {
  const value = answer[field];
  if (typeof value !== 'string') throw new EtcdError(`an answer of etcd without ${field}`);
  return value;
}
