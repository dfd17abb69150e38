// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  ConfigError,
  type ContainerSpec,
  containerEnv,
  type PodFacts,
  type ValueSource,
} from './container-env.ts';
import type { LaunchPlan } from './container-runtime.ts';
import { containerArgv, findImage, parseImages } from './images.ts';
import { type MountPlan, mountScript, quote } from './mounts.ts';
import { type PodVolumes, SERVICE_ACCOUNT_PATH } from './volumes.ts';

/** What {@link planContainer} needs. */
export interface ContainerPlanInput {
  readonly container: ContainerSpec;
  readonly facts: PodFacts;
  readonly values: ValueSource;
  readonly volumes: PodVolumes;
  readonly imagesFile: string;
  /** `host:port`. */
  readonly apiServer: string;
  readonly node: string;
  /** The pod's network namespace; undefined for host network. */
  readonly netns: string | undefined;
  /** Folder of the container: log, termination log, scratch. */
  readonly folder: string;
}

/** Name of the file that stands for /dev/termination-log. */
export const TERMINATION_LOG = 'termination-log';

/** Works out how a container is run: its command line wrapped into namespaces and mounts, its environment, its log. */
export async function planContainer(input: ContainerPlanInput): Promise<LaunchPlan> {
  const { container, facts } = input;
  const image = container.image ?? '';
  const recipe = findImage(parseImages(readFileSync(input.imagesFile, 'utf8')), image);
  if (recipe === undefined) {
    const message = `Failed to pull image "${image}": it is not in the lab's images file`;
    return { ok: false, reason: 'ErrImagePull', message };
  }
  const hostname = hostnameOf(input);
  try {
    const base = { ...recipe.env, ...labEnv(input, hostname) };
    const env = await containerEnv(container, base, facts, input.values);
    const argv = containerArgv(recipe, container, env);
    if ((argv[0] ?? '') === '') throw new ConfigError(`no command specified for image "${image}"`);
    const covers = join(input.folder, 'covers');
    mkdirSync(covers, { recursive: true });
    const script = [
      'set -e',
      `echo ${quote(hostname)} > /proc/sys/kernel/hostname`,
      ...(container.workingDir === undefined ? ['cd /'] : [`cd ${quote(container.workingDir)}`]),
      ...mountScript(mountsOf(input), { deepestExisting, scratch: ['/run'] }, covers),
    ].join('\n');
    const enter = input.netns === undefined ? [] : ['ip', 'netns', 'exec', input.netns];
    // `ip netns exec` brings a mount namespace of its own; one more costs nothing and serves host-network pods too.
    return {
      ok: true,
      argv: [...enter, 'unshare', '--mount', '--uts', '--', 'sh', '-c', script, 'sh', ...argv],
      env,
      containerEnv: env,
      logFile: join(input.folder, 'log'),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ok: false, reason: 'CreateContainerConfigError', message: error.message };
  }
}

function hostnameOf({ facts, netns, node }: ContainerPlanInput): string {
  return netns === undefined
    ? node
    : (facts.pod.spec?.hostname ?? facts.pod.metadata?.name ?? '').slice(0, 63);
}

/**
 * What every container sees. Two names are ours: LAB_NODE_NAME, by which workloads can say where they run without any
 * manifest, and LAB_POD_UID, by which the lab finds the processes of a pod.
 */
function labEnv(input: ContainerPlanInput, hostname: string): Record<string, string> {
  const colon = input.apiServer.lastIndexOf(':');
  const host = input.apiServer.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = input.apiServer.slice(colon + 1);
  return {
    PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    HOSTNAME: hostname,
    LAB_NODE_NAME: input.node,
    LAB_POD_UID: input.facts.pod.metadata?.uid ?? '',
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: port,
    KUBERNETES_SERVICE_PORT_HTTPS: port,
  };
}

function mountsOf({ container, volumes }: ContainerPlanInput): MountPlan[] {
  const mounts: MountPlan[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.path(mount.name);
    if (volume === undefined) throw new ConfigError(`the pod has no volume "${mount.name}"`);
    const source = mount.subPath ? join(volume, mount.subPath) : volume;
    if (!existsSync(source)) mkdirSync(source, { recursive: true });
    mounts.push({
      source,
      target: resolveTarget(mount.mountPath),
      readOnly: mount.readOnly === true,
      isFile: !statSync(source).isDirectory(),
    });
  }
  if (volumes.tokenPath !== undefined) {
    const target = resolveTarget(SERVICE_ACCOUNT_PATH);
    mounts.push({ source: volumes.tokenPath, target, readOnly: true, isFile: false });
  }
  return mounts;
}

/** Deepest existing folder on the way to a path, or the path itself. */
function deepestExisting(path: string): string {
  let folder = path;
  while (folder !== '/' && !existsSync(folder)) folder = dirname(folder);
  return folder;
}

/** The path with symbolic links of its existing part resolved: /var/run is /run on most machines. */
function resolveTarget(path: string): string {
  const existing = deepestExisting(path);
  if (existing === path) return realpathSync(path);
  return join(realpathSync(existing), path.slice(existing.length));
}

/** Folder of a container inside its pod's. */
export function containerFolder(podFolder: string, name: string): string {
  const folder = join(podFolder, 'containers', basename(name));
  mkdirSync(folder, { recursive: true });
  return folder;
}
