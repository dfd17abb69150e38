// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { insideLabNamespace } from '../namespace.ts';
import { requestToken } from './cluster-values.ts';
import { ConfigError, fieldValue, type PodFacts, type ValueSource } from './container-env.ts';

/** Where every container finds the pod's token. */
export const SERVICE_ACCOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Name of the volume we add when the API server's admission has not. */
const TOKEN_VOLUME = 'lab-service-account';
const TOKEN_SECONDS = 3_607;
const REFRESH_RETRY_MS = 5_000;

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

/** What {@link PodVolumes} needs. */
export interface PodVolumesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly values: ValueSource;
  /** Certificate of the cluster's authority, for pods that get no ConfigMap with it. */
  readonly certificate: string;
  /** Folder of the pod. */
  readonly folder: string;
  readonly facts: () => PodFacts;
}

/** The volumes of one pod: folders and files on this machine, and tokens that are kept fresh. */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #paths = new Map<string, string>();
  readonly #refreshes = new Set<Timer>();
  #closed = false;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
  }

  /** Makes all volumes of the pod. Throws {@link ConfigError} when something they need is missing. */
  async prepare(): Promise<void> {
    const { pod } = this.#options.facts();
    for (const volume of pod.spec?.volumes ?? []) {
      this.#paths.set(volume.name, await this.#make(volume));
    }
    if (wantsToken(pod)) {
      const path = this.#newFolder(TOKEN_VOLUME);
      await this.#token(path, 'token', { expirationSeconds: TOKEN_SECONDS });
      writeFiles(path, { 'ca.crt': this.#options.certificate, namespace: pod.metadata?.namespace ?? '' });
      this.#paths.set(TOKEN_VOLUME, path);
    }
  }

  /** Path of a volume on this machine; undefined for a name the pod does not have. */
  path(name: string): string | undefined {
    return this.#paths.get(name);
  }

  /** Path of the token folder to mount at {@link SERVICE_ACCOUNT_PATH}; undefined when the pod's spec does it. */
  get tokenPath(): string | undefined {
    return this.#paths.get(TOKEN_VOLUME);
  }

  /** Stops refreshing tokens. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#refreshes) timer.cancel();
  }

  #newFolder(name: string): string {
    const path = join(this.#options.folder, 'volumes', name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async #make(volume: Volume): Promise<string> {
    if (volume.hostPath) return hostPath(volume.hostPath.path, volume.hostPath.type);
    const path = this.#newFolder(volume.name);
    const { configMap, secret, projected, downwardAPI } = volume;
    if (configMap) writeFiles(path, await this.#configMap(configMap));
    else if (secret) writeFiles(path, await this.#secret({ ...secret, name: secret.secretName ?? '' }));
    else if (downwardAPI) writeFiles(path, this.#downward(downwardAPI.items ?? []));
    else if (projected) {
      for (const source of projected.sources ?? []) await this.#project(path, source);
    } else if (!volume.emptyDir) {
      throw new ConfigError(`volume "${volume.name}" is of a kind the lab does not have`);
    }
    return path;
  }

  async #project(path: string, source: Projection): Promise<void> {
    const { serviceAccountToken, configMap, secret, downwardAPI } = source;
    if (serviceAccountToken) {
      const { audience, expirationSeconds = TOKEN_SECONDS, path: file } = serviceAccountToken;
      await this.#token(path, file, { expirationSeconds, ...(audience === undefined ? {} : { audience }) });
    }
    if (configMap) writeFiles(path, await this.#configMap(configMap));
    if (secret) writeFiles(path, await this.#secret({ ...secret, name: secret.name ?? '' }));
    if (downwardAPI) writeFiles(path, this.#downward(downwardAPI.items ?? []));
  }

  async #configMap(reference: Reference): Promise<Record<string, string>> {
    const name = reference.name ?? '';
    const data = await this.#options.values.configMap(name);
    // Without the controller that publishes it, the certificate of our own kubeconfig serves.
    if (data === undefined && name === 'kube-root-ca.crt') {
      return pick({ 'ca.crt': this.#options.certificate }, reference);
    }
    return pick(data, reference);
  }

  async #secret(reference: Reference): Promise<Record<string, string>> {
    return pick(await this.#options.values.secret(reference.name ?? ''), reference);
  }

  #downward(
    items: readonly { readonly path: string; readonly fieldRef?: { readonly fieldPath: string } }[],
  ): Record<string, string> {
    const facts = this.#options.facts();
    return Object.fromEntries(
      items.map((item) => [item.path, item.fieldRef ? fieldValue(item.fieldRef.fieldPath, facts) : '']),
    );
  }

  async #token(
    folder: string,
    file: string,
    wish: { readonly audience?: string; readonly expirationSeconds: number },
  ): Promise<void> {
    const { client, clock } = this.#options;
    const { token, refreshAfterMs } = await requestToken(
      client,
      this.#options.facts().pod,
      wish,
      clock.wallMs(),
    );
    writeFiles(folder, { [file]: token });
    this.#later(refreshAfterMs, () => this.#token(folder, file, wish));
  }

  #later(afterMs: number, refresh: () => Promise<void>): void {
    if (this.#closed) return;
    const timer = this.#options.clock.setTimer(() => {
      this.#refreshes.delete(timer);
      refresh().catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'cannot refresh the token of a pod yet');
        this.#later(REFRESH_RETRY_MS, refresh);
      });
    }, afterMs);
    this.#refreshes.add(timer);
  }
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

/** Whether we have to add the token: nobody opted out, and admission has not put a volume there already. */
function wantsToken(pod: Pod): boolean {
  if (pod.spec?.automountServiceAccountToken === false) return false;
  const mounted = (pod.spec?.containers ?? []).some((container) =>
    container.volumeMounts?.some((mount) => mount.mountPath === SERVICE_ACCOUNT_PATH),
  );
  return !mounted;
}

function pick(
  data: Readonly<Record<string, string>> | undefined,
  reference: Reference,
): Record<string, string> {
  if (data === undefined) {
    if (reference.optional === true) return {};
    throw new ConfigError(`"${reference.name ?? ''}" not found`);
  }
  if (reference.items === undefined) return { ...data };
  return Object.fromEntries(
    reference.items.flatMap(({ key, path }) => {
      const value = data[key];
      if (value !== undefined) return [[path, value]];
      if (reference.optional === true) return [];
      throw new ConfigError(`"${reference.name ?? ''}" has no key "${key}"`);
    }),
  );
}

/** Each file appears whole: a reader sees the old content or the new one. */
function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, content, { mode: 0o644 });
    renameSync(`${path}.new`, path);
  }
}

/**
 * A path of the machine. The machine is never changed, so what is missing there is an error even for `*OrCreate`; only `/run` is the
 * lab's own, and is furnished as a node's would be.
 */
function hostPath(path: string, type: string | undefined): string {
  if (!existsSync(path) && path.startsWith('/run/') && insideLabNamespace()) furnish(path, type);
  if (!existsSync(path))
    throw new ConfigError(`hostPath "${path}" does not exist (and the lab does not create it)`);
  const isFolder = statSync(path).isDirectory();
  if ((type === 'Directory' && !isFolder) || (type === 'File' && isFolder)) {
    throw new ConfigError(`hostPath "${path}" is not a ${type}`);
  }
  return path;
}

function furnish(path: string, type: string | undefined): void {
  if (type === 'FileOrCreate') writeFileSync(path, '', { flag: 'a' });
  else if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true });
}
