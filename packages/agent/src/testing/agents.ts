// SPDX-License-Identifier: Apache-2.0

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallOptions, KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { COMPONENT, LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import { createEventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { EndpointSlice, Node, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import type { RequestRecord } from '@fairlead/test-apiserver/http/dispatcher.ts';
import { type ApiServerHandle, createApiServer } from '@fairlead/test-apiserver/server.ts';
import { type BalanceModel, type Frontend, withFrontends } from '../balance/model/frontend.ts';
import { readSettings } from '../config/settings.ts';
import type { ResolveName } from '../dns/resolve-name.ts';
import { type Agent, createAgent } from '../manager/agent.ts';
import { createMetrics } from '../manager/metrics.ts';
import { createWatches, type Watches } from '../manager/watches.ts';
import { createLeaseEngine } from '../ownership/lease-engine.ts';
import { FakeKeeper, TenureBook } from './fake-keeper.ts';

/** One agent of the test, with everything but frames and nftables. */
export interface TestAgent {
  readonly node: string;
  readonly agent: Agent;
  readonly client: KubeClient;
  /** What its data plane was last given. */
  model(): BalanceModel | undefined;
  /** Ids of the frontends that were replaced by themselves, outside of a pass. */
  readonly replaced: readonly string[];
  metrics(): Promise<string>;
  /** Packets to the API server are dropped from now on: nothing comes, and calls hang until their time limits. */
  cutOff(): Promise<void>;
  /** Orderly end, as after SIGTERM. */
  stop(): Promise<void>;
  /** Ends without a word to anybody: its Leases stay, its grants run out. */
  crash(): Promise<void>;
}

/** Of {@link TestCluster}'s agents; the shortest there is. */
export const LEASE_DURATION_MS = 2_000;

/** What else can be chosen for an agent of a test. */
export interface StartOptions {
  /** Default true. */
  readonly watchesLeases?: boolean;
  /** Resolves DNS names; default: as the program does. */
  readonly resolve?: ResolveName;
  /** Path of a kubeconfig of somebody with fewer rights; default: the administrator's. */
  readonly kubeconfig?: string;
  /** Default: that of the settings. */
  readonly tokenNamespace?: string;
}

/** Settings of the kind case study, with the shortest timings a Lease allows. */
const ENV = {
  vip_arp: 'true',
  port: '6443',
  vip_interface: 'eth0',
  dns_mode: 'first',
  svc_enable: 'true',
  svc_leasename: 'plndr-svcs-lock',
  vip_address: '',
  prometheus_server: ':2112',
  svc_election: 'true',
  fairlead_balance: 'nftables',
  vip_leaseduration: `${LEASE_DURATION_MS / 1000}`,
  vip_renewdeadline: '1',
  vip_retryperiod: '0.3',
} as const;

const ETH0 = {
  name: 'eth0',
  index: 2,
  kind: 'ether',
  isUp: true,
  mtu: 1500,
  addresses: [],
} as const;

/** An API server and the agents of a few nodes around it, all in this process. */
export class TestCluster {
  readonly server: ApiServerHandle;
  readonly client: KubeClient;
  readonly book = new TenureBook(systemClock);
  /** What the API server was asked so far, by whomever. */
  readonly requests: readonly RequestRecord[];
  readonly #folder: string;
  readonly #agents: TestAgent[] = [];

  private constructor(
    server: ApiServerHandle,
    client: KubeClient,
    folder: string,
    requests: readonly RequestRecord[],
  ) {
    this.server = server;
    this.requests = requests;
    this.client = client;
    this.#folder = folder;
  }

  static async start(nodes: readonly string[]): Promise<TestCluster> {
    const requests: RequestRecord[] = [];
    const server = await createApiServer({ onRequest: (record) => requests.push(record) });
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-agent-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, server.kubeconfig());
    const cluster = new TestCluster(server, await connect({ kubeconfig }), folder, requests);
    for (const name of nodes) await cluster.client.create(NODES, nodeObject(name));
    return cluster;
  }

  /** Starts the agent of a node. `env` changes its settings; without a watch it polls Leases, as under a Role. */
  async startAgent(
    node: string,
    env: Readonly<Record<string, string>> = {},
    { watchesLeases = true, resolve, ...rest }: StartOptions = {},
  ): Promise<TestAgent> {
    const { kubeconfig = join(this.#folder, 'kubeconfig'), ...token } = rest;
    const settings = readSettings({
      env: { ...ENV, ...env, k8s_config_file: kubeconfig },
      hostName: node,
      ...token,
    });
    const [clock, logger] = [systemClock, silentLogger];
    const client = await connect({ kubeconfig });
    const watches = await createWatches({ client, settings, clock, logger });
    watches.start();
    const keeper = new FakeKeeper(node, this.book, clock);
    let model: BalanceModel | undefined;
    const replaced: string[] = [];
    const balancer = {
      name: 'recording',
      apply: (wanted: BalanceModel) => {
        model = wanted;
        return Promise.resolve();
      },
      replace: (frontends: ReadonlyMap<string, Frontend | undefined>) => {
        if (model !== undefined) model = withFrontends(model, frontends);
        replaced.push(...frontends.keys());
        return Promise.resolve();
      },
      verify: () => Promise.resolve(false),
      stop: () => Promise.resolve(),
    };
    const { nodes } = watches;
    const leases = watchesLeases ? watches.leases : undefined;
    const engine = createLeaseEngine({ client, node, timing: settings, nodes, leases, clock, logger });
    const metrics = createMetrics({ node, version: 'test' });
    const readLinks = () => Promise.resolve({ links: [ETH0], defaultInterface: 'eth0' });
    const events = createEventRecorder({ client, component: COMPONENT.agent, host: node, logger, clock });
    const parts = { settings, client, watches, engine, keeper, balancer, metrics, events };
    const names = resolve === undefined ? {} : { resolve };
    const agent = createAgent({ ...parts, ...names, clock, logger, readLinks });
    await agent.start();
    const end = async () => {
      await watches.stop();
      client.close();
    };
    const gone = new AbortController();
    const started: TestAgent = {
      node,
      agent,
      client,
      model: () => model,
      replaced,
      metrics: () => metrics.registry.metrics(),
      cutOff: () => cutOff(watches, client, gone.signal),
      stop: async () => {
        this.#agents.splice(this.#agents.indexOf(started), 1);
        await agent.stop();
        await end();
      },
      crash: async () => {
        this.#agents.splice(this.#agents.indexOf(started), 1);
        gone.abort(new Error('the process is gone'));
        await crash(agent, watches, client);
      },
    };
    this.#agents.push(started);
    return started;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.stop()));
    this.client.close();
    await this.server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A process that is gone makes no calls: every one of them fails from here on. */
async function crash(agent: Agent, watches: Watches, client: KubeClient): Promise<void> {
  const refuse = () => Promise.reject(new Error('the process is gone'));
  Object.assign(client, { get: refuse, list: refuse, create: refuse, replace: refuse, patch: refuse });
  // Calls under way end, too.
  client.close();
  await watches.stop();
  await agent.stop().catch(() => undefined);
}

async function cutOff(watches: Watches, client: KubeClient, end: AbortSignal): Promise<void> {
  const hang = (...args: readonly unknown[]) => {
    const { signal, timeoutMs = 10_000 } = (args.at(-1) ?? {}) as CallOptions;
    const { promise, reject } = Promise.withResolvers<never>();
    systemClock.setTimer(() => reject(new Error('no answer')), timeoutMs);
    for (const each of [signal, end]) each?.addEventListener('abort', () => reject(each.reason));
    return promise;
  };
  Object.assign(client, { get: hang, list: hang, create: hang, replace: hang, patch: hang });
  await watches.stop();
}

function nodeObject(name: string): Node {
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { conditions } } as Node;
}

/** A LoadBalancer Service with its address in the annotation. */
export function serviceObject(
  name: string,
  addresses: string,
  spec: Partial<NonNullable<Service['spec']>> = {},
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', annotations: { 'kube-vip.io/loadbalancerIPs': addresses } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], selector: { app: name }, ...spec },
  } as Service;
}

/** A slice of a Service with one ready endpoint per entry: pod address -> node. */
export function sliceObject(
  service: string,
  endpoints: Readonly<Record<string, string>>,
  name = `${service}-1`,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { [LABEL.serviceName]: service } },
    addressType: 'IPv4',
    endpoints: Object.entries(endpoints).map(([address, nodeName]) => ({
      addresses: [address],
      nodeName,
      conditions: { ready: true },
    })),
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  } as EndpointSlice;
}

/** Creates a Service and its slice. */
export async function expose(
  client: KubeClient,
  service: Service,
  endpoints: Readonly<Record<string, string>>,
): Promise<void> {
  await client.create(SERVICES, service);
  await client.create(ENDPOINT_SLICES, sliceObject(service.metadata?.name ?? '', endpoints));
}

/** Waits for a condition, looking every 10 ms. */
export async function eventually<T>(
  what: string,
  read: () => T | Promise<T>,
  limitMs = 30_000,
): Promise<NonNullable<T>> {
  const endMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (systemClock.monotonicMs() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
