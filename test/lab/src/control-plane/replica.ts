// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONTROL_PLANE, hostOf } from '../network/plan.ts';
import type { LabProcess } from '../process/lab-process.ts';
import type { ControlPlaneOptions } from './control-plane.ts';
import { etcdUrl, serverFlags } from './real.ts';

const RELAY = fileURLToPath(new URL('./relay-main.ts', import.meta.url));

/** Name of the component, and of its log. */
export function replicaName(host: string): string {
  return `kube-apiserver-${host}`;
}

/**
 * Starts one more API server, on all addresses of another host, in front of the data of the first one: an etcd outside of all of
 * them. Does not wait until it is ready.
 */
export async function startReplica(options: ControlPlaneOptions, host: string): Promise<LabProcess> {
  const { components, plan, assets } = options;
  const colon = plan.apiServer.lastIndexOf(':');
  const [address, port] = [plan.apiServer.slice(0, colon), plan.apiServer.slice(colon + 1)];
  if (assets === undefined) {
    return components.start(replicaName(host), host, [process.execPath, RELAY, port, address, port]);
  }
  const dataDir = join(options.dataDir, host);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const flags = serverFlags({
    ...options,
    dataDir,
    listen: { bind: plan.ipv6 ? '::' : '0.0.0.0', advertise: hostOf(plan, host).ipv4 },
    etcd: etcdUrl(hostOf(plan, CONTROL_PLANE).ipv4),
  });
  return components.start(replicaName(host), host, [join(assets, 'kube-apiserver'), ...flags]);
}
