// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  defineResource,
  NAMESPACES,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import { type ApiServer, startApiServer } from './api-server.ts';
import { type RequestTally, tally } from './audit.ts';
import { Program } from './program.ts';
import { furnishServiceAccount } from './service-account.ts';
import { ServiceWatch } from './service-watch.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const ACCOUNT = { namespace: 'kube-system', name: 'kube-vip-cloud-controller' } as const;
const USER = `system:serviceaccount:${ACCOUNT.namespace}:${ACCOUNT.name}`;
const NAMESPACE = 'bench';
const CLUSTER_ROLE_BINDINGS = defineResource(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
);

/** Port of our status server, see deploy/cloud-provider.yaml. */
export const STATUS_PORT = 10_258;
/** Time for a first address: a program that polls, or waits for its turn to lead, needs some. */
const FIRST_ADDRESS_MS = 60_000;

/** A program that gives Services their addresses. */
export interface Subject {
  readonly name: string;
  /** Without the arguments, which the Deployment has. */
  readonly command: readonly string[];
  /** It needs more rights than our manifest grants. */
  readonly asAdministrator?: boolean;
}

/** Our bundle. */
export const OURS: Subject = {
  name: 'fairlead',
  command: [process.execPath, `${root}packages/cloud-provider/dist/cloud-provider.js`],
};

/** The peer's binary, in the place of ours: arguments and environment of our manifest suit it. */
export function rivalSubject(binary: string): Subject {
  return { name: 'kube-vip-cloud-provider', command: [binary], asAdministrator: true };
}

/** An API server, a pool, and one program that serves from it under the service account of our manifest. */
export class ScaleCluster {
  readonly server: ApiServer;
  readonly watch: ServiceWatch;
  readonly #argv: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #program: Program | undefined;
  #probes = 0;

  private constructor(server: ApiServer, watch: ServiceWatch, subject: Subject, manifest: ContainerOptions) {
    this.server = server;
    this.watch = watch;
    this.#argv = [...subject.command, ...manifest.args];
    this.#env = {
      PATH: process.env.PATH ?? '',
      KUBERNETES_SERVICE_HOST: server.host,
      KUBERNETES_SERVICE_PORT: String(server.port),
      ...manifest.env,
    };
  }

  /** Starts the server; the program waits for {@link start}. */
  static async create(subject: Subject, pools: Readonly<Record<string, string>>): Promise<ScaleCluster> {
    const server = await startApiServer();
    try {
      await promisify(execFile)('kubectl', ['apply', '-f', `${root}deploy/cloud-provider.yaml`], {
        env: { ...process.env, KUBECONFIG: server.kubeconfig, HOME: '/run/fairlead' },
      });
      if (subject.asAdministrator) await grantEverything(server.admin);
      await furnishServiceAccount(server.admin, ACCOUNT, server.caCertificate);
      await server.admin.create(NAMESPACES, { metadata: { name: NAMESPACE } });
      const metadata = { namespace: 'kube-system', name: 'kubevip' };
      await server.admin.create(CONFIG_MAPS, { metadata, data: { ...pools } });
      const watch = await ServiceWatch.open(server.admin, NAMESPACE);
      return new ScaleCluster(server, watch, subject, await containerOptions(server.admin));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get program(): Program {
    if (this.#program === undefined) throw new Error('the program has not been started');
    return this.#program;
  }

  /** Starts the program with the environment of a Pod and nothing else. */
  start(): Program {
    this.#program = new Program(this.#argv, this.#env);
    return this.#program;
  }

  /** Ends the program in an orderly way; resolves with how long that took. */
  async end(): Promise<number> {
    const program = this.#program;
    this.#program = undefined;
    return (await program?.stop()) ?? 0;
  }

  /** Creates a LoadBalancer Service without selector and node ports; resolves when the server has acknowledged it. */
  async create(name: string): Promise<Service> {
    return this.server.admin.create(SERVICES, {
      metadata: { namespace: NAMESPACE, name },
      spec: {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 80 }],
      },
    });
  }

  /** Deletes a Service; resolves when the server has acknowledged it. */
  async remove(name: string): Promise<void> {
    await this.server.admin.remove(SERVICES, { namespace: NAMESPACE, name });
  }

  /** Name for a Service that comes after all others, by age and by name. */
  probeName(): string {
    this.#probes += 1;
    return `zz-probe-${this.#probes}`;
  }

  /** Waits until the program has given a first address, then removes the Service that asked for it. */
  async serving(): Promise<void> {
    const name = this.probeName();
    await this.create(name);
    await Promise.race([this.watch.addressOf(name, FIRST_ADDRESS_MS), this.#endOfProgram()]).catch(
      (error: unknown) => {
        throw new Error(`${error}\n${this.#program?.logTail()}`);
      },
    );
    await this.remove(name);
    await this.watch.until(() => this.watch.deletedMs.has(name), FIRST_ADDRESS_MS);
  }

  async #endOfProgram(): Promise<never> {
    for (;;) {
      this.program.check();
      await new Promise((resolve) => setTimeout(resolve, 100).unref());
    }
  }

  /** The program's requests since the last call, without those that concern probes. */
  async requests(): Promise<RequestTally> {
    // The log is written when the answer is complete, which the program may know a moment earlier.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const records = await this.server.audit.next();
    return tally(records.filter(({ user, name }) => user === USER && !name.startsWith('zz-probe-')));
  }

  async stop(): Promise<void> {
    await this.end();
    await this.watch.stop();
    await this.server.stop();
  }
}

interface ContainerOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Arguments and environment as our manifest has them. */
async function containerOptions(admin: KubeClient): Promise<ContainerOptions> {
  const ref = { namespace: 'kube-system', name: 'kube-vip-cloud-provider' };
  const { spec } = await admin.get(DEPLOYMENTS, ref);
  const container = spec?.template.spec?.containers[0];
  if (container === undefined) throw new Error('the manifest of the cloud provider has no container');
  const variables = (container.env ?? []).map(({ name, value }) => [name, value ?? ''] as const);
  return { args: container.args ?? [], env: Object.fromEntries(variables) };
}

async function grantEverything(admin: KubeClient): Promise<void> {
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'bench' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
  };
  await admin.create(CLUSTER_ROLE_BINDINGS, binding);
}
