// SPDX-License-Identifier: Apache-2.0
/** How each case is set up: what begins before a run and is gone after it, so that no case pays for another one's rules. */
import { fileURLToPath } from 'node:url';
import { type Surroundings, withDirectReturn } from '@fairlead/agent/balance/dsr/direct-return.ts';
import { dsrLayer } from '@fairlead/agent/balance/dsr/dsr-layer.ts';
import type { BalanceModel, Forwarding, Frontend } from '@fairlead/agent/balance/model/frontend.ts';
import { natLayer } from '@fairlead/agent/balance/nft/nat-layer.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import type { CaseName } from './figures.ts';
import { FRONT_PORT, handwrittenRules, haproxyConfig, nginxStreamConfig } from './rival-config.ts';
import { BALANCER, POD_NODES, type Site, VIP } from './site.ts';

/** A case that stands. */
export interface StandingCase {
  readonly url: string;
  /** What runs, to tell why it does not. */
  readonly program?: LabProcess;
  end(): Promise<void>;
}

type Setup = (site: Site) => StandingCase | Promise<StandingCase>;

/** Sets a case up. */
export async function beginCase(name: CaseName, site: Site): Promise<StandingCase> {
  const standing = await SETUPS[name](site);
  await site.untilAnswered(standing.url, standing.program);
  return standing;
}

const SETUPS: Readonly<Record<CaseName, Setup>> = {
  direct: (site) => ({ url: site.directUrl, end: () => Promise.resolve() }),
  plainForwarding: (site) => ({ url: site.forwardedUrl, end: () => Promise.resolve() }),
  handwrittenNftables: async (site) => {
    await site.nft(BALANCER, handwrittenRules(VIP, site.pods));
    return rules(site);
  },
  nat: (site) => ours(site, 'nat', [BALANCER]),
  // The nodes with pods have their part in it.
  dsr: (site) => ours(site, 'dsr', [BALANCER, ...POD_NODES]),
  haproxy: (site) =>
    program(site, site.startConfigured(['haproxy', '-db', '-f'], haproxyConfig(VIP, site.pods))),
  nginxStream: (site) =>
    program(site, site.startConfigured(['nginx', '-c'], nginxStreamConfig(VIP, site.pods, site.directory))),
  userspace: (site) => {
    const main = fileURLToPath(new URL('./user-space-main.ts', import.meta.url));
    const targets = site.pods.map(({ address, port }) => `${address}:${port}`);
    const argv = [process.execPath, main, VIP, String(FRONT_PORT), ...targets];
    return program(site, site.network.spawn(BALANCER, argv));
  },
};

function rules(site: Site): StandingCase {
  return { url: site.frontUrl, end: () => site.clear() };
}

function program(site: Site, running: LabProcess): StandingCase {
  return {
    url: site.frontUrl,
    program: running,
    end: async () => {
      await running.stop();
    },
  };
}

/** What the agents of these nodes would write for a Service with policy Cluster and a pod on each of the pods' nodes. */
async function ours(site: Site, forwarding: Forwarding, nodes: readonly string[]): Promise<StandingCase> {
  const model = modelOf(site, forwarding);
  for (const node of nodes) {
    const seen = withDirectReturn(model, await surroundingsOf(site, node));
    await site.nft(node, natLayer.renderAll(seen) + dsrLayer.renderAll(seen));
  }
  return rules(site);
}

function modelOf(site: Site, forwarding: Forwarding): BalanceModel {
  const frontend: Frontend = {
    id: `tcp/${FRONT_PORT}/${VIP}`,
    service: 'default/bench',
    family: 4,
    address: VIP,
    protocol: 'tcp',
    port: FRONT_PORT,
    backends: site.pods.map((pod) => ({ ...pod, weight: 1 })),
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding,
    masquerade: true,
  };
  return { frontends: new Map([[frontend.id, frontend]]), problems: new Map() };
}

async function surroundingsOf({ network }: Site, node: string): Promise<Surroundings> {
  const { ipv4 } = hostOf(network.plan, node);
  const { stdout } = await network.exec(node, ['cat', '/sys/class/net/eth0/ifindex']);
  const address = {
    family: 4,
    address: ipv4,
    prefixLength: 16,
    scope: 'global',
    validSeconds: Number.POSITIVE_INFINITY,
    preferredSeconds: Number.POSITIVE_INFINITY,
    tentative: false,
  } as const;
  const link = {
    name: 'eth0',
    index: Number(stdout),
    kind: 'ether',
    isUp: true,
    mtu: 1500,
    addresses: [address],
  } as const;
  return {
    node,
    links: [link],
    linkOf: () => link.name,
    addressesOf: (name) => [hostOf(network.plan, name).ipv4],
  };
}
