// SPDX-License-Identifier: Apache-2.0
import type { Backend, BalanceModel, Frontend } from '../model/frontend.ts';

/** A back end as tests write it: `10.244.1.2` or `fd00::2`, of weight 1 on no known node. */
export function backendOf(address: string, port = 8080, parts: Partial<Backend> = {}): Backend {
  return { address, port, weight: 1, node: undefined, ...parts };
}

/** A TCP front end on port 80 with round robin and NAT, but for what `parts` says. */
export function frontendOf(
  address: string,
  backends: readonly Backend[],
  parts: Partial<Frontend> = {},
): Frontend {
  const { protocol = 'tcp', port = 80 } = parts;
  return {
    id: `${protocol}/${port}/${address}`,
    service: 'default/echo',
    family: address.includes(':') ? 6 : 4,
    address,
    protocol,
    port,
    backends,
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding: 'nat',
    masquerade: true,
    ...parts,
  };
}

/** A model of these front ends, without problems. */
export function modelOf(...frontends: readonly Frontend[]): BalanceModel {
  return { frontends: new Map(frontends.map((each) => [each.id, each])), problems: new Map() };
}
