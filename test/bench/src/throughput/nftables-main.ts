// SPDX-License-Identifier: Apache-2.0
/**
 * Our nftables plane on a node as its agent would drive it, for one Service with policy Cluster: `nftables-main.ts JSON`, with
 * {@link NodePart}. Says `ready` when the kernel has it; its end changes nothing there.
 */

import { withDirectReturn } from '@fairlead/agent/balance/dsr/direct-return.ts';
import type { Forwarding, Frontend } from '@fairlead/agent/balance/model/frontend.ts';
import { createNftBalancer } from '@fairlead/agent/balance/nft/nft-balancer.ts';
import type { Surroundings } from '@fairlead/agent/balance/surroundings.ts';
import { listLinks } from '@fairlead/agent/system/links.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { FRONT_PORT } from './rival-config.ts';
import type { BenchPod } from './site.ts';

/** What a node has to know. */
export interface NodePart {
  readonly node: string;
  /** Name of a node -> its address. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly address: string;
  readonly forwarding: Forwarding;
  readonly pods: readonly BenchPod[];
}

const { node, nodes, address, forwarding, pods } = JSON.parse(process.argv[2] ?? '') as NodePart;
const frontend: Frontend = {
  id: `tcp/${FRONT_PORT}/${address}`,
  service: 'default/bench',
  family: 4,
  address,
  protocol: 'tcp',
  port: FRONT_PORT,
  backends: pods.map((pod) => ({ ...pod, weight: 1 })),
  scheduler: 'roundRobin',
  affinitySeconds: undefined,
  forwarding,
  masquerade: true,
};
const surroundings: Surroundings = {
  node,
  links: await listLinks(),
  linkOf: () => 'eth0',
  addressesOf: (name) => [nodes[name] ?? ''],
};
const model = { frontends: new Map([[frontend.id, frontend]]), problems: new Map() };
const balancer = await createNftBalancer({ logger: silentLogger });
await balancer.apply(withDirectReturn(model, surroundings));
process.stdout.write('ready\n');
// Until somebody ends it.
setInterval(() => undefined, 60_000);
