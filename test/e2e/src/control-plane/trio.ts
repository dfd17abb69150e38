// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { DAEMON_SETS, NODES } from '@fairlead/shared/kubernetes/resources.ts';
import { replicaName } from '@fairlead/test-lab/control-plane/replica.ts';
import { Lab, type LabOptions } from '@fairlead/test-lab/lab.ts';
import { CLIENT, CONTROL_PLANE, hostByMac, hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import type { RunResult } from '@fairlead/test-lab/process/run.ts';
import { createGroupKey, isRolledOut } from '../install.ts';
import { Narrator } from '../narrator.ts';
import { Stage } from '../stage.ts';
import { KUBECONFIG, type StaticPodOptions, staticPod } from './static-pod.ts';

/** Where the control plane of the tests is reached. */
export const ADDRESS = '172.18.0.150';
/** The port there and of every API server. */
export const PORT = 6443;
/** Nodes with an agent and an API server. Their data are with the API server of the host `control-plane`, which has no agent. */
export const MEMBERS = ['worker1', 'worker2', 'worker3'] as const;

/** The same by IPv6. */
export const ADDRESS_V6 = 'fd00:18::96';

/** What a {@link Trio} is started with. */
export interface TrioOptions extends Pick<LabOptions, 'apiServer' | 'keepLogs' | 'onProgress'> {
  /** Added to the environment of every agent. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is different at one of the members. */
  readonly member?: (trio: Trio, name: string) => Promise<Partial<StaticPodOptions>>;
  /** The node with the data, which has no agent, is no API server to send to. Default false. */
  readonly onlyMembers?: boolean;
  /** Default: the repository's static Pod, with a key in a file. */
  readonly daemonSet?: DaemonSetForm;
}

/** Agents that the cluster itself runs. */
export interface DaemonSetForm {
  /** Path in the repository; its address, 192.0.2.10, is replaced. */
  readonly manifest: string;
  readonly name: string;
  /** Default true. */
  readonly groupKey?: boolean;
}

const REPOSITORY = fileURLToPath(new URL('../../../..', import.meta.url));
const STATIC_POD = 'deploy/control-plane.yaml';
const KEY_FILE = '/etc/kubernetes/fairlead-group-key';

/** Of every agent. */
const STATUS_PORT = 2112;

/**
 * Three nodes of a control plane, each with an API server and an agent as a static Pod. The agents are there before their API
 * servers, as with kubeadm, and their kubeconfig names the address that they are to bring up themselves.
 */
export class Trio {
  readonly lab: Lab;
  /** An administrator at the data's own API server: works whatever happens to the address. */
  readonly client: KubeClient;
  /** Kubeconfig of an administrator who goes through the address. */
  readonly kubeconfig: string;

  private constructor(lab: Lab, client: KubeClient, kubeconfig: string) {
    this.lab = lab;
    this.client = client;
    this.kubeconfig = kubeconfig;
  }

  /** Resolves when kubectl gets through the address. */
  static async start(options: TrioOptions = {}): Promise<Trio> {
    const { env = {}, member, onlyMembers = false, daemonSet, ...labOptions } = options;
    const lab = await Lab.start({
      ...labOptions,
      name: 'control-plane',
      workers: MEMBERS.length,
      certificateHosts: [ADDRESS, ADDRESS_V6],
    });
    const client = await connect({ kubeconfig: lab.kubeconfig });
    const trio = new Trio(lab, client, throughAddress(lab));
    try {
      await trio.#label(onlyMembers);
      if (daemonSet === undefined) await trio.#startPods(env, member);
      for (const name of MEMBERS) await lab.startApiServer(name);
      if (daemonSet !== undefined) await trio.#applyDaemonSet(daemonSet, env);
      await trio.serves();
      return trio;
    } catch (error) {
      const tails = lab.logTails();
      await trio.stop();
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tails}`, {
        cause: error,
      });
    }
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    this.client.close();
    await this.lab.stop();
  }

  /** kubectl on the client (or another host), through the address. Does not reject when kubectl fails. */
  kubectl(args: readonly string[], timeoutMs = 5_000, host: string = CLIENT): Promise<RunResult> {
    const env = { KUBECONFIG: this.kubeconfig, HOME: join(this.lab.workDir, 'home') };
    return this.lab.exec(host, ['kubectl', `--request-timeout=${timeoutMs}ms`, ...args], { env });
  }

  /** Waits until kubectl gets an answer through the address. */
  async serves(): Promise<void> {
    await this.lab.waitFor(async () => (await this.kubectl(['get', 'nodes'], 1_000)).code === 0, {
      what: `kubectl to get through ${ADDRESS}`,
      timeoutMs: 60_000,
    });
  }

  /** Waits until all agents are ready, make one group, and name the same owner; its name. */
  async settled(): Promise<string> {
    return await this.lab.waitFor(
      async () => {
        const reports = await Promise.all(MEMBERS.map((member) => statusOf(this.lab, member)));
        const owners = new Set(reports.map((report) => ownerIn(report)));
        const [owner] = owners;
        return owners.size === 1 && owner !== null ? owner : undefined;
      },
      { what: 'three agents in one group, with one owner of the address', timeoutMs: 90_000 },
    );
  }

  /** Host that answered last for the address. */
  ownerSeenBy(observer: NeighborObserver): string | undefined {
    return hostByMac(this.lab.plan, observer.ownerOf(ADDRESS) ?? '')?.name;
  }

  /** Ends the API server of a node; nobody starts it again. */
  async stopApiServer(member: string): Promise<void> {
    await this.lab.components.get(replicaName(member))?.stop();
  }

  async #label(onlyMembers: boolean): Promise<void> {
    const label = (name: string, value: string | null) =>
      this.client.patch(
        NODES,
        { name },
        { metadata: { labels: { [LABEL.controlPlane]: value } } },
        { type: 'merge' },
      );
    for (const name of MEMBERS) await label(name, '');
    if (onlyMembers) await label(CONTROL_PLANE, null);
  }

  async #startPods(
    common: Readonly<Record<string, string>>,
    optionsOf: TrioOptions['member'] = () => Promise.resolve({}),
  ): Promise<void> {
    const keyFile = join(this.lab.workDir, 'group-key');
    writeFileSync(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const manifest = await this.#readManifest(STATIC_POD);
    for (const member of MEMBERS) {
      const { files = { [KUBECONFIG]: this.kubeconfig }, env = {} } = await optionsOf(this, member);
      const pod = staticPod(manifest, {
        files: { [KEY_FILE]: keyFile, ...files },
        env: {
          address: ADDRESS,
          fairlead_engine: 'raft',
          fairlead_group_key_file: KEY_FILE,
          ...common,
          ...env,
        },
      });
      writeFileSync(join(this.lab.manifestDir(member), 'kube-vip.json'), JSON.stringify(pod));
    }
  }

  async #readManifest(path: string): Promise<Pod> {
    const args = ['create', '--dry-run=client', '--output=json', '-f', join(REPOSITORY, path)];
    return JSON.parse(await this.#must(args)) as Pod;
  }

  async #applyDaemonSet(
    { manifest, name, groupKey = true }: DaemonSetForm,
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    const stage = new Stage(this.lab, this.client, new Narrator({ write: () => undefined }));
    if (groupKey) await createGroupKey(stage);
    const file = join(this.lab.workDir, 'daemon-set.yaml');
    const text = readFileSync(join(REPOSITORY, manifest), 'utf8');
    const { address = ADDRESS, ...more } = env;
    writeFileSync(file, text.replaceAll('192.0.2.10', address));
    await this.#must(['apply', '-f', file]);
    const changes = Object.entries(more).map(([key, value]) => `${key}=${value}`);
    if (changes.length > 0)
      await this.#must(['set', 'env', '-n', 'kube-system', `daemonset/${name}`, ...changes]);
    await stage.until(DAEMON_SETS, { namespace: 'kube-system', name }, isRolledOut, 90_000);
  }

  /** kubectl that goes past the address. */
  async #must(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.lab.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

/** The administrator's kubeconfig, as kubeadm writes it: for the address of the control plane. */
function throughAddress(lab: Lab): string {
  const file = join(lab.workDir, 'admin.conf');
  const text = readFileSync(lab.kubeconfig, 'utf8');
  writeFileSync(file, text.replace(`https://${lab.plan.apiServer}`, `https://${ADDRESS}:${PORT}`), {
    mode: 0o600,
  });
  return file;
}

/** The parts of `agent status --json` that are looked at here. */
interface Report {
  readonly well: boolean;
  readonly engine: { readonly name: string };
  readonly members: readonly { readonly state: string }[];
  readonly addresses: readonly { readonly address: string; readonly owner: string | null }[];
}

/** Undefined while it does not answer. */
async function statusOf(lab: Lab, member: string): Promise<Report | undefined> {
  const url = `http://${hostOf(lab.plan, member).ipv4}:${STATUS_PORT}/status`;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(2_000),
      headers: { connection: 'close' },
    });
    return response.status === 200 ? ((await response.json()) as Report) : undefined;
  } catch {
    return undefined; // It is asked again.
  }
}

/** Whom a report names, when all is well with it; null otherwise. */
function ownerIn(report: Report | undefined): string | null {
  if (report?.well !== true || report.engine.name === 'none') return null;
  if (
    report.engine.name === 'raft' &&
    report.members.filter(({ state }) => state === 'up').length < MEMBERS.length
  ) {
    return null;
  }
  return report.addresses.find(({ address }) => address === ADDRESS)?.owner ?? null;
}
