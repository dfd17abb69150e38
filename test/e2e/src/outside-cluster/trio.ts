// SPDX-License-Identifier: Apache-2.0
/** Three hosts outside a cluster, as the seed of the project describes them: a back end on each, and the address before all. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabNetwork } from '@fairlead/test-lab/network/lab-network.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { waitFor } from '@fairlead/test-lab/wait.ts';

const AGENT = fileURLToPath(new URL('../../../../packages/agent/src/main.ts', import.meta.url));
const ECHO = fileURLToPath(new URL('../../../lab/src/workloads/echo.ts', import.meta.url));

/** The hosts' names in the lab; their agents know them as `server1` to `server3`. */
export const HOSTS = ['worker1', 'worker2', 'worker3'] as const;
/** The address that moves. */
export const VIP = '172.18.1.75';
/** Port of the address. */
export const PORT = 6443;
/** Port of the back ends. */
export const BACKEND_PORT = 6444;
const PEER_PORT = 10_000;

/** How {@link Trio.start} differs from the seed's example. */
export interface TrioOptions {
  /** Lines that are put before `loadBalancers`, for instance another engine. */
  readonly more?: string;
  /** Instead of the seed's load balancer; a function gets the network, for the hosts' addresses. */
  readonly loadBalancers?: string | ((trio: Pick<Trio, 'network'>) => string);
}

/** The hosts with their agents, and what disturbs them. */
export class Trio {
  readonly network: LabNetwork;
  readonly #folder: string;
  readonly #options: TrioOptions;
  readonly #agents = new Map<string, LabProcess>();

  private constructor(network: LabNetwork, options: TrioOptions) {
    this.network = network;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'fairlead-trio-'));
  }

  /** Hosts and back ends; the agents come with {@link startAgents}. */
  static async start(options: TrioOptions = {}): Promise<Trio> {
    const trio = new Trio(await LabNetwork.start({ workers: HOSTS.length }), options);
    for (const host of HOSTS) trio.startBackend(host);
    return trio;
  }

  /** Starts the back end of a host. */
  startBackend(host: string): LabProcess {
    const env = { PORT: String(BACKEND_PORT), POD_NAME: host };
    return this.network.spawn(host, [process.execPath, ECHO], { env });
  }

  /** Starts the agents of all hosts, and resolves when all say that they are ready. */
  async startAgents(): Promise<void> {
    await Promise.all(HOSTS.map((host) => this.startAgent(host)));
  }

  /** Starts the agent of one host, with other lines than {@link TrioOptions.more}; resolves when it says that it is ready. */
  async startAgent(host: string, more = this.#options.more): Promise<LabProcess> {
    const file = join(this.#folder, `${host}.yaml`);
    writeFileSync(file, this.configOf(host, more));
    const agent = this.network.spawn(host, [process.execPath, AGENT, 'start', '-c', file], {
      logFile: this.#logOf(host),
    });
    this.#agents.set(host, agent);
    await agent.waitForLine((line) => line.includes('"msg":"ready"'));
    return agent;
  }

  /** The agent of a host. */
  agentOf(host: string): LabProcess {
    const agent = this.#agents.get(host);
    if (agent === undefined) throw new Error(`no agent was started on ${host}`);
    return agent;
  }

  /** Everything the agents of a host have written. */
  log(host: string): string {
    return readFileSync(this.#logOf(host), 'utf8');
  }

  /** The configuration of a host. */
  configOf(host: string, more = this.#options.more): string {
    const peer = (name: string) =>
      `{id: ${serverOf(name)}, address: ${hostOf(this.network.plan, name).ipv4}, port: ${PEER_PORT}}`;
    const others = HOSTS.filter((name) => name !== host);
    return `
localPeer: ${peer(host)}
remotePeers: [${others.map(peer).join(', ')}]
vip: ${VIP}
gratuitousARP: true
singleNode: false
startAsLeader: false
interface: eth0
stateDir: ${join(this.#folder, host)}
${more ?? ''}
loadBalancers:
${this.#balancers()}
`;
  }

  /** The host that answers for the address now, as seen on another host's wire. */
  ownerOf(observer: NeighborObserver): string | undefined {
    const mac = observer.ownerOf(VIP);
    return HOSTS.find((host) => hostOf(this.network.plan, host).mac === mac);
  }

  /** Resolves with the first host that answers. */
  async firstOwner(observer: NeighborObserver): Promise<string> {
    return await waitFor(() => this.ownerOf(observer), { what: `an answer for ${VIP}`, timeoutMs: 20_000 });
  }

  /** One request to the address from the client: the name of the back end, or why there is no answer. */
  async ask(url = `http://${VIP}:${PORT}/ip`): Promise<string> {
    const { code, stdout } = await this.network.exec('client', ['curl', '-gsS', '-m', '2', url]);
    if (code !== 0) return `curl ${code}`;
    return (JSON.parse(stdout) as { pod: string }).pod;
  }

  /** `agent status --json` on a host. */
  async status(host: string): Promise<Readonly<Record<string, unknown>>> {
    const { stdout } = await this.network.exec(host, [process.execPath, AGENT, 'status', '--json']);
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  }

  async stop(): Promise<void> {
    await this.network.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #balancers(): string {
    const { loadBalancers } = this.#options;
    if (loadBalancers === undefined) return this.#seedBalancer();
    return typeof loadBalancers === 'string' ? loadBalancers : loadBalancers(this);
  }

  #seedBalancer(): string {
    const backends = HOSTS.map(
      (host) => `  - port: ${BACKEND_PORT}\n    address: ${hostOf(this.network.plan, host).ipv4}`,
    );
    return [
      '- name: Kubernetes Control Plane',
      '  type: tcp',
      `  port: ${PORT}`,
      '  bindToVip: true',
      '  backends:',
      ...backends,
    ].join('\n');
  }

  #logOf(host: string): string {
    return join(this.#folder, `${host}.log`);
  }
}

/** The name of a host's agent. */
export function serverOf(host: string): string {
  return host.replace('worker', 'server');
}
