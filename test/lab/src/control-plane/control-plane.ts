// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { AdminApi } from '../cluster/admin-api.ts';
import { ComponentEnded, type Components } from '../cluster/components.ts';
import type { NetworkPlan } from '../network/plan.ts';
import { waitFor } from '../wait.ts';
import type { Credentials } from './credentials.ts';
import { startEmbeddedServer } from './embedded.ts';
import { startRealServer } from './real.ts';

/** Which API server: `auto` takes the real one when `KUBEBUILDER_ASSETS` names a folder that holds it. */
export type ApiServerChoice = 'auto' | 'embedded' | 'real';

/** What the control plane is made of. */
export interface ControlPlaneOptions {
  readonly plan: NetworkPlan;
  readonly components: Components;
  readonly credentials: Credentials;
  /** For data that must survive a reboot of the host. */
  readonly dataDir: string;
  /** Folder with kube-apiserver and etcd; undefined: the embedded one. */
  readonly assets: string | undefined;
  readonly nodeMonitorGracePeriodMs: number;
  readonly podEvictionMs: number | undefined;
  /** Added to the real kube-apiserver's command line, or the embedded one's. */
  readonly extraServerArgs: readonly string[];
}

/** API server and controllers on the control-plane host. */
export interface ControlPlane {
  readonly kind: 'embedded' | 'real';
  readonly api: AdminApi;
  /** `embedded`, or the version of the real one, e.g. `v1.36.0`. */
  version(): Promise<string>;
  /** Starts (after a reboot: again) what runs there; resolves when the API server is ready. */
  start(): Promise<void>;
}

/** Programs of a folder of Kubernetes binaries that are there and can be run. */
export function assetPrograms(assets: string | undefined, names: readonly string[]): string[] {
  return names.filter((name) => assets !== undefined && isExecutable(join(assets, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us: both mean "not to be used"
  }
}

/** The folder of real binaries to use for a choice; throws when they were asked for and are not there. */
export function chooseAssets(choice: ApiServerChoice, folder: string | undefined): string | undefined {
  if (choice === 'embedded') return undefined;
  const complete = assetPrograms(folder, ['kube-apiserver', 'etcd']).length === 2;
  if (complete) return folder;
  if (folder !== undefined && existsSync(folder)) {
    throw new Error(`KUBEBUILDER_ASSETS is ${folder}, which does not hold both kube-apiserver and etcd`);
  }
  if (folder !== undefined) throw new Error(`KUBEBUILDER_ASSETS is ${folder}, which does not exist`);
  if (choice === 'auto') return undefined;
  throw new Error(
    'a real API server was asked for; set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd',
  );
}

/** Prepares a control plane; nothing runs until `start`. */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { assets, components, credentials } = options;
  const api = new AdminApi({
    url: credentials.url,
    token: credentials.adminToken,
    caCertificate: credentials.pki.caCertificate,
  });
  const isReady = async () => {
    components.assertRunning(assets === undefined ? ['kube-apiserver'] : ['etcd', 'kube-apiserver']);
    return (await api.send('GET', '/readyz')).status === 200;
  };
  const ready = () =>
    waitFor(isReady, {
      what: 'the API server to be ready',
      giveUpOn: (error) => error instanceof ComponentEnded,
      timeoutMs: 60_000,
      intervalMs: 20,
      details: () => components.tails(),
    });
  return {
    kind: assets === undefined ? 'embedded' : 'real',
    api,
    async version() {
      if (assets === undefined) return 'embedded';
      return (await api.get<{ gitVersion: string }>('/version')).gitVersion;
    },
    async start() {
      if (assets === undefined) startEmbeddedServer(options);
      else await startRealServer(options, assets);
      await ready();
    },
  };
}
