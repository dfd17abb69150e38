// SPDX-License-Identifier: Apache-2.0
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isNotFound,
  type KubeClient,
} from '@fairlead/shared/kubernetes/client.ts';
import { LEGACY_CONFIG_MAP_NAME } from '@fairlead/shared/kubernetes/contract.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { type ConfigMap, keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { CONFIG_MAPS } from '@fairlead/shared/kubernetes/resources.ts';
import { WorkQueue } from '@fairlead/shared/kubernetes/work-queue.ts';
import { SERVICES_KEY } from '@fairlead/shared/pools/pool-config.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ClassMode } from '../services/service-state.ts';
import { renderEntries, type ServiceEntry, saysTheSame, serviceEntries } from './entries.ts';

/** What {@link ServiceConfigMaps} needs. */
export interface ServiceConfigMapsOptions {
  readonly client: KubeClient;
  readonly mode: ClassMode;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Limit of one write: short enough that a write of ours cannot land when another leads. */
  readonly writeTimeoutMs: number;
}

/** One period of leadership. */
export interface WritingTerm {
  readonly mayWrite: () => boolean;
  readonly signal: AbortSignal;
}

/** Services often come in crowds; their namespace is written once for all that come within this time. */
const DEBOUNCE_MS = 100;
/** Namespaces written at the same time. */
const CONCURRENCY = 2;
/** A role that does not allow the write may be mended: it is tried again this much later. */
const FORBIDDEN_PAUSE_MS = 300_000;

/**
 * Tells a balancer that runs in each namespace which addresses it has to serve, as plndr-cloud-provider did: in the
 * ConfigMap `plndr` of the namespace, key `plndr-services`. The key is ours alone and says at all times what the Services
 * say, whoever edits it; all other keys are left as they are. When the last Service is gone the list is empty, because a
 * balancer of that time takes no notice of a key that goes.
 */
export class ServiceConfigMaps {
  readonly #options: ServiceConfigMapsOptions;
  readonly #configMaps: Reflector<ConfigMap>;
  /** Namespace -> Service key -> its entries. Only Services that have some. */
  readonly #entries = new Map<string, Map<string, readonly ServiceEntry[]>>();
  #term: (WritingTerm & { readonly queue: WorkQueue }) | undefined;
  #toldForbidden = '';

  constructor(options: ServiceConfigMapsOptions) {
    this.#options = options;
    const { client, logger, clock } = options;
    this.#configMaps = createReflector({
      client,
      resource: CONFIG_MAPS,
      fieldSelector: `metadata.name=${LEGACY_CONFIG_MAP_NAME}`,
      logger,
      clock,
    });
    this.#configMaps.subscribe(({ object }) => this.#wake(object.metadata?.namespace ?? ''));
  }

  /** Takes note of a change of a Service; every change must come here, in order. */
  observe({ type, object }: Change<Service>): void {
    const namespace = object.metadata?.namespace ?? '';
    const key = keyOf(object);
    const entries = type === 'deleted' ? [] : serviceEntries(object, this.#options.mode);
    const known = this.#entries.get(namespace);
    if (renderEntries(known?.get(key) ?? []) === renderEntries(entries)) return;
    if (entries.length > 0) {
      if (known === undefined) this.#entries.set(namespace, new Map([[key, entries]]));
      else known.set(key, entries);
    } else if (known?.delete(key) && known.size === 0) this.#entries.delete(namespace);
    this.#wake(namespace);
  }

  start(): void {
    this.#configMaps.start();
  }

  async stop(): Promise<void> {
    await this.#configMaps.stop();
  }

  /** Writes until the term ends; resolves when nothing is under way any more. One term at a time. */
  async lead({ mayWrite, signal }: WritingTerm): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      await this.#configMaps.synced(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const queue = new WorkQueue({ clock, logger });
    this.#term = { queue, mayWrite, signal };
    for (const namespace of this.#entries.keys()) queue.add(namespace);
    for (const { metadata } of this.#configMaps.store.values()) queue.add(metadata?.namespace ?? '');
    try {
      await queue.run((namespace) => this.#sync(namespace), { concurrency: CONCURRENCY, signal });
    } finally {
      this.#term = undefined;
    }
  }

  #wake(namespace: string): void {
    this.#term?.queue.addAfter(namespace, DEBOUNCE_MS);
  }

  async #sync(namespace: string): Promise<void> {
    const stored = this.#configMaps.store.get(namespace, LEGACY_CONFIG_MAP_NAME);
    try {
      await this.#write(namespace, stored);
    } catch (error) {
      // Our copy is old, for the most part by a write of ours.
      if (isConflict(error) || isAlreadyExists(error)) {
        await this.#write(namespace, await this.#fresh(namespace));
      } else if (!isNamespaceGoing(error)) {
        if (!isForbidden(error)) throw error;
        this.#forbidden(namespace, error);
      }
    }
  }

  async #write(namespace: string, current: ConfigMap | undefined): Promise<void> {
    const { client, logger, writeTimeoutMs: timeoutMs } = this.#options;
    const entries = this.#wanted(namespace);
    const text = current?.data?.[SERVICES_KEY];
    // Where there never was anything to tell, nothing is created to say so.
    if (text === undefined && entries.length === 0) return;
    if (saysTheSame(text, entries) || this.#term?.mayWrite() !== true) return;
    const data = { ...current?.data, [SERVICES_KEY]: renderEntries(entries) };
    if (current === undefined) {
      const metadata = { namespace, name: LEGACY_CONFIG_MAP_NAME };
      await client.create(
        CONFIG_MAPS,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
        { timeoutMs },
      );
    } else {
      await client.replace(CONFIG_MAPS, { ...current, data }, { timeoutMs });
    }
    logger.info({ namespace, entries: entries.length }, 'list for the balancer of the namespace written');
  }

  /** By the name of the Service, so that the list does not depend on the order of events. */
  #wanted(namespace: string): readonly ServiceEntry[] {
    const services = [...(this.#entries.get(namespace) ?? [])];
    return services.sort(([a], [b]) => (a < b ? -1 : Number(a > b))).flatMap(([, entries]) => entries);
  }

  async #fresh(namespace: string): Promise<ConfigMap | undefined> {
    try {
      return await this.#options.client.get(CONFIG_MAPS, { namespace, name: LEGACY_CONFIG_MAP_NAME });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #forbidden(namespace: string, error: Error): void {
    const { logger } = this.#options;
    if (this.#toldForbidden !== error.message) {
      this.#toldForbidden = error.message;
      const hint = `allow get, list, watch and update on ConfigMaps named ${LEGACY_CONFIG_MAP_NAME}, and create on ConfigMaps`;
      logger.warn({ namespace, error: error.message, hint }, 'the list for balancers cannot be written');
    }
    this.#term?.queue.addAfter(namespace, FORBIDDEN_PAUSE_MS);
  }
}

/** The namespace is going or gone, and all that is in it. */
function isNamespaceGoing(error: unknown): boolean {
  return isNotFound(error) || (isForbidden(error) && error.message.includes('being terminated'));
}
