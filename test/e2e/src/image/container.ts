// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunResult, run } from '@fairlead/test-lab/process/run.ts';

/** What of an OCI bundle's `config.json` matters here. */
interface BundleConfig {
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly user: { readonly uid: number; readonly gid: number };
  };
  readonly [field: string]: unknown;
}

/** How a container is to run, as a Pod's manifest says it. */
export interface ContainerOptions {
  /** Appended to the entry point. */
  readonly args?: readonly string[];
  /** In place of the entry point. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly capabilities?: readonly string[];
  /** Folder outside -> path inside, read only. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** An image's archive, unpacked as a container runtime does it, and run by one (crun), all inside the lab's namespaces. */
export class UnpackedImage {
  readonly #folder: string;
  readonly #config: BundleConfig;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#config = JSON.parse(readFileSync(join(folder, 'bundle/config.json'), 'utf8')) as BundleConfig;
  }

  /** Unpacks an OCI archive into a new folder in `folder`. */
  static async of(archive: string, reference: string, folder: string): Promise<UnpackedImage> {
    const target = mkdtempSync(join(folder, 'image-'));
    mkdirSync(join(target, 'layout'));
    await succeed(['tar', '-C', join(target, 'layout'), '-xf', archive]);
    // Owners cannot be set in a user namespace; all files are root's anyway.
    const source = `${join(target, 'layout')}:${reference}`;
    await succeed(['umoci', 'unpack', '--rootless', '--image', source, join(target, 'bundle')]);
    return new UnpackedImage(target);
  }

  /** How the image wants to be started. */
  get process(): BundleConfig['process'] {
    return this.#config.process;
  }

  /** Under which name containerd knows it after an import. */
  get containerdName(): string | undefined {
    const index = JSON.parse(readFileSync(join(this.#folder, 'layout/index.json'), 'utf8')) as {
      readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
    };
    return index.manifests[0]?.annotations?.['io.containerd.image.name'];
  }

  /** The command that runs a container of it with a read-only root file system, by hand or on a host of the lab. */
  command(name: string, options: ContainerOptions = {}): readonly string[] {
    const bundle = mkdtempSync(join(this.#folder, 'run-'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(this.#configOf(options)));
    const state = join(this.#folder, 'state');
    return ['crun', '--cgroup-manager=disabled', '--root', state, 'run', '--bundle', bundle, name];
  }

  #configOf(options: ContainerOptions): unknown {
    const { args = [], command = this.process.args, env = {}, capabilities = [], mounts = {} } = options;
    return {
      ...this.#config,
      root: { path: join(this.#folder, 'bundle/rootfs'), readonly: true },
      process: {
        ...this.process,
        args: [...command, ...args],
        env: [...this.process.env, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
        // The only user there is in a user namespace of the lab.
        user: { uid: 0, gid: 0 },
        terminal: false,
        noNewPrivileges: true,
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
        ...Object.entries(mounts).map(([source, destination]) => ({
          ...{ destination, type: 'bind', source, options: ['rbind', 'ro'] },
        })),
      ],
      linux: {
        // It shares the network of whoever starts it, as with hostNetwork.
        namespaces: ['mount', 'pid', 'ipc', 'uts'].map((type) => ({ type })),
      },
    };
  }
}

/**
 * Hides the machine's control groups from the container runtime, which may not use them in here. Changes nothing outside the
 * lab's mount namespace.
 */
export async function hideControlGroups(): Promise<void> {
  await succeed(['mount', '-t', 'tmpfs', 'tmpfs', '/sys/fs/cgroup']);
}

async function succeed(argv: readonly string[]): Promise<RunResult> {
  const result = await run(argv);
  if (result.code !== 0) throw new Error(`${argv.join(' ')} ended with ${result.code}: ${result.stderr}`);
  return result;
}
