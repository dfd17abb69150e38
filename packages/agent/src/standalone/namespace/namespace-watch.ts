// SPDX-License-Identifier: Apache-2.0
import type { KubeClient, Selection } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  LEASES,
  type Resource,
  resourceName,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { LeaseName } from '../../config/lease-name.ts';
import type { LeaseWatch } from '../../ownership/lease-engine.ts';
import type { Demand, DemandSource } from '../demand.ts';
import { namespaceDemand } from './namespace-demand.ts';
import { EMPTY_LIST, readServiceList, SERVICES_KEY, type ServiceList } from './service-list.ts';

/** What a {@link NamespaceWatch} needs. */
export interface NamespaceWatchOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The one with the list of Services. */
  readonly configMap: string;
  /** Under which all addresses are. */
  readonly lease: LeaseName;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Local copies of what one namespace says, and what there is to do because of it. */
export class NamespaceWatch implements DemandSource {
  readonly #options: NamespaceWatchOptions;
  readonly #configMaps;
  readonly #services;
  readonly #slices;
  /** For the engine. */
  readonly leases: LeaseWatch;
  /** All of them, for probes. */
  readonly all: readonly Reflector<KubeObject>[];
  #list: ServiceList = EMPTY_LIST;
  #demand: Demand | undefined;

  constructor(options: NamespaceWatchOptions) {
    this.#options = options;
    const { namespace, configMap, lease } = options;
    this.#configMaps = this.#watch(CONFIG_MAPS, { namespace, fieldSelector: `metadata.name=${configMap}` });
    this.#services = this.#watch(SERVICES, { namespace });
    this.#slices = this.#watch(ENDPOINT_SLICES, { namespace });
    const leases = this.#watch(LEASES, { namespace, fieldSelector: `metadata.name=${lease.name}` });
    this.leases = {
      reflector: leases,
      covers: (where, name) => where === lease.namespace && name === lease.name,
    };
    this.all = [this.#configMaps, this.#services, this.#slices, leases];
  }

  /** Resolves when all is known that there is. Rejects when `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    for (const reflector of this.all) reflector.start();
    await Promise.all(this.all.map((reflector) => reflector.synced(signal)));
  }

  current(): Demand {
    const { namespace, lease } = this.#options;
    this.#demand ??= namespaceDemand(
      {
        namespace,
        list: this.#readList(),
        services: this.#services.store.values(),
        slices: this.#slices.store.values(),
      },
      lease,
    );
    return this.#demand;
  }

  onChange(listener: () => void): () => void {
    const changed = () => {
      this.#demand = undefined;
      listener();
    };
    const ends = [this.#configMaps, this.#services, this.#slices].map((reflector) =>
      reflector.subscribe(changed),
    );
    return () => {
      for (const end of ends) end();
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((reflector) => reflector.stop()));
  }

  /** What cannot be read at all changes nothing of what is served. */
  #readList(): ServiceList {
    const { namespace, configMap } = this.#options;
    const read = readServiceList(this.#configMaps.store.get(namespace, configMap)?.data?.[SERVICES_KEY]);
    this.#list = read.isReadable ? read : { ...this.#list, problems: read.problems };
    return this.#list;
  }

  #watch<T extends KubeObject>(resource: Resource<T>, selection: Selection): Reflector<T> {
    const { client, clock, logger } = this.#options;
    return createReflector<T>({
      client,
      resource,
      ...selection,
      clock,
      logger: logger.child({ watch: resourceName(resource) }),
    });
  }
}
