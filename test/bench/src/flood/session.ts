// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { podNamespaces } from '@fairlead/test-lab/kubelet/pod-network.ts';
import { inHost } from '@fairlead/test-lab/network/apply.ts';
import { nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { run, runOrThrow } from '@fairlead/test-lab/process/run.ts';
import { Field, type RunningFlood, type Victim } from './field.ts';
import {
  FLOODS,
  type Flood,
  type FloodRounds,
  PHASES,
  type Phase,
  type PhaseResult,
  phaseResult,
} from './figures.ts';
import type { FloodOptions } from './options.ts';

const SERVICE = 'shop';
/** What the Service says while it is protected: the same against both floods. */
const POLICY: Readonly<Record<string, string>> = {
  [ANNOTATION.connectionRatePerSource]: '100 burst 200',
  [ANNOTATION.connectionsPerSource]: '20',
  [ANNOTATION.blockFor]: '60s',
  [ANNOTATION.synProxy]: 'above 1000',
  [ANNOTATION.dropBogusFlags]: 'true',
};
/** The well-behaved client: a request on a new connection every so often, whatever became of the others. */
const REQUEST_MS = 20;
/** After which it gives up. */
const PATIENCE_MS = 1_000;
/** A flood needs a moment to become one. */
const RAMP_MS = 1_000;

/** Plays all rounds in one lab: three phases of each flood, interleaved, so that a slow moment hits all of them. */
export async function playFloods(options: FloodOptions, say: (text: string) => void): Promise<FloodRounds> {
  const cluster = await Cluster.start({
    workers: 2,
    ipv6: false,
    agentEnv: { fairlead_balance: 'nftables', fairlead_engine: 'lease' },
  });
  try {
    await cluster.setPools({ [POOL]: '172.18.0.200-172.18.0.220' });
    await cluster.expose(SERVICE);
    const player = new Player(cluster, await Field.prepare(cluster.lab), options, say);
    return await player.play();
  } finally {
    await cluster.stop();
  }
}

class Player {
  readonly #cluster: Cluster;
  readonly #field: Field;
  readonly #options: FloodOptions;
  readonly #say: (text: string) => void;

  constructor(cluster: Cluster, field: Field, options: FloodOptions, say: (text: string) => void) {
    this.#cluster = cluster;
    this.#field = field;
    this.#options = options;
    this.#say = say;
  }

  async play(): Promise<FloodRounds> {
    const results = new Map<string, PhaseResult[]>();
    for (let round = 1; round <= this.#options.rounds; round += 1) {
      for (const flood of FLOODS) {
        for (const phase of PHASES) {
          const result = await this.#phase(flood, phase);
          const list = results.get(`${flood} ${phase}`) ?? [];
          results.set(`${flood} ${phase}`, [...list, result]);
          this.#say(`round ${round}, ${flood}, ${phase}: ${describe(result)}`);
        }
      }
    }
    const of = (flood: Flood) => {
      const rounds = (phase: Phase) => results.get(`${flood} ${phase}`) ?? [];
      return {
        undisturbed: rounds('undisturbed'),
        unprotected: rounds('unprotected'),
        protected: rounds('protected'),
      };
    };
    return { synFlood: of('synFlood'), httpFlood: of('httpFlood') };
  }

  async #phase(flood: Flood, phase: Phase): Promise<PhaseResult> {
    const address = await this.#cluster.addressOf(SERVICE);
    const owner = await this.#protect(phase === 'protected');
    const victim: Victim =
      phase === 'undisturbed' ? this.#field.sink : { address, mac: owner, servers: [`${address}:80`] };
    await this.#forgetConnections();
    const running = await this.#begin(flood, victim);
    let offered: number;
    const { lab } = this.#cluster;
    await sleep(RAMP_MS);
    const client = await lab.probeTcp({
      target: `${address}:80`,
      intervalMs: REQUEST_MS,
      timeoutMs: PATIENCE_MS,
    });
    try {
      await sleep(this.#options.seconds * 1_000);
    } finally {
      offered = await running.stop();
    }
    return phaseResult(await client.stop(), PATIENCE_MS, offered);
  }

  async #begin(flood: Flood, victim: Victim): Promise<RunningFlood> {
    const { synsPerSecond, connections } = this.#options;
    return flood === 'synFlood'
      ? await this.#field.synFlood(victim, synsPerSecond)
      : await this.#field.httpFlood(victim, connections);
  }

  /** Annotates the Service, waits until its owner follows, and names the owner by its MAC. */
  async #protect(isWanted: boolean): Promise<string> {
    const { lab } = this.#cluster;
    const words = Object.entries(POLICY).map(([name, value]) => (isWanted ? `${name}=${value}` : `${name}-`));
    const { code, stderr } = await lab.kubectl(['annotate', '--overwrite', 'service', SERVICE, ...words]);
    if (code !== 0) throw new Error(`kubectl annotate: ${stderr}`);
    const nodes = nodesOf(lab.plan).filter(({ role }) => role === 'worker');
    await lab.waitFor(
      async () => {
        const tables = await Promise.all(nodes.map(({ name }) => lab.exec(name, ['nft', 'list', 'tables'])));
        return tables.every(({ stdout }) => stdout.includes('fairlead_protection') === isWanted);
      },
      { what: `all nodes to be ${isWanted ? '' : 'un'}protected`, timeoutMs: 30_000 },
    );
    return await this.#ownerMac();
  }

  async #ownerMac(): Promise<string> {
    const { lab } = this.#cluster;
    const address = await this.#cluster.addressOf(SERVICE);
    const argv = ['sh', '-c', `ping -c 1 -W 2 ${address} >&2; ip -json neigh show ${address}`];
    return await lab.waitFor(
      async () => {
        const { stdout } = await lab.exec('client', argv);
        const [entry] = JSON.parse(stdout || '[]') as { lladdr?: string }[];
        return entry?.lladdr;
      },
      { what: `an owner of ${address}`, timeoutMs: 30_000 },
    );
  }

  /**
   * What the last flood has left would disturb the next: in connection tracking, and thousands of half-open connections in each pod,
   * which for a minute refuse every client that gets the port of one.
   */
  async #forgetConnections(): Promise<void> {
    const { lab } = this.#cluster;
    for (const { name } of nodesOf(lab.plan)) {
      await runOrThrow(inHost(name, ['conntrack', '-F']));
      for (const pod of podNamespaces(`${name}-`))
        await runOrThrow(inHost(pod, ['ss', '-K', '-tn', 'state', 'syn-recv']));
    }
    const address = await this.#cluster.addressOf(SERVICE);
    await lab.waitFor(
      async () => {
        const curl = ['curl', '-fsS', '-m', '2', `http://${address}/`];
        return (await run(inHost('client', curl))).code === 0;
      },
      { what: 'the Service to answer', timeoutMs: 60_000 },
    );
  }
}

function describe({ successRate, p99Ms, offeredPerSecond }: PhaseResult): string {
  return `${(successRate * 100).toFixed(1)} % succeeded, p99 ${p99Ms.toFixed(1)} ms, offered ${offeredPerSecond.toFixed(0)} /s`;
}
