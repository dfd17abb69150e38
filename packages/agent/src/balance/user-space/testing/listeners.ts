// SPDX-License-Identifier: Apache-2.0
import {
  DEFAULT_PROXY_OPTIONS,
  type ProxyListener,
  type ProxyOptions,
  type ProxyTarget,
} from '../listener.ts';

/** A target of weight 1, but for what `parts` says. Its id is `host:port`. */
export function targetOf(host: string, port: number, parts: Partial<ProxyTarget> = {}): ProxyTarget {
  return { id: `${host}:${port}`, host, port, weight: 1, ...parts };
}

/** A TCP listener by round robin, but for what `parts` and `options` say. */
export function listenerOf(
  targets: readonly ProxyTarget[],
  parts: Partial<Omit<ProxyListener, 'options'>> = {},
  options: Partial<ProxyOptions> = {},
): ProxyListener {
  return {
    id: 'under test',
    service: 'default/echo',
    mode: 'tcp',
    address: '127.0.0.1',
    port: 80,
    targets,
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    options: { ...DEFAULT_PROXY_OPTIONS, ...options },
    ...parts,
  };
}
