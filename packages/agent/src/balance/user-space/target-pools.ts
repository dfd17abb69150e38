// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import { buildConnector, Pool } from 'undici';
import type { ProxyOptions, ProxyTarget } from './listener.ts';

/** Connections to HTTP targets that are kept for the next request. */
export class TargetPools {
  /** By the target's id. */
  readonly #pools = new Map<string, Pool>();
  #options: ProxyOptions;

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** The connections to this target. */
  of(target: ProxyTarget): Pool {
    const known = this.#pools.get(target.id);
    if (known !== undefined) return known;
    const pool = new Pool(originOf(target), {
      connect: connectorOf(target, this.#options),
      // One request at a time on each connection: what one client asks must not hold up another.
      allowH2: false,
      headersTimeout: this.#options.answerTimeoutMs,
      // An answer may take its time once it has begun: a watch, a log that is followed.
      bodyTimeout: 0,
    });
    this.#pools.set(target.id, pool);
    return pool;
  }

  /** Options and targets that hold from now on. Requests that run go on. */
  update(options: ProxyOptions, targets: readonly ProxyTarget[]): void {
    const isSame = JSON.stringify(options) === JSON.stringify(this.#options);
    this.#options = options;
    const ids = new Set(targets.map(({ id }) => id));
    for (const [id, pool] of this.#pools) {
      if (isSame && ids.has(id)) continue;
      this.#pools.delete(id);
      closeWhenDone(pool);
    }
  }

  /** Ends what still runs. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }
}

function closeWhenDone(pool: Pool): void {
  pool.close(() => undefined);
}

function originOf({ host, port, http }: ProxyTarget): string {
  return `${http?.scheme ?? 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The certificate has to be that of the target, whatever host a client asks for. */
function connectorOf(target: ProxyTarget, options: ProxyOptions): buildConnector.connector {
  const connector = buildConnector({
    allowH2: false,
    timeout: options.connectTimeoutMs,
    rejectUnauthorized: options.verifyTargets,
    ...(options.authorities === undefined ? {} : { ca: options.authorities }),
    noDelay: true,
  });
  return (request, callback) => {
    const { servername: _asked, ...rest } = request;
    connector(isIP(target.host) === 0 ? { ...rest, servername: target.host } : rest, callback);
  };
}
