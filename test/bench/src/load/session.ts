// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { agentStatus } from '@fairlead/test-e2e/agent-status.ts';
import { Cluster, POOL } from '@fairlead/test-e2e/fixture.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { podNamespaces } from '@fairlead/test-lab/kubelet/pod-network.ts';
import { inHost } from '@fairlead/test-lab/network/apply.ts';
import { CLIENT, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import { runOrThrow } from '@fairlead/test-lab/process/run.ts';
import { parseWrk, wrkCommand } from '../throughput/wrk.ts';
import { type AbResult, abCommand, isHalfWay, parseAb } from './ab.ts';
import { DEATHS, type Death, type LoadRecord, RUNS, type RunName } from './figures.ts';
import type { LoadOptions, Plane } from './options.ts';
import { measureProbes } from './probe-cost.ts';

const PODS = 3;
const DEPLOYMENT = 'deployment/echo-app-deployment';
/** Same pods behind both; one has them checked. */
const CHECKED = 'checked';
const UNCHECKED = 'unchecked';
const CHECK = { [ANNOTATION.healthCheck]: 'http', [ANNOTATION.healthCheckPath]: '/ip' } as const;
const PLANE_SETTINGS: Readonly<Record<Plane, Readonly<Record<string, string>>>> = {
  nftables: { fairlead_balance: 'nftables' },
  dsr: { fairlead_balance: 'nftables', fairlead_forwarding: 'dsr' },
  ipvs: { fairlead_balance: 'ipvs' },
  userspace: { fairlead_balance: 'userspace' },
};
/** A request for each death: often enough to see it to a few milliseconds. */
const PROBE_MS = 5;
const PATIENCE_MS = 1_000;
/** Before and after a death. */
const BEFORE_MS = 1_000;
const AFTER_MS = 2_500;
const RUN_LIMIT_MS = 120_000;
/** Without it the kubelet finds out that a pod is dead, and Kubernetes calls it unready. */
const NO_READINESS_PROBE = [
  { op: 'remove', path: '/spec/template/spec/containers/0/readinessProbe' },
] as const;
const TABLE = 'inet dead';
/** A run in which a pod is killed. */
const KILL_SECONDS = 6;

/** Plays everything in one lab. */
export async function playLoad(options: LoadOptions, say: (text: string) => void): Promise<LoadRecord> {
  const probes = { tcp: await measureProbes('tcp'), http: await measureProbes('http') };
  const cluster = await Cluster.start({
    workers: 3,
    ipv6: false,
    agentEnv: PLANE_SETTINGS[options.plane],
  });
  try {
    await cluster.setPools({ [POOL]: '172.18.0.200-172.18.0.220' });
    await cluster.expose(CHECKED, {}, CHECK);
    await cluster.expose(UNCHECKED);
    const player = new Player(cluster, options, say);
    const { runs, served } = await player.playRuns();
    const deaths = await player.playDeaths();
    return { runs, served, deaths, probes, concurrency: options.concurrency };
  } finally {
    await cluster.stop();
  }
}

class Player {
  readonly #cluster: Cluster;
  readonly #options: LoadOptions;
  readonly #say: (text: string) => void;

  constructor(cluster: Cluster, options: LoadOptions, say: (text: string) => void) {
    this.#cluster = cluster;
    this.#options = options;
    this.#say = say;
  }

  /** All rounds, the kinds of runs interleaved, so that a slow moment hits all of them. */
  async playRuns(): Promise<Pick<LoadRecord, 'runs' | 'served'>> {
    const runs: Record<RunName, AbResult[]> = {
      undisturbed: [],
      deleted: [],
      killed: [],
      killedUnchecked: [],
    };
    const served: (readonly number[])[] = [];
    for (let round = 1; round <= this.#options.rounds; round += 1) {
      for (const name of RUNS) {
        const pods = await this.#settled();
        const before = await this.#served(pods);
        const isKill = name === 'killed' || name === 'killedUnchecked';
        const result = isKill ? await this.#runWithKill(name, pods) : await this.#run(name, pods);
        runs[name].push(result);
        if (name === 'undisturbed') {
          const after = await this.#served(pods);
          served.push(after.map((count, index) => count - (before[index] ?? 0)));
        }
        const { failed, requestsPerSecond, worstMs } = result;
        this.#say(
          `round ${round}, ${name}: ${failed} failed at ${Math.round(requestsPerSecond)} /s, longest ${worstMs} ms`,
        );
      }
    }
    return { runs, served };
  }

  async #run(name: 'undisturbed' | 'deleted', [pod]: readonly Pod[]): Promise<AbResult> {
    const { requests, concurrency } = this.#options;
    const { lab } = this.#cluster;
    const address = await this.#cluster.addressOf(CHECKED);
    const ab = lab.spawn(CLIENT, abCommand({ url: `http://${address}/`, requests, concurrency }));
    const limit = setTimeout(() => ab.kill('SIGKILL'), RUN_LIMIT_MS);
    try {
      await ab.waitForLine((line) => isHalfWay(line, requests), RUN_LIMIT_MS);
      if (name === 'deleted') {
        const podName = pod?.metadata?.name ?? '';
        const { code, stderr } = await lab.kubectl(['delete', 'pod', podName, '--wait=false']);
        if (code !== 0) throw new Error(`kubectl delete pod ${podName}: ${stderr}`);
      }
      await ab.exited;
    } finally {
      clearTimeout(limit);
    }
    return parseAb(ab.stdout, { requests });
  }

  /** As many clients at once, by wrk: ab gives up after ten connections that end as soon as they have begun. */
  async #runWithKill(name: 'killed' | 'killedUnchecked', [pod]: readonly Pod[]): Promise<AbResult> {
    const { concurrency: connections } = this.#options;
    const { lab } = this.#cluster;
    const address = await this.#cluster.addressOf(name === 'killed' ? CHECKED : UNCHECKED);
    const run = { url: `http://${address}/`, seconds: KILL_SECONDS, connections } as const;
    const wrk = lab.spawn(CLIENT, wrkCommand({ ...run, mode: 'perConnection' }));
    const limit = setTimeout(() => wrk.kill('SIGKILL'), RUN_LIMIT_MS);
    try {
      await sleep((KILL_SECONDS * 1_000) / 2);
      await lab.killPod({ name: pod?.metadata?.name ?? '' });
      await wrk.exited;
    } finally {
      clearTimeout(limit);
    }
    const { requests, failures: failed, requestsPerSecond, p99Ms, worstMs } = parseWrk(wrk.stdout.join('\n'));
    return { requests, failed, requestsPerSecond, p99Ms, worstMs };
  }

  /** So often a pod dies in each way, while the client asks all the time. */
  async playDeaths(): Promise<LoadRecord['deaths']> {
    const { stage } = this.#cluster;
    await stage.kubectl(['patch', DEPLOYMENT, '--type=json', '-p', JSON.stringify(NO_READINESS_PROBE)]);
    await stage.kubectl(['rollout', 'status', DEPLOYMENT, '--timeout=60s']);
    const deaths: Record<Death, number[]> = { refusing: [], mute: [], hanging: [] };
    for (let round = 1; round <= this.#options.deaths; round += 1) {
      for (const death of DEATHS) {
        const lastMs = await this.#die(death);
        deaths[death].push(lastMs);
        this.#say(`death ${round}, ${death}: the last request was lost after ${Math.round(lastMs)} ms`);
      }
    }
    return deaths;
  }

  async #die(death: Death): Promise<number> {
    const { lab } = this.#cluster;
    const [pod] = await this.#settled();
    if (pod === undefined) throw new Error('there is no pod that could die');
    const address = await this.#cluster.addressOf(CHECKED);
    await this.#forgetConnections();
    const prober = await lab.probeTcp({
      target: `${address}:80`,
      intervalMs: PROBE_MS,
      timeoutMs: PATIENCE_MS,
    });
    await sleep(BEFORE_MS);
    const diedMs = await this.#kill(death, pod);
    await sleep(AFTER_MS);
    const samples = await prober.stop();
    await this.#revive(death, pod);
    const lost = samples.filter(({ ok, startMs }) => !ok && startMs > diedMs);
    if (lost.length === 0)
      throw new Error(`no request was lost by a pod that was ${death}: is it dead at all?`);
    return Math.max(...lost.map(({ startMs }) => startMs)) - diedMs;
  }

  /**
   * Connection tracking keeps an unanswered SYN for two minutes, and a client that uses the port again meets the same pod: what the last
   * death has left is not this one's.
   */
  async #forgetConnections(): Promise<void> {
    const nodes = nodesOf(this.#cluster.lab.plan);
    await Promise.all(nodes.map(({ name }) => runOrThrow(inHost(name, ['conntrack', '-F']))));
  }

  /** When it was dead. */
  async #kill(death: Death, pod: Pod): Promise<number> {
    if (death === 'hanging') return (await this.#cluster.lab.freezePod(refOf(pod))).startedMs;
    const verdict = death === 'refusing' ? 'tcp dport 80 reject with tcp reset' : 'drop';
    const chain = `add chain ${TABLE} in { type filter hook input priority 0; }`;
    const script = `add table ${TABLE}; ${chain}; add rule ${TABLE} in ${verdict}`;
    const startedMs = monotonicMs();
    await this.#inPod(pod, ['nft', script]);
    return startedMs;
  }

  async #revive(death: Death, pod: Pod): Promise<void> {
    if (death === 'hanging') await this.#cluster.lab.thawPod(refOf(pod));
    else await this.#inPod(pod, ['nft', `delete table ${TABLE}`]);
  }

  async #inPod(pod: Pod, argv: readonly string[]): Promise<void> {
    const [namespace] = podNamespaces(`${pod.spec?.nodeName}-${pod.metadata?.name}-`);
    if (namespace === undefined) throw new Error(`pod ${pod.metadata?.name} has no network`);
    await runOrThrow(inHost(namespace, argv));
  }

  /** All pods are there, and the agents know all of them to be alive. */
  async #settled(): Promise<readonly Pod[]> {
    const { stage, lab } = this.#cluster;
    const pods = await stage.waitForPods(PODS);
    const wanted = pods.map(({ status }) => status?.podIP ?? '').sort();
    const workers = nodesOf(lab.plan).filter(({ role }) => role === 'worker');
    await lab.waitFor(
      async () => {
        const reports = await Promise.all(workers.map(({ name }) => agentStatus(lab, name)));
        return reports.every(({ endpoints }) => {
          const up = endpoints
            .filter(({ state }) => state === 'up')
            .map(({ endpoint }) => addressIn(endpoint));
          return up.length === endpoints.length && up.sort().join() === wanted.join();
        });
      },
      { what: 'all agents to know all pods to be alive', timeoutMs: 60_000 },
    );
    for (const service of [CHECKED, UNCHECKED])
      await this.#cluster.answers(await this.#cluster.addressOf(service));
    return pods;
  }

  async #served(pods: readonly Pod[]): Promise<readonly number[]> {
    return await Promise.all(
      pods.map(async ({ spec, status }) => {
        const argv = ['curl', '-sf', '-m', '2', `http://${status?.podIP}/served`];
        const { stdout } = await this.#cluster.lab.exec(spec?.nodeName ?? '', argv);
        return Number(stdout);
      }),
    );
  }
}

function refOf(pod: Pod): { readonly name: string } {
  return { name: pod.metadata?.name ?? '' };
}

/** Of `tcp/80/10.1.0.9`. */
function addressIn(endpoint: string): string {
  return endpoint.slice(endpoint.lastIndexOf('/') + 1);
}
