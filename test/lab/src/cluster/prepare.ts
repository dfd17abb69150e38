// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlPlane, createControlPlane } from '../control-plane/control-plane.ts';
import { startControllers } from '../control-plane/controllers.ts';
import { createCredentials } from '../control-plane/credentials.ts';
import { startReplica } from '../control-plane/replica.ts';
import type { LabOptions } from '../lab.ts';
import type { LabNetwork } from '../network/lab-network.ts';
import { CONTROL_PLANE } from '../network/plan.ts';
import type { AdminApi } from './admin-api.ts';
import { Components } from './components.ts';
import { defaultImages } from './images.ts';
import type { KubeletContext } from './kubelet.ts';

/** The parts of a lab, put together but not started. */
export interface LabParts {
  readonly name: string;
  readonly network: LabNetwork;
  readonly workDir: string;
  readonly controlPlane: ControlPlane;
  readonly startControllers: () => void;
  readonly startReplica: (host: string) => Promise<unknown>;
  readonly kubelets: KubeletContext;
  readonly keepLogs: boolean;
}

/** Writes everything that the programs of a cluster read, and puts the parts together; nothing runs yet. */
export async function prepare(
  options: LabOptions,
  name: string,
  workDir: string,
  network: LabNetwork,
  assets: string | undefined,
): Promise<LabParts> {
  const components = new Components(network, join(workDir, 'logs'));
  const credentials = await createCredentials(
    join(workDir, 'credentials'),
    network.plan,
    options.certificateHosts,
  );
  const imagesFile = join(workDir, 'images.json');
  writeFileSync(imagesFile, JSON.stringify({ ...defaultImages(), ...options.images }, null, 2));
  mkdirSync(join(workDir, 'home'));
  const controlPlaneOptions = {
    plan: network.plan,
    components,
    credentials,
    dataDir: join(workDir, CONTROL_PLANE),
    assets,
    nodeMonitorGracePeriodMs: options.nodeMonitorGracePeriodMs ?? 40_000,
    podEvictionMs: options.podEvictionMs,
    extraServerArgs: options.extraServerArgs ?? [],
  };
  return {
    name,
    network,
    workDir,
    controlPlane: createControlPlane(controlPlaneOptions),
    startControllers: () => startControllers(controlPlaneOptions),
    startReplica: (host) => startReplica(controlPlaneOptions, host),
    kubelets: {
      plan: network.plan,
      components,
      credentials,
      workDir: join(workDir, 'kubelets'),
      imagesFile,
      extraArgs: options.extraKubeletArgs ?? [],
    },
    keepLogs: options.keepLogs ?? false,
  };
}

interface NodeSketch {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Names of the nodes whose condition Ready is True. */
export async function readyNodes(api: AdminApi): Promise<string[]> {
  const { items } = await api.get<{ items: readonly NodeSketch[] }>('/api/v1/nodes');
  const isReady = (node: NodeSketch) =>
    node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return items.filter(isReady).map((node) => node.metadata.name);
}
