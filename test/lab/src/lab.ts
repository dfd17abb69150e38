// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdminApi } from './cluster/admin-api.ts';
import { ComponentEnded, type Components } from './cluster/components.ts';
import { ApiServerFaults } from './cluster/faults.ts';
import { type KubeletContext, manifestDir, startKubelet } from './cluster/kubelet.ts';
import { type PodLog, podLogs, podLogTails } from './cluster/pod-logs.ts';
import { killPod, type PodRef, setPodReadiness, signalPod } from './cluster/pods.ts';
import { type LabParts, prepare, readyNodes } from './cluster/prepare.ts';
import { type ApiServerChoice, type ControlPlane, chooseAssets } from './control-plane/control-plane.ts';
import { Journal, type JournalEntry } from './journal.ts';
import type { ImageRecipe } from './kubelet/images.ts';
import { type HostState, LabNetwork } from './network/lab-network.ts';
import { hostOf, type NetworkPlan, nodesOf } from './network/plan.ts';
import {
  NeighborObserver,
  type NeighborObserverOptions,
  TcpProber,
  type TcpProberOptions,
} from './observer/observers.ts';
import type { LabProcess, SpawnOptions } from './process/lab-process.ts';
import type { ProcessInfo } from './process/proc.ts';
import { type RunOptions, type RunResult, run } from './process/run.ts';
import type { PartitionDirection } from './verbs/partition.ts';
import { type WaitOptions, waitFor } from './wait.ts';

/** What kind of cluster. */
export interface LabOptions {
  /** Default 3. */
  readonly workers?: number;
  /** For messages and folders. Default `lab`. */
  readonly name?: string;
  /** Default `auto`: the real one when `KUBEBUILDER_ASSETS` names a folder that holds it. */
  readonly apiServer?: ApiServerChoice;
  /** Silence after which a node counts as lost. Default 40,000, as in Kubernetes. */
  readonly nodeMonitorGracePeriodMs?: number;
  /** How long pods stay on lost nodes (the lab's own controllers only). */
  readonly podEvictionMs?: number;
  /** Default true. */
  readonly ipv6?: boolean;
  /** Keeps the logs in a folder of the machine's temporary directory, named by {@link Lab.logDir} at the end. */
  readonly keepLogs?: boolean;
  /** More images, or other recipes for the usual ones. */
  readonly images?: Readonly<Record<string, ImageRecipe>>;
  readonly extraServerArgs?: readonly string[];
  /** Names and addresses at which API servers are reached besides those of the nodes. */
  readonly certificateHosts?: readonly string[];
  readonly extraKubeletArgs?: readonly string[];
  /** Called with one line per step of the start. */
  readonly onProgress?: (line: string) => void;
}

/** `lab.kubectl` options. */
export interface KubectlOptions extends RunOptions {
  /** Another kubectl than the one on the PATH. */
  readonly binary?: string;
}

/**
 * A Kubernetes cluster of network namespaces, inside the private namespaces this process runs in: control plane,
 * workers with kubelets, a client; verbs that disturb them; observers that judge.
 */
export class Lab {
  readonly name: string;
  readonly network: LabNetwork;
  readonly plan: NetworkPlan;
  readonly journal: Journal;
  /** Everything of this lab on disk: gone after {@link stop}. */
  readonly workDir: string;
  readonly components: Components;
  /** Kubeconfig of a cluster administrator; works on every host and for the process that runs the lab. */
  readonly kubeconfig: string;
  readonly api: AdminApi;
  readonly #controlPlane: ControlPlane;
  readonly #startControllers: () => void;
  readonly #startReplica: LabParts['startReplica'];
  readonly #kubelets: KubeletContext;
  readonly #keepLogs: boolean;
  #apiServerVersion = '';
  #keptLogs: string | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(parts: LabParts) {
    this.name = parts.name;
    this.network = parts.network;
    this.plan = parts.network.plan;
    this.journal = parts.network.journal;
    this.workDir = parts.workDir;
    this.components = parts.kubelets.components;
    this.kubeconfig = parts.kubelets.credentials.kubeconfig('admin');
    this.api = parts.controlPlane.api;
    this.#controlPlane = parts.controlPlane;
    this.#startControllers = parts.startControllers;
    this.#startReplica = parts.startReplica;
    this.#kubelets = parts.kubelets;
    this.#keepLogs = parts.keepLogs;
  }

  /** Starts a cluster; resolves when all its nodes are Ready. Leaves nothing behind when it fails. */
  static async start(options: LabOptions = {}): Promise<Lab> {
    const progress = options.onProgress ?? (() => {});
    const assets = chooseAssets(options.apiServer ?? 'auto', process.env.KUBEBUILDER_ASSETS);
    const name = options.name ?? 'lab';
    // /run is the private file system of the namespaces: what is there goes with them, even after a SIGKILL.
    mkdirSync('/run/fairlead', { recursive: true });
    const workDir = mkdtempSync(join('/run/fairlead', `${name}-`));
    let network: LabNetwork | undefined;
    let lab: Lab | undefined;
    try {
      progress('building the network');
      network = await LabNetwork.start({
        ...(options.workers === undefined ? {} : { workers: options.workers }),
        ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
        journal: new Journal(join(workDir, 'journal.jsonl')),
      });
      lab = new Lab(await prepare(options, name, workDir, network, assets));
      progress(
        assets === undefined
          ? 'starting the embedded API server'
          : `starting etcd and kube-apiserver of ${assets}`,
      );
      await lab.#boot(progress);
      return lab;
    } catch (error) {
      if (lab !== undefined) await lab.stop();
      else await network?.stop();
      rmSync(workDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Which API server runs: `embedded`, or the version of the real one. */
  get apiServerVersion(): string {
    return this.#apiServerVersion;
  }

  /** Faults of the embedded API server; throws when a real one runs, which has none. */
  get faults(): ApiServerFaults {
    if (this.#controlPlane.kind === 'embedded') return new ApiServerFaults(this.api, this.journal);
    throw new Error(`faults need the embedded API server; this lab runs ${this.#apiServerVersion}`);
  }

  /** Folder of the components' logs; after {@link stop} the kept copy, if any. */
  get logDir(): string {
    return this.#keptLogs ?? join(this.workDir, 'logs');
  }

  /** Environment for programs that talk to the cluster: KUBECONFIG, and a home of their own for kubectl's cache. */
  get environment(): Readonly<Record<string, string>> {
    return { KUBECONFIG: this.kubeconfig, HOME: join(this.workDir, 'home') };
  }

  /** Runs kubectl as administrator, from outside the cluster. Does not reject when kubectl fails: see `code`. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<RunResult> {
    const env = { ...this.environment, ...options.env };
    return run([options.binary ?? 'kubectl', ...args], { ...options, env });
  }

  /** Runs a program on a host to its end. */
  exec(host: string, argv: readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.network.exec(host, argv, options);
  }

  /** Starts a program on a host; it ends with the host or the lab. */
  spawn(host: string, argv: readonly string[], options?: SpawnOptions): LabProcess {
    return this.network.spawn(host, argv, options);
  }

  /** What runs on a host, its pods included. */
  processes(host: string): ProcessInfo[] {
    return this.network.processes(host);
  }

  /** What has been done to a host. */
  state(host: string): HostState {
    return this.network.state(host);
  }

  /** Power off. */
  kill(host: string): Promise<JournalEntry> {
    return this.network.kill(host);
  }

  /** SIGSTOP for everything on the host. */
  freeze(host: string): Promise<JournalEntry> {
    return this.network.freeze(host);
  }

  /** Undoes {@link freeze}. */
  thaw(host: string): Promise<JournalEntry> {
    return this.network.thaw(host);
  }

  /** The switch drops the host's frames. */
  partition(host: string, direction?: PartitionDirection): Promise<JournalEntry> {
    return this.network.partition(host, direction);
  }

  /** Undoes {@link partition}. */
  heal(host: string): Promise<JournalEntry> {
    return this.network.heal(host);
  }

  /** No frame passes between these two sets of hosts; both reach all others. */
  separate(one: readonly string[], other: readonly string[]): Promise<JournalEntry> {
    return this.network.separate(one, other);
  }

  /** Undoes {@link separate}. */
  reunite(): Promise<JournalEntry> {
    return this.network.reunite();
  }

  /** Pulls the cable. */
  unplug(host: string): Promise<JournalEntry> {
    return this.network.unplug(host);
  }

  /** Undoes {@link unplug}. */
  plug(host: string): Promise<JournalEntry> {
    return this.network.plug(host);
  }

  /** Power off and on: fresh network stack, then the kubelet (on the control plane all of it) starts again. */
  reboot(host: string): Promise<JournalEntry> {
    const plan = hostOf(this.plan, host);
    if (plan.role === 'control-plane' && this.#controlPlane.kind === 'embedded') {
      throw new Error(
        'the embedded API server keeps its objects in memory; a reboot of its host needs a real one',
      );
    }
    return this.network.reboot(host, async () => {
      if (plan.role === 'client') return;
      if (plan.role === 'control-plane') {
        await this.#controlPlane.start();
        this.#startControllers();
      }
      startKubelet(this.#kubelets, plan);
    });
  }

  /**
   * Starts one more API server on a node, in front of the same data, on all its addresses. It ends with the node; a test ends and
   * starts it by the component {@link replicaName}.
   */
  startApiServer(host: string): Promise<JournalEntry> {
    return this.journal.record('api-server-start', hostOf(this.plan, host).name, async () => {
      await this.#startReplica(host);
    });
  }

  /** Folder from which the kubelet of a node runs Pods without being told by the API, as `/etc/kubernetes/manifests`. */
  manifestDir(node: string): string {
    return manifestDir(this.#kubelets, hostOf(this.plan, node).name);
  }

  /** SIGKILL for every process of a pod; the kubelet restarts its containers. */
  killPod(pod: PodRef): Promise<JournalEntry> {
    return this.journal.record('pod-kill', podName(pod), () =>
      killPod(this.api, this.#kubelets.workDir, pod),
    );
  }

  /** SIGSTOP for every process of a pod: its kernel goes on accepting connections, which nobody serves. */
  freezePod(pod: PodRef): Promise<JournalEntry> {
    return this.journal.record('pod-freeze', podName(pod), () =>
      signalPod(this.api, this.#kubelets.workDir, pod, 'SIGSTOP'),
    );
  }

  /** Undoes {@link freezePod}. */
  thawPod(pod: PodRef): Promise<JournalEntry> {
    return this.journal.record('pod-thaw', podName(pod), () =>
      signalPod(this.api, this.#kubelets.workDir, pod, 'SIGCONT'),
    );
  }

  /** The pod's readiness probe fails from now on (pods of the echo app). */
  failReadiness(pod: PodRef): Promise<JournalEntry> {
    return this.journal.record('pod-unready', podName(pod), () =>
      setPodReadiness(this.network, this.api, pod, false),
    );
  }

  /** Undoes {@link failReadiness}. */
  restoreReadiness(pod: PodRef): Promise<JournalEntry> {
    return this.journal.record('pod-ready', podName(pod), () =>
      setPodReadiness(this.network, this.api, pod, true),
    );
  }

  /** Who claims which address, seen from the client. */
  observeNeighbors(options?: NeighborObserverOptions): Promise<NeighborObserver> {
    return NeighborObserver.start(this.network, options);
  }

  /** New TCP connections to an address, from the client. */
  probeTcp(options: TcpProberOptions): Promise<TcpProber> {
    return TcpProber.start(this.network, options);
  }

  /** Logs of all containers that run now, on whatever node. */
  podLogs(): PodLog[] {
    return podLogs(this.#kubelets.workDir);
  }

  /** The end of every log, components first, then containers: for error messages. */
  logTails(): string {
    return `${this.components.tails()}\n${podLogTails(this.podLogs())}`;
  }

  /** Waits for a condition; the message at the time limit quotes the logs of all components and containers. */
  waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): ReturnType<typeof waitFor<T>> {
    return waitFor(condition, { details: () => this.logTails(), ...options });
  }

  /** Ends everything; nothing is left. Can be called twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #boot(progress: (line: string) => void): Promise<void> {
    await this.#controlPlane.start();
    this.#apiServerVersion = await this.#controlPlane.version();
    progress('starting controllers and kubelets');
    this.#startControllers();
    const nodes = nodesOf(this.plan);
    for (const node of nodes) startKubelet(this.#kubelets, node);
    const allReady = async () => {
      this.components.assertRunning();
      return (await readyNodes(this.api)).length === nodes.length;
    };
    await this.waitFor(allReady, {
      giveUpOn: (error) => error instanceof ComponentEnded,
      what: `all ${nodes.length} nodes to be Ready`,
      timeoutMs: 60_000,
    });
    progress(`${nodes.length} nodes are Ready`);
  }

  async #stop(): Promise<void> {
    const containerLogs = this.#keepLogs ? this.podLogs() : [];
    await this.network.stop();
    if (this.#keepLogs) {
      const kept = mkdtempSync(join(tmpdir(), `fairlead-${this.name}-logs-`));
      cpSync(join(this.workDir, 'logs'), kept, { recursive: true });
      const entries = this.journal.entries.map((entry) => `${JSON.stringify(entry)}\n`);
      writeFileSync(join(kept, 'journal.jsonl'), entries.join(''));
      for (const { namespace, pod, container, file } of containerLogs) {
        cpSync(file, join(kept, `${namespace}_${pod}_${container}.log`));
      }
      this.#keptLogs = kept;
    }
    rmSync(this.workDir, { recursive: true, force: true });
  }
}

function podName(pod: PodRef): string {
  return `${pod.namespace ?? 'default'}/${pod.name}`;
}
