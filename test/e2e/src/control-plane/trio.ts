// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import { NODES } from '@fairlead/shared/kubernetes/resources.ts';
import { replicaName } from '@fairlead/test-lab/control-plane/replica.ts';
import { Lab, type LabOptions } from '@fairlead/test-lab/lab.ts';
import { hostByMac, hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import type { RunResult } from '@fairlead/test-lab/process/run.ts';
import { staticPod } from './static-pod.ts';

/** Where the control plane of the tests is reached. */
export const ADDRESS = '172.18.0.150';
/** The port there and of every API server. */
export const PORT = 6443;
/** Nodes with an agent and an API server. Their data are with the API server of the host `control-plane`, which has no agent. */
export const MEMBERS = ['worker1', 'worker2', 'worker3'] as const;

/** What a {@link Trio} is started with. */
export interface TrioOptions extends Pick<LabOptions, 'apiServer' | 'keepLogs' | 'onProgress'> {
  /** Added to the environment of every agent. */
  readonly env?: Readonly<Record<string, string>>;
}

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
  static async start({ env = {}, ...options }: TrioOptions = {}): Promise<Trio> {
    const lab = await Lab.start({
      ...options,
      name: 'control-plane',
      workers: MEMBERS.length,
      certificateHosts: [ADDRESS],
    });
    const client = await connect({ kubeconfig: lab.kubeconfig });
    const trio = new Trio(lab, client, throughAddress(lab));
    try {
      await trio.#label();
      trio.#startAgents(env);
      for (const member of MEMBERS) await lab.startApiServer(member);
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

  /** kubectl on the client, through the address. Does not reject when kubectl fails. */
  kubectl(args: readonly string[], timeoutMs = 5_000): Promise<RunResult> {
    const env = { KUBECONFIG: this.kubeconfig, HOME: join(this.lab.workDir, 'home') };
    return this.lab.exec('client', ['kubectl', `--request-timeout=${timeoutMs}ms`, ...args], { env });
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

  async #label(): Promise<void> {
    for (const name of MEMBERS) {
      const labels = { [LABEL.controlPlane]: '' };
      await this.client.patch(NODES, { name }, { metadata: { labels } }, { type: 'merge' });
    }
  }

  #startAgents(env: Readonly<Record<string, string>>): void {
    const keyFile = join(this.lab.workDir, 'group-key');
    writeFileSync(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const pod = staticPod({
      kubeconfig: this.kubeconfig,
      keyFile,
      env: { address: ADDRESS, fairlead_engine: 'raft', ...env },
    });
    for (const member of MEMBERS) {
      writeFileSync(join(this.lab.manifestDir(member), 'kube-vip.json'), JSON.stringify(pod));
    }
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
