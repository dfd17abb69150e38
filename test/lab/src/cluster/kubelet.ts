// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Credentials } from '../control-plane/credentials.ts';
import type { HostPlan, NetworkPlan } from '../network/plan.ts';
import type { Components } from './components.ts';

const PROGRAM = fileURLToPath(new URL('../kubelet/main.ts', import.meta.url));

/** What every kubelet of a cluster shares. */
export interface KubeletContext {
  readonly plan: NetworkPlan;
  readonly components: Components;
  readonly credentials: Credentials;
  /** Each kubelet gets a folder of its own in it. */
  readonly workDir: string;
  readonly imagesFile: string;
  /** Appended to every command line. */
  readonly extraArgs: readonly string[];
}

/** Folder of the static Pods of a node. */
export function manifestDir({ workDir }: Pick<KubeletContext, 'workDir'>, node: string): string {
  return join(workDir, node, 'manifests');
}

/** Starts the kubelet of a node inside the node's network namespace. */
export function startKubelet(context: KubeletContext, node: HostPlan): void {
  const workDir = join(context.workDir, node.name);
  mkdirSync(manifestDir(context, node.name), { recursive: true });
  const addresses = [node.ipv4, ...(node.ipv6 === undefined ? [] : [node.ipv6])];
  context.components.start(`kubelet-${node.name}`, node.name, [
    process.execPath,
    PROGRAM,
    ...['--node', node.name, '--netns', node.name],
    ...['--kubeconfig', context.credentials.kubeconfig(`kubelet-${node.name}`)],
    ...node.podCidrs.flatMap((cidr) => ['--pod-cidr', cidr]),
    ...addresses.flatMap((address) => ['--node-ip', address]),
    ...(node.role === 'control-plane' ? ['--control-plane'] : []),
    ...['--work-dir', workDir, '--images', context.imagesFile, '--api-server', context.plan.apiServer],
    ...['--manifest-dir', manifestDir(context, node.name)],
    ...context.extraArgs,
  ]);
}
