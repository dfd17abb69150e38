// SPDX-License-Identifier: Apache-2.0
import { DAEMON_SETS } from '@fairlead/shared/kubernetes/resources.ts';
import { seededRandom } from '@fairlead/test-apiserver/faults/rules.ts';
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { isRolledOut } from '@fairlead/test-e2e/install.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { addColdClient } from './cold-client.ts';
import { type Disturbance, disturbancesOf, LOSSES, type Loss, silentDrop, unplug } from './disturbances.ts';
import { KEEPALIVED_ADDRESS, KeepalivedGroup, type KeepalivedTiming } from './keepalived.ts';
import type { FailoverOptions, Kind } from './options.ts';
import { describeRound, playRound, type RoundPlan, type RoundResult, RoundVoid } from './round.ts';
import { exposeMany, pinBackends } from './services.ts';
import { AGENTS, type SettledGroup, settled } from './settle.ts';
import { isReady, phasesOf, statusOf } from './view.ts';

/** Everything that was measured. */
export interface Session {
  readonly apiServer: string;
  readonly rounds: ReadonlyMap<Kind, readonly RoundResult[]>;
  /** Rounds that were played again because the address had moved before they began. */
  readonly voidRounds: number;
}

/** A few, so that the coordinator's node usually has one, and not only one. */
const ADDRESSES = 6;
const SETTLE_LIMIT_MS = 90_000;
const TAKEOVER_LIMIT_MS = 30_000;
const MOST_VOID_ROUNDS = 20;

const KEEPALIVED: Readonly<Record<'keepalivedDefault' | 'keepalived100ms', KeepalivedTiming>> = {
  keepalivedDefault: { advertInterval: undefined },
  keepalived100ms: { advertInterval: 0.1 },
};

/** Plays all rounds that were asked for, in one lab. */
export async function playAll(options: FailoverOptions, say: (text: string) => void): Promise<Session> {
  const cluster = await Cluster.start({
    workers: 3,
    keepLogs: options.keepLogs,
    agentEnv: { fairlead_engine: options.engine },
    // An agent that ended is started again after a second, as by a real kubelet, and no later for having ended often.
    extraKubeletArgs: ['--restart-backoff-ms', '1000', '--restart-backoff-max-ms', '1000'],
  });
  try {
    const player = new Player(cluster, options, say);
    await player.playOurs();
    await player.playKeepalived();
    return player.session();
  } finally {
    await cluster.stop();
    if (options.keepLogs) say(`logs: ${cluster.lab.logDir}`);
  }
}

type RoundShape = Pick<
  RoundPlan,
  'address' | 'victim' | 'isCoordinator' | 'disturbance' | 'until' | 'explain'
>;

class Player {
  readonly #cluster: Cluster;
  readonly #options: FailoverOptions;
  readonly #say: (text: string) => void;
  readonly #random: () => number;
  readonly #results = new Map<Kind, RoundResult[]>();
  readonly #nodes: readonly string[];
  #backend = '';
  #addresses: readonly string[] = [];
  #voidRounds = 0;

  constructor(cluster: Cluster, options: FailoverOptions, say: (text: string) => void) {
    this.#cluster = cluster;
    this.#options = options;
    this.#say = say;
    this.#random = seededRandom(options.seed);
    this.#nodes = cluster.lab.plan.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  }

  session(): Session {
    return {
      apiServer: this.#cluster.lab.apiServerVersion,
      rounds: this.#results,
      voidRounds: this.#voidRounds,
    };
  }

  /** All kinds in turn, round by round: a slow phase of the machine then hits all of them. */
  async playOurs(): Promise<void> {
    const kinds = (
      ['unplug', 'silentDrop', 'kill', 'freeze', 'coordinator', 'drain', 'rollingRestart'] as const
    ).filter((kind) => this.#options.only.has(kind));
    await addColdClient(this.#cluster.lab);
    await this.#cluster.setPools({ [POOL]: '172.18.0.200-172.18.0.220' });
    this.#backend = await pinBackends(this.#cluster);
    if (kinds.length === 0) return;
    this.#addresses = await exposeMany(this.#cluster, ADDRESSES);
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const kind of kinds) {
        await this.#play(kind, round, async () => {
          const shape = await this.#shape(kind, round);
          return { ...shape, explain: (sinceMs) => this.#explain(shape, sinceMs) };
        });
      }
    }
  }

  /** keepalived's rounds: node losses, by turns with and without loss of carrier. */
  async playKeepalived(): Promise<void> {
    const kinds = (['keepalivedDefault', 'keepalived100ms'] as const).filter((kind) =>
      this.#options.only.has(kind),
    );
    if (kinds.length === 0) return;
    if (!(await KeepalivedGroup.isInstalled())) {
      this.#say('keepalived is not installed: its rounds are left out');
      return;
    }
    await this.#removeAgents();
    const { lab } = this.#cluster;
    for (const kind of kinds) {
      const group = await KeepalivedGroup.start(lab, this.#nodes, this.#backend, KEEPALIVED[kind]);
      for (let round = 0; round < this.#options.rounds; round += 1) {
        await this.#play(kind, round, async () => ({
          address: KEEPALIVED_ADDRESS,
          victim: await group.master(),
          disturbance: round % 2 === 0 ? unplug(lab) : silentDrop(lab),
        }));
      }
      await group.stop();
    }
  }

  async #play(kind: Kind, round: number, shape: () => Promise<RoundShape>): Promise<void> {
    for (;;) {
      try {
        const plan = {
          ...(await shape()),
          lab: this.#cluster.lab,
          random: this.#random,
          takeoverLimitMs: TAKEOVER_LIMIT_MS,
        };
        const result = await playRound(plan);
        this.#say(`${kind} ${round + 1}/${this.#options.rounds}: ${describeRound(result)}`);
        this.#results.set(kind, [...(this.#results.get(kind) ?? []), result]);
        return;
      } catch (error) {
        if (!(error instanceof RoundVoid) || this.#voidRounds >= MOST_VOID_ROUNDS) throw error;
        this.#voidRounds += 1;
        this.#say(`${kind} ${round + 1}: played again, ${error.message}`);
      }
    }
  }

  async #shape(kind: Kind, round: number): Promise<RoundShape> {
    const disturbances = disturbancesOf(this.#cluster);
    if (kind === 'coordinator') {
      const { address, victim } = await this.#ofCoordinator();
      const disturbance = disturbances[LOSSES[round % LOSSES.length] ?? 'unplug'];
      return { address, victim, isCoordinator: true, disturbance };
    }
    const group = await this.#settled();
    const { address, victim } = ownedByOther(group, this.#addresses, round);
    const base = { address, victim, isCoordinator: victim === group.coordinator };
    if (kind === 'rollingRestart') return { ...base, ...this.#rollingRestart() };
    if (kind === 'drain') {
      const before = this.#cluster.agentPids(victim);
      return { ...base, disturbance: disturbances.drain, until: () => this.#agentIsBack(victim, before) };
    }
    return { ...base, disturbance: disturbances[kind as Loss] };
  }

  async #settled(): Promise<SettledGroup> {
    const addresses = this.#addresses;
    return await settled(this.#cluster, { nodes: this.#nodes, addresses, timeoutMs: SETTLE_LIMIT_MS });
  }

  /** An address on the coordinator's node. Where it has none, its agent is restarted: the office goes to another one. */
  async #ofCoordinator(): Promise<{ readonly address: string; readonly victim: string }> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { owners, coordinator } = await this.#settled();
      if (coordinator === undefined) throw new Error('the agents name no coordinator');
      const address = this.#addresses.find((each) => owners.get(each) === coordinator);
      if (address !== undefined) return { address, victim: coordinator };
      const before = this.#cluster.agentPids(coordinator);
      await disturbancesOf(this.#cluster).drain.begin(coordinator);
      await this.#agentIsBack(coordinator, before);
    }
    throw new Error('the coordinator owns no address, whoever it is');
  }

  /** Asks the agents that can be reached; one of them is lost. */
  async #explain({ address, victim }: RoundShape, sinceMs: number): Promise<string | undefined> {
    const others = this.#nodes.filter((node) => node !== victim);
    const reports = await Promise.allSettled(others.map((node) => statusOf(this.#cluster.lab, node)));
    const told = reports.flatMap((report) => (report.status === 'fulfilled' ? [report.value] : []));
    return phasesOf(told, address, sinceMs);
  }

  #rollingRestart(): { readonly disturbance: Disturbance; readonly until: () => Promise<void> } {
    const { lab, client } = this.#cluster;
    return {
      disturbance: {
        begin: async () => {
          const startedMs = monotonicMs();
          const { code, stderr } = await lab.kubectl([
            ...['rollout', 'restart', `daemonset/${AGENTS.name}`],
            ...['-n', AGENTS.namespace],
          ]);
          if (code !== 0) throw new Error(`kubectl rollout restart: ${stderr}`);
          return startedMs;
        },
        end: async () => undefined,
      },
      until: async () => {
        await lab.waitFor(async () => isRolledOut(await client.get(DAEMON_SETS, AGENTS)), {
          what: 'the end of the rolling restart',
          timeoutMs: SETTLE_LIMIT_MS,
        });
      },
    };
  }

  /** Waits until the agent that ran there has ended and its successor is ready. */
  async #agentIsBack(node: string, before: readonly number[]): Promise<void> {
    const { lab } = this.#cluster;
    await lab.waitFor(() => this.#cluster.agentPids(node).every((pid) => !before.includes(pid)), {
      what: `the agent on ${node} to end`,
      intervalMs: 20,
    });
    await lab.waitFor(() => isReady(lab, node), { what: `the agent on ${node} to be ready again` });
  }

  async #removeAgents(): Promise<void> {
    const { client, lab } = this.#cluster;
    await client.remove(DAEMON_SETS, AGENTS);
    await lab.waitFor(() => this.#nodes.every((node) => this.#cluster.agentPids(node).length === 0), {
      what: 'the agents to end',
    });
  }
}

/** An address and its owner, another address each round; one whose owner does not coordinate, if there is one. Pure. */
export function ownedByOther(
  { owners, coordinator }: SettledGroup,
  addresses: readonly string[],
  round: number,
): { readonly address: string; readonly victim: string } {
  const elsewhere = addresses.filter((address) => owners.get(address) !== coordinator);
  const choice = elsewhere.length > 0 ? elsewhere : addresses;
  const address = choice[round % choice.length] ?? '';
  const victim = owners.get(address);
  if (victim === undefined) throw new Error(`nobody owns ${address}`);
  return { address, victim };
}
