// SPDX-License-Identifier: Apache-2.0
import {
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from '@fairlead/shared/runtime/http.ts';

/** Where to listen; an empty host means every address of the node. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/**
 * Starts a status server on each address. One that cannot listen is logged and left out: metrics are not worth an
 * address. Go's `:2112` means both families, and so does an empty host here.
 */
export async function startStatusServers(
  listens: readonly Listen[],
  options: Omit<StatusServerOptions, 'host' | 'port'>,
): Promise<readonly StatusServer[]> {
  const servers: StatusServer[] = [];
  for (const { host, port } of listens) {
    try {
      servers.push(await listen(host === '' ? ['::', '0.0.0.0'] : [host], port, options));
    } catch (error) {
      options.logger.error({ err: error, host, port }, 'status server cannot listen');
    }
  }
  return servers;
}

/** Kernels without IPv6 refuse `::`. */
const NO_IPV6: readonly string[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

async function listen(
  hosts: readonly string[],
  port: number,
  options: Omit<StatusServerOptions, 'host' | 'port'>,
): Promise<StatusServer> {
  const [host = '', ...others] = hosts;
  try {
    return await startStatusServer({ ...options, host, port });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (others.length === 0 || !NO_IPV6.includes(code)) throw error;
    return listen(others, port, options);
  }
}
