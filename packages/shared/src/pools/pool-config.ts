// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { isForbidden, type KubeClient } from '../kubernetes/client.ts';
import { createReflector } from '../kubernetes/create-reflector.ts';
import type { ConfigMap } from '../kubernetes/objects.ts';
import type { Reflector } from '../kubernetes/reflector.ts';
import { CONFIG_MAPS } from '../kubernetes/resources.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logging.ts';

/** Where the pools are looked for. */
export interface PoolConfigMap {
  readonly namespace: string;
  readonly name: string;
  /** Read instead while there is no ConfigMap `name`: the one of plndr-cloud-provider. */
  readonly legacyName?: string | undefined;
}

/** What the ConfigMap in use says. */
export interface PoolConfigState {
  /** `namespace/name` of the ConfigMap in use; of the one that is missing when there is none. */
  readonly name: string;
  /** undefined: there is no ConfigMap. */
  readonly object: ConfigMap | undefined;
  /** What is about pools in it; undefined when there is no ConfigMap. */
  readonly data: Readonly<Record<string, string>> | undefined;
}

/** Key of a ConfigMap `plndr` that is not about pools: what the cloud provider tells a balancer of the namespace. */
export const SERVICES_KEY = 'plndr-services';

/** What {@link PoolConfig} needs. */
export interface PoolConfigOptions {
  readonly client: KubeClient;
  readonly configMap: PoolConfigMap;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called when the ConfigMap in use changes, or another one comes into use. */
  readonly onChange: (state: PoolConfigState) => void;
}

/**
 * Follows the ConfigMap with the pools, or its predecessor while there is none. Nothing is told before it is certain which
 * of the two counts.
 */
export class PoolConfig {
  readonly #options: PoolConfigOptions;
  readonly #main: Reflector<ConfigMap>;
  readonly #legacy: Reflector<ConfigMap> | undefined;
  /** The predecessor may not be read, and counts as missing. */
  #legacyForbidden = false;
  #legacyStart: Promise<void> = Promise.resolve();
  #told: ConfigMap | undefined;
  #notice = '';
  readonly #stopping = new AbortController();

  constructor(options: PoolConfigOptions) {
    this.#options = options;
    const { namespace, name, legacyName } = options.configMap;
    this.#main = this.#reflect(namespace, name);
    this.#legacy = legacyName === undefined ? undefined : this.#reflect(namespace, legacyName);
    for (const reflector of [this.#main, this.#legacy]) reflector?.subscribe(() => this.#update());
  }

  /** The ConfigMap in use. */
  get state(): PoolConfigState {
    const object = this.#object();
    const { namespace, name } = this.#options.configMap;
    return {
      name: `${namespace}/${object?.metadata?.name ?? name}`,
      object,
      data: object === undefined ? undefined : poolDataOf(object),
    };
  }

  /** Whether it is known which ConfigMap counts, and what it says. */
  get isSynced(): boolean {
    if (!this.#main.isSynced) return false;
    return this.#find(this.#main) !== undefined || this.#legacy === undefined || this.#isLegacyKnown();
  }

  start(): void {
    this.#main.start();
    this.#main
      .synced(this.#stopping.signal)
      .then(() => this.#update())
      .catch((error: unknown) => this.#tellFailure(error));
    if (this.#legacy !== undefined) this.#legacyStart = this.#startLegacy(this.#legacy);
  }

  /** Resolves when {@link isSynced}; rejects when `signal` is aborted. */
  async synced(signal?: AbortSignal): Promise<void> {
    await this.#main.synced(signal);
    if (this.#find(this.#main) === undefined && this.#legacy !== undefined) {
      await this.#legacyStart;
      if (!this.#legacyForbidden) await this.#legacy.synced(signal);
    }
    // Whoever waits for this reads pools next.
    this.#update();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'));
    await this.#legacyStart;
    await Promise.all([this.#main.stop(), this.#legacy?.stop()]);
  }

  /** Rights to the predecessor are not in every role that was written for kube-vip's cloud provider or ours. */
  async #startLegacy(legacy: Reflector<ConfigMap>): Promise<void> {
    const { client, configMap, logger } = this.#options;
    const { signal } = this.#stopping;
    try {
      const fieldSelector = `metadata.name=${configMap.legacyName}`;
      await client.list(CONFIG_MAPS, { namespace: configMap.namespace, fieldSelector, limit: 1, signal });
    } catch (error) {
      this.#legacyForbidden = isForbidden(error);
    }
    if (signal.aborted) return;
    if (this.#legacyForbidden) {
      const hint = `nothing to do unless your pools are in ConfigMap ${configMap.legacyName}; then allow get, list and watch on it`;
      logger.info({ hint }, `ConfigMap ${configMap.legacyName} may not be read`);
      this.#update();
      return;
    }
    legacy.start();
    legacy
      .synced(signal)
      .then(() => this.#update())
      .catch((error: unknown) => this.#tellFailure(error));
  }

  #update(): void {
    if (!this.isSynced) return;
    const object = this.#object();
    this.#tellChoice();
    const isSame = object === this.#told || (object && this.#told && saySame(object, this.#told));
    this.#told = object;
    if (isSame) return;
    this.#options.onChange(this.state);
  }

  #object(): ConfigMap | undefined {
    const main = this.#find(this.#main);
    if (main !== undefined || this.#legacy === undefined) return main;
    const legacy = this.#find(this.#legacy);
    return legacy !== undefined && isAboutPools(legacy) ? legacy : undefined;
  }

  #find(reflector: Reflector<ConfigMap>): ConfigMap | undefined {
    const { namespace, name, legacyName = '' } = this.#options.configMap;
    return reflector.store.get(namespace, reflector === this.#main ? name : legacyName);
  }

  #isLegacyKnown(): boolean {
    return this.#legacyForbidden || (this.#legacy?.isSynced ?? true);
  }

  /** Says which one is in use when there is a choice, once. */
  #tellChoice(): void {
    if (this.#legacy === undefined) return;
    const { configMap, logger } = this.#options;
    const legacy = this.#find(this.#legacy);
    const hasBoth = this.#find(this.#main) !== undefined && legacy !== undefined && isAboutPools(legacy);
    const notice = hasBoth
      ? `ConfigMap ${configMap.name} is in use; the pools in ${configMap.legacyName} are not`
      : this.state.object !== undefined && this.state.object === legacy
        ? `there is no ConfigMap ${configMap.name}; the pools in ${configMap.legacyName} are in use`
        : '';
    if (notice !== this.#notice && notice !== '') logger.info({ configMap: this.state.name }, notice);
    this.#notice = notice;
  }

  #tellFailure(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#options.logger.error({ err: error }, 'no ConfigMap was read');
  }

  #reflect(namespace: string, name: string): Reflector<ConfigMap> {
    const { client, logger, clock } = this.#options;
    const fieldSelector = `metadata.name=${name}`;
    return createReflector({ client, resource: CONFIG_MAPS, namespace, fieldSelector, logger, clock });
  }
}

/** A ConfigMap without data exists; only what is not there does not. */
export function poolDataOf({ data = {} }: ConfigMap): Readonly<Record<string, string>> {
  const { [SERVICES_KEY]: _services, ...rest } = data;
  return rest;
}

/** What we ourselves write beside the pools is no change of them. */
function saySame(a: ConfigMap, b: ConfigMap): boolean {
  return a.metadata?.uid === b.metadata?.uid && isDeepStrictEqual(poolDataOf(a), poolDataOf(b));
}

/** Whether it is meant to hold pools: in one with nothing but what we wrote for a balancer, nobody has configured any. */
export function isAboutPools({ data = {} }: ConfigMap): boolean {
  const keys = Object.keys(data);
  return keys.length === 0 || keys.some((key) => key !== SERVICES_KEY);
}
