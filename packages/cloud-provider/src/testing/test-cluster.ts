// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { COMPONENT } from '@fairlead/shared/kubernetes/contract.ts';
import type { CoreEvent, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, EVENTS, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { startRealServer } from '@fairlead/shared/kubernetes/testing/fault-servers.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import type { Faults } from '@fairlead/test-apiserver/faults/faults.ts';
import { createApiServer } from '@fairlead/test-apiserver/server.ts';
import { type CloudProvider, type CloudProviderSettings, createCloudProvider } from '../cloud-provider.ts';
import { type ServiceTraits, service as serviceObject } from '../services/testing/services.ts';

/** Folder with etcd and kube-apiserver, when KUBEBUILDER_ASSETS names one. */
export const REAL_ASSETS: string | undefined = ['etcd', 'kube-apiserver'].every((name) =>
  existsSync(join(process.env.KUBEBUILDER_ASSETS ?? '/nonexistent', name)),
)
  ? process.env.KUBEBUILDER_ASSETS
  : undefined;

/** One instance of the cloud provider in this process. */
export interface Instance {
  readonly provider: CloudProvider;
  readonly client: KubeClient;
  metrics(): Promise<string>;
  /** Orderly end, as after SIGTERM. */
  stop(): Promise<void>;
  /** The network is gone: nothing is said to anybody. */
  cutOff(): void;
}

/** A request that the embedded server saw: verb and resource, for example `update services`. */
export type SeenRequest = string;

/** An API server and instances of the cloud provider around it. */
export class TestCluster {
  readonly admin: KubeClient;
  /** Only with the embedded server. */
  readonly faults: Faults | undefined;
  /** Requests so far; only with the embedded server. */
  readonly requests: readonly SeenRequest[];
  readonly kubeconfig: string;
  readonly #close: () => Promise<void>;
  readonly #instances: Instance[] = [];
  #names = 0;

  private constructor(parts: {
    readonly admin: KubeClient;
    readonly faults: Faults | undefined;
    readonly requests: readonly SeenRequest[];
    readonly kubeconfig: string;
    readonly close: () => Promise<void>;
  }) {
    this.admin = parts.admin;
    this.faults = parts.faults;
    this.requests = parts.requests;
    this.kubeconfig = parts.kubeconfig;
    this.#close = parts.close;
  }

  static async embedded(): Promise<TestCluster> {
    const requests: SeenRequest[] = [];
    const server = await createApiServer({
      serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'],
      onRequest: ({ verb, resource }) => requests.push(`${verb} ${resource}`),
    });
    return TestCluster.#around(server.kubeconfig(), () => server.close(), server.faults, requests);
  }

  static async real(assets: string): Promise<TestCluster> {
    const server = await startRealServer(assets);
    return TestCluster.#around(server.kubeconfig(server.port), () => server.close(), undefined, []);
  }

  static async #around(
    text: string,
    closeServer: () => Promise<void>,
    faults: Faults | undefined,
    requests: readonly SeenRequest[],
  ): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-cloud-provider-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, text);
    const admin = await connect({ kubeconfig });
    const close = async () => {
      admin.close();
      await closeServer();
      await rm(folder, { recursive: true, force: true });
    };
    return new TestCluster({ admin, faults, requests, kubeconfig, close });
  }

  /** Starts an instance; with `kubeconfig` as another user than the administrator. */
  async start(
    special: Partial<CloudProviderSettings> & { readonly kubeconfig?: string } = {},
  ): Promise<Instance> {
    const { kubeconfig = this.kubeconfig, ...settings } = special;
    const client = await connect({ kubeconfig });
    const registry = createRegistry({ program: 'test', version: '0' });
    const provider = createCloudProvider({
      client,
      registry,
      logger: silentLogger,
      clock: systemClock,
      settings: {
        configMap: { namespace: 'kube-system', name: 'kubevip' },
        mode: { kind: 'classless' },
        election: {
          namespace: 'kube-system',
          leaseName: 'kube-vip-cloud-controller',
          identity: `instance-${this.#instances.length}`,
          timing: { leaseDurationMs: 2_000, renewDeadlineMs: 1_200, retryPeriodMs: 200 },
        },
        concurrency: 10,
        restMs: 60_000,
        ...settings,
      },
    });
    provider.start();
    await provider.synced(AbortSignal.timeout(10_000));
    let ended = false;
    const instance: Instance = {
      provider,
      client,
      metrics: () => registry.metrics(),
      stop: async () => {
        if (ended) return;
        ended = true;
        await provider.stop();
        client.close();
      },
      cutOff: () => client.close(),
    };
    this.#instances.push(instance);
    return instance;
  }

  /** Writes the ConfigMap `kubevip`; undefined removes it. */
  async setPools(data: Record<string, string> | undefined): Promise<void> {
    const ref = { namespace: 'kube-system', name: 'kubevip' };
    await this.admin.remove(CONFIG_MAPS, ref).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    if (data === undefined) return;
    await this.admin.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data });
  }

  /** Changes the data of the ConfigMap in place. */
  async editPools(data: Record<string, string>): Promise<void> {
    const ref = { namespace: 'kube-system', name: 'kubevip' };
    const current = await this.admin.get(CONFIG_MAPS, ref);
    await this.admin.replace(CONFIG_MAPS, { ...current, data });
  }

  /** Creates a LoadBalancer Service and returns its name. */
  async expose(traits: ServiceTraits = {}, name = `echo-${++this.#names}`): Promise<string> {
    const { metadata, spec } = serviceObject(name, traits);
    const { labels, annotations, namespace } = metadata ?? {};
    const { ipFamilies, ...rest } = spec ?? {};
    await this.admin.create(SERVICES, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name,
        ...(namespace && { namespace }),
        ...(labels && { labels }),
        ...(annotations && { annotations }),
      },
      spec: {
        ...rest,
        allocateLoadBalancerNodePorts: false,
        ...(traits.ipFamilies && ipFamilies && { ipFamilies }),
      },
    });
    return name;
  }

  get(name: string): Promise<Service> {
    return this.admin.get(SERVICES, { namespace: 'default', name });
  }

  /** Changes a Service as `kubectl edit` does. */
  async edit(name: string, change: (service: Service) => Service): Promise<void> {
    await this.admin.replace(SERVICES, change(await this.get(name)));
  }

  async all(): Promise<readonly Service[]> {
    return (await this.admin.list(SERVICES, { namespace: 'default' })).items.filter(
      (each) => each.metadata?.name !== 'kubernetes',
    );
  }

  /** Removes all Services while no instance runs: their finalizers are taken away by hand. */
  async removeServices(): Promise<void> {
    for (const { metadata } of await this.all()) {
      const { name = '', finalizers = [] } = metadata ?? {};
      if (finalizers.length > 0) {
        await this.edit(name, (each) => ({ ...each, metadata: { ...each.metadata, finalizers: [] } }));
      }
      await this.admin.remove(SERVICES, { namespace: 'default', name }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }

  /** Our Events about a Service, `Warning SyncLoadBalancerFailed: message`. The API server has some of its own. */
  async events(name: string): Promise<readonly string[]> {
    const fieldSelector = `involvedObject.kind=Service,involvedObject.name=${name}`;
    const { items } = await this.admin.list<CoreEvent>(EVENTS, { namespace: 'default', fieldSelector });
    return items
      .filter(({ source }) => source?.component === COMPONENT.cloudProvider)
      .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop()));
    await this.#close();
  }
}

/** The addresses a Service was given, comma list; undefined while there are none. */
export function given(service: Service): string | undefined {
  return service.metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];
}
