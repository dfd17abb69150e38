// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { ConfigMap, CoreEvent, KubeObject, Service } from '@fairlead/shared/kubernetes/objects.ts';
import {
  CONFIG_MAPS,
  DAEMON_SETS,
  EVENTS,
  type Resource,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { Lab, type LabOptions } from '@fairlead/test-lab/lab.ts';
import { hostByMac } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { applyManifest, type InstallOptions, installFairlead, isRolledOut, MANIFESTS } from './install.ts';
import { Narrator } from './narrator.ts';
import { Stage } from './stage.ts';

/** Arguments of a process; empty for one that has just ended. */
function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

const SILENT = new Narrator({ write: () => undefined });

/** The pool of the tests: the upper end of the switch's subnet. */
export const POOL = 'range-global';

/** What a {@link Cluster} is started with. */
export interface ClusterOptions extends LabOptions, InstallOptions {
  /** Installs both programs in another way. */
  readonly install?: ((stage: Stage) => Promise<void>) | undefined;
}

/** A lab with both programs and the echo application on it: what every end-to-end test begins with. */
export class Cluster {
  readonly lab: Lab;
  readonly client: KubeClient;
  readonly stage: Stage;

  private constructor(lab: Lab, client: KubeClient) {
    this.lab = lab;
    this.client = client;
    this.stage = new Stage(lab, client, SILENT);
  }

  /** Starts it. The pool is up to the caller. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { agentEnv, agentManifest, groupKey, install, ...labOptions } = options;
    const lab = await Lab.start(labOptions);
    const cluster = new Cluster(lab, await connect({ kubeconfig: lab.kubeconfig }));
    try {
      if (install === undefined) await installFairlead(cluster.stage, { agentEnv, agentManifest, groupKey });
      else await install(cluster.stage);
      await applyManifest(cluster.stage, MANIFESTS.echoApp);
      await cluster.stage.waitForPods(3);
      return cluster;
    } catch (error) {
      const tails = lab.components.tails();
      await cluster.stop();
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

  /** Sets the whole content of the ConfigMap `kubevip`, and waits until the cloud provider has read it. */
  async setPools(data: Readonly<Record<string, string>>): Promise<void> {
    const ref = { namespace: 'kube-system', name: 'kubevip' };
    const wanted: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data: { ...data } };
    const present = await this.find(CONFIG_MAPS, ref);
    if (present !== undefined && isDeepStrictEqual(present.data ?? {}, data)) return;
    const before = this.#timesPoolsWereRead();
    if (present === undefined) await this.client.create(CONFIG_MAPS, wanted);
    else await this.client.replace(CONFIG_MAPS, { ...present, data: { ...data } });
    // Without this a Service created next could be served from the old pools: the two watches are not in step.
    await this.lab.waitFor(() => this.#timesPoolsWereRead() > before, {
      what: 'the cloud provider to read the pools',
      timeoutMs: 20_000,
      intervalMs: 5,
    });
  }

  #timesPoolsWereRead(): number {
    const logs = this.lab.podLogs().filter(({ pod }) => pod.startsWith('kube-vip-cloud-provider'));
    const lines = logs.flatMap(({ file }) => readFileSync(file, 'utf8').split('\n'));
    return lines.filter((line) => line.includes('"pools read"')).length;
  }

  /** Creates a LoadBalancer Service in front of the echo application. */
  async expose(
    name: string,
    spec: Partial<NonNullable<Service['spec']>> = {},
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.client.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name, annotations: { ...annotations } },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'echo-app' },
        ports: [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }],
        ...spec,
      },
    });
  }

  /** Removes a Service and waits until it is gone. */
  async remove(name: string): Promise<void> {
    const ref = { namespace: 'default', name };
    await this.client.remove(SERVICES, ref);
    await this.lab.waitFor(async () => (await this.find(SERVICES, ref)) === undefined, {
      what: `Service ${name} to be gone`,
      timeoutMs: 20_000,
    });
  }

  /** The object, or undefined when there is none. */
  async find<T extends KubeObject>(
    resource: Resource<T>,
    ref: { readonly namespace: string; readonly name: string },
  ): Promise<T | undefined> {
    try {
      return await this.client.get(resource, ref);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Waits for the address in the status. */
  async addressOf(name: string, timeoutMs = 20_000): Promise<string> {
    return await this.stage.externalIp({ namespace: 'default', name }, timeoutMs);
  }

  /** Waits until the status has that many addresses. */
  async addressesOf(name: string, count: number, timeoutMs = 20_000): Promise<readonly string[]> {
    const addresses = ({ status }: Service): string[] =>
      (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
    const ref = { namespace: 'default', name };
    return addresses(
      await this.stage.until(SERVICES, ref, (each) => addresses(each).length === count, timeoutMs),
    );
  }

  /** Waits for a Warning about a Service whose message matches. */
  async warningAbout(name: string, pattern: RegExp): Promise<CoreEvent> {
    return await this.stage.poll(`Warning matching ${pattern} on Service ${name}`, 20_000, async () => {
      const { items } = await this.client.list(EVENTS, { namespace: 'default' });
      return items.find(
        ({ type, involvedObject, message }) =>
          type === 'Warning' && involvedObject?.name === name && pattern.test(message ?? ''),
      );
    });
  }

  /** Waits until the client gets an answer from the address. */
  async answers(address: string, port = 80): Promise<void> {
    const host = address.includes(':') ? `[${address}]` : address;
    await this.lab.waitFor(
      async () => {
        const argv = ['curl', '-sf', '-g', '-o', '/dev/null', '-m', '0.5', `http://${host}:${port}/`];
        return (await this.lab.exec('client', argv)).code === 0;
      },
      { what: `an answer from ${address}`, timeoutMs: 20_000 },
    );
  }

  /** Host that answered last for the address, as seen by an observer. */
  ownerOf(observer: NeighborObserver, address: string): string | undefined {
    return hostByMac(this.lab.plan, observer.ownerOf(address) ?? '')?.name;
  }

  /** Waits for the first answer after now, and says which host it came from. */
  async nextOwner(observer: NeighborObserver, address: string): Promise<string> {
    const claim = await observer.waitForClaim(
      (each) => each.kind === 'answer' && each.address === address,
      20_000,
    );
    const host = hostByMac(this.lab.plan, claim.mac)?.name;
    if (host === undefined)
      throw new Error(`${address} is answered by ${claim.mac}, which is no host of the lab`);
    return host;
  }

  /** Waits until one and the same host, none of `others`, answers for all these addresses; its name. */
  async commonOwner(
    observer: NeighborObserver,
    addresses: readonly string[],
    ...others: readonly string[]
  ): Promise<string> {
    return await this.lab.waitFor(
      () => {
        const [first, ...rest] = addresses.map((address) => this.ownerOf(observer, address));
        return first === undefined || others.includes(first) || rest.some((owner) => owner !== first)
          ? undefined
          : first;
      },
      {
        what: `one node${others.length > 0 ? ` other than ${others.join(', ')}` : ''} to answer for ${addresses.join(', ')}`,
        timeoutMs: 30_000,
      },
    );
  }

  /** Process IDs of the agent on a node. */
  agentPids(node: string): readonly number[] {
    return this.#pidsOf(node, '/agent.js');
  }

  /** Process IDs of the kubelet of a node. */
  kubeletPids(node: string): readonly number[] {
    return this.#pidsOf(node, '/kubelet/main.ts');
  }

  #pidsOf(node: string, program: string): readonly number[] {
    const found = this.lab
      .processes(node)
      .filter(({ pid }) => commandLine(pid).some((part) => part.endsWith(program)));
    const pids = new Set(found.map(({ pid }) => pid));
    // A child that is about to become `ip` or `nft` still bears the command line of its parent.
    return found.filter(({ parentPid }) => !pids.has(parentPid)).map(({ pid }) => pid);
  }

  /** Waits until as many agents are ready as there should be. */
  async agentsReady(): Promise<void> {
    await this.stage.until(
      DAEMON_SETS,
      { namespace: 'kube-system', name: 'kube-vip-ds' },
      isRolledOut,
      60_000,
    );
  }

  /** Lines about the addresses on a node's `lo` beyond its own. */
  async addressesOnLo(node: string): Promise<readonly string[]> {
    const { stdout } = await this.lab.exec(node, ['ip', '-o', 'addr', 'show', 'dev', 'lo']);
    return stdout.split('\n').filter((line) => line !== '' && !/\s(127\.0\.0\.1|::1)\//.test(line));
  }

  /** What is left of us on a node: addresses on `lo` beyond its own, and our nftables tables. */
  async leftovers(node: string): Promise<readonly string[]> {
    const tables = await this.lab.exec(node, ['nft', 'list', 'tables']);
    return [
      ...(await this.addressesOnLo(node)),
      ...tables.stdout.split('\n').filter((line) => line.includes('fairlead')),
    ];
  }
}
