// SPDX-License-Identifier: Apache-2.0
/** How each case is set up: what begins before a run and is gone after it, so that no case pays for another one's rules. */
import { fileURLToPath } from 'node:url';
import type { Forwarding } from '@fairlead/agent/balance/model/frontend.ts';
import { CLIENT, hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import type { CaseName } from './figures.ts';
import type { NodePart } from './nftables-main.ts';
import { FRONT_PORT, handwrittenRules, haproxyConfig, nginxStreamConfig } from './rival-config.ts';
import { BALANCER, POD_NODES, type Site, VIP } from './site.ts';
import { wrkCommand } from './wrk.ts';

/** A case that stands. */
export interface StandingCase {
  readonly url: string;
  /** What runs, to tell why it does not. */
  readonly program?: LabProcess;
  end(): Promise<void>;
}

type Setup = (site: Site) => StandingCase | Promise<StandingCase>;

/** What each case is asked before it is measured. */
const WARM_UP = { seconds: 1, connections: 32, mode: 'perConnection' } as const;

/**
 * Sets a case up, and has it work for a moment: a program that is compiled while it runs is measured as it is for the rest of
 * its life, not in its first second. All are treated alike.
 */
export async function beginCase(name: CaseName, site: Site): Promise<StandingCase> {
  const standing = await SETUPS[name](site);
  await site.untilAnswered(standing.url, standing.program);
  await site.network.exec(CLIENT, wrkCommand({ url: standing.url, ...WARM_UP }));
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

/** What the agents of these nodes do for a Service with policy Cluster and a pod on each of the pods' nodes. */
async function ours(site: Site, forwarding: Forwarding, holders: readonly string[]): Promise<StandingCase> {
  const { network, pods } = site;
  const main = fileURLToPath(new URL('./nftables-main.ts', import.meta.url));
  const nodes = Object.fromEntries(holders.map((name) => [name, hostOf(network.plan, name).ipv4]));
  const planes = holders.map((node) => {
    const part: NodePart = { node, nodes, address: VIP, forwarding, pods };
    return network.spawn(node, [process.execPath, main, JSON.stringify(part)]);
  });
  await Promise.all(planes.map((plane) => plane.waitForLine((line) => line === 'ready')));
  // The rules stay; a program that does nothing more would only be in the way.
  await Promise.all(planes.map((plane) => plane.stop()));
  return rules(site);
}
