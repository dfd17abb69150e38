// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { LabOptions } from '@fairlead/test-lab/lab.ts';
import { CONTROL_PLANE, hostByMac, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { agentStatus } from '../agent-status.ts';
import { Cluster, POOL } from '../fixture.ts';
import type { InstallOptions } from '../install.ts';
import type { Role } from './plan.ts';

/** Addresses for the Services; more than are needed, because a released one rests before it is given again. */
const ADDRESSES = '172.18.0.200-172.18.0.250,fd00:18::c8-fd00:18::ff';
const NAMESPACE = 'default';

/** How chaos is begun. */
export interface WorldOptions extends LabOptions, InstallOptions {
  readonly services: number;
  readonly engine: string;
  /** Time between two questions of the observer for each address. */
  readonly probeMs: number;
}

/** One Service of the run. */
export interface ChaosService {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

/** The cluster that suffers, the Services on it, and the observer that watches all their addresses. */
export class ChaosWorld {
  readonly cluster: Cluster;
  readonly observer: NeighborObserver;
  /** Nodes with an agent. */
  readonly nodes: readonly string[];
  readonly engine: string;
  readonly #names: readonly string[];
  readonly #watched = new Set<string>();

  private constructor(
    cluster: Cluster,
    observer: NeighborObserver,
    names: readonly string[],
    engine: string,
  ) {
    this.engine = engine;
    this.cluster = cluster;
    this.observer = observer;
    this.#names = names;
    this.nodes = nodesOf(cluster.lab.plan)
      .filter(({ role }) => role === 'worker')
      .map(({ name }) => name);
  }

  /** Starts a cluster with an agent on each of three workers, and exposes so many Services on both families. */
  static async start({ services, engine, probeMs, agentEnv, ...options }: WorldOptions): Promise<ChaosWorld> {
    const cluster = await Cluster.start({
      workers: 3,
      ...options,
      agentEnv: { fairlead_engine: engine, ...agentEnv },
    });
    try {
      await cluster.setPools({ [POOL]: ADDRESSES });
      const names = Array.from({ length: services }, (_, index) => `chaos-${index}`);
      const observer = await cluster.lab.observeNeighbors({ intervalMs: probeMs });
      const world = new ChaosWorld(cluster, observer, names, engine);
      for (const name of names) await world.expose(name);
      return world;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Names of the Services, by their number in the plan. */
  get names(): readonly string[] {
    return this.#names;
  }

  nameOf(service: number): string {
    const name = this.#names[service];
    if (name === undefined)
      throw new Error(`Service ${service} of the plan, expected one of ${this.#names.length}`);
    return name;
  }

  async expose(name: string): Promise<void> {
    await this.cluster.expose(name, { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
  }

  /** The Services as the API server has them; their addresses are watched from now on, those of former ones no longer. */
  async services(): Promise<readonly ChaosService[]> {
    const { items } = await this.cluster.client.list(SERVICES, { namespace: NAMESPACE });
    const services = items.filter(({ metadata }) => this.#names.includes(metadata?.name ?? '')).map(describe);
    const addresses = new Set(services.flatMap((service) => service.addresses));
    for (const address of addresses) {
      if (this.#watched.has(address)) continue;
      this.#watched.add(address);
      this.observer.watch(address);
    }
    return services;
  }

  /** Addresses that are watched and belong to no Service any more. */
  former(services: readonly ChaosService[]): readonly string[] {
    const present = new Set(services.flatMap(({ addresses }) => addresses));
    return [...this.#watched].filter((address) => !present.has(address));
  }

  /** Asks no more for an address. */
  forget(address: string): void {
    this.#watched.delete(address);
    this.observer.unwatch(address);
  }

  /** Everything that is watched. */
  get watched(): readonly string[] {
    return [...this.#watched];
  }

  /** The node that answered last for an address; undefined for a machine that is none of the cluster's. */
  ownerOf(address: string): string | undefined {
    return hostByMac(this.cluster.lab.plan, this.observer.ownerOf(address) ?? '')?.name;
  }

  /** The node that has a part at this moment; any node when nobody does. */
  async nodeOf(role: Role, service: number): Promise<string> {
    const owner = await this.#ownerOfService(service);
    if (role === 'owner') return owner;
    if (role === 'coordinator') return (await this.coordinator()) ?? owner;
    return this.nodes.find((node) => node !== owner) ?? owner;
  }

  /** The node that coordinates the group; undefined when none does, nobody can say, or the engine has none. */
  async coordinator(): Promise<string | undefined> {
    const reports = await Promise.allSettled(this.nodes.map((node) => agentStatus(this.cluster.lab, node)));
    const told = reports.flatMap((report) => (report.status === 'fulfilled' ? [report.value] : []));
    return told.find(({ coordinator }) => coordinator !== null)?.coordinator?.node;
  }

  /** Leases by which addresses are owned: those of Services, and the group's record. */
  async records(): Promise<readonly { readonly namespace: string; readonly name: string }[]> {
    const { items } = await this.cluster.client.list(LEASES, {});
    return items.flatMap(({ metadata }) => {
      const { namespace = '', name = '' } = metadata ?? {};
      return name === 'fairlead-group' || name.startsWith('kubevip-chaos-') ? [{ namespace, name }] : [];
    });
  }

  /** The node without an agent, which stands for a foreign machine. */
  get stranger(): string {
    return CONTROL_PLANE;
  }

  async #ownerOfService(service: number): Promise<string> {
    const found = (await this.services()).find(({ name }) => name === this.nameOf(service));
    const owners = (found?.addresses ?? []).map((address) => this.ownerOf(address));
    return owners.find((owner) => owner !== undefined && this.nodes.includes(owner)) ?? this.nodes[0] ?? '';
  }
}

function describe({ metadata, spec, status }: Service): ChaosService {
  return {
    name: metadata?.name ?? '',
    addresses: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
    ports: (spec?.ports ?? []).map(({ port }) => port),
  };
}
