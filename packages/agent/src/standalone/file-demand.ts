// SPDX-License-Identifier: Apache-2.0
import type { StandaloneConfig } from './config/standalone-config.ts';
import { type Demand, type DemandSource, groupOf } from './demand.ts';

/** Where the file says nothing of a name. */
const VIP = 'vip';

/** What a configuration file asks for: always the same. */
export function fileDemand(config: Pick<StandaloneConfig, 'vips' | 'peers' | 'balancers'>): DemandSource {
  const { vips, peers, balancers } = config;
  const demand: Demand = {
    groups: groupOf(VIP, vips),
    entries: balancers,
    services: [
      { key: VIP, addresses: vips },
      ...balancers.map(({ name, addresses = [] }) => ({ key: name, addresses })),
    ],
    hosts: new Map(peers.map(({ name, address }) => [name, address])),
    problems: new Map(),
  };
  return { current: () => demand, onChange: () => () => undefined };
}
