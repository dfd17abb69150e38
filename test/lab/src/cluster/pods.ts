// SPDX-License-Identifier: Apache-2.0
/** Verbs on pods: found through the API, done to processes and addresses. */
import { readFileSync } from 'node:fs';
import type { LabNetwork } from '../network/lab-network.ts';
import { signalProcess } from '../process/proc.ts';
import { hostProcesses } from '../verbs/processes.ts';
import { waitFor } from '../wait.ts';
import type { AdminApi } from './admin-api.ts';

/** Names a pod; the namespace is `default` unless said otherwise. */
export interface PodRef {
  readonly namespace?: string;
  readonly name: string;
}

interface PodSketch {
  readonly metadata: { readonly uid: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly {
      readonly ports?: readonly { readonly containerPort: number }[];
      readonly readinessProbe?: { readonly httpGet?: { readonly port: number | string } };
    }[];
  };
  readonly status?: { readonly podIP?: string };
}

async function getPod(api: AdminApi, pod: PodRef): Promise<PodSketch> {
  const { namespace = 'default', name } = pod;
  return await api.get<PodSketch>(`/api/v1/namespaces/${namespace}/pods/${name}`);
}

/** SIGKILL for every process of a pod that runs now. Rejects when the pod has none within 10 s. */
export async function killPod(api: AdminApi, pod: PodRef): Promise<void> {
  const { metadata, spec } = await getPod(api, pod);
  const node = spec.nodeName;
  if (node === undefined) throw new Error(`pod ${pod.name} is on no node yet`);
  await waitFor(
    () => {
      const pids = podProcesses(node, metadata.uid);
      for (const pid of pids) signalProcess(pid, 'SIGKILL');
      return pids.length;
    },
    { what: `a process of pod ${pod.name} on ${node}`, timeoutMs: 10_000, intervalMs: 20 },
  );
}

/** Processes of a pod: the kubelet puts the pod's UID into the environment of every container. */
function podProcesses(node: string, uid: string): number[] {
  return hostProcesses(node)
    .map((info) => info.pid)
    .filter((pid) => environmentOf(pid).includes(`LAB_POD_UID=${uid}\0`));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

/** Tells the echo app in a pod to pass or fail its readiness probe, from the pod's node. */
export async function setPodReadiness(
  network: LabNetwork,
  api: AdminApi,
  pod: PodRef,
  ready: boolean,
): Promise<void> {
  const { spec, status } = await getPod(api, pod);
  const container = spec.containers[0];
  const probePort = container?.readinessProbe?.httpGet?.port;
  const port = typeof probePort === 'number' ? probePort : (container?.ports?.[0]?.containerPort ?? 80);
  const address = status?.podIP;
  if (spec.nodeName === undefined || address === undefined)
    throw new Error(`pod ${pod.name} has no address yet`);
  const host = address.includes(':') ? `[${address}]` : address;
  const url = `http://${host}:${port}/${ready ? 'ready' : 'unready'}`;
  const argv = ['curl', '--silent', '--show-error', '--fail', '--max-time', '5', '--request', 'POST', url];
  const { code, stderr } = await network.exec(spec.nodeName, argv);
  if (code !== 0) throw new Error(`POST ${url} on ${spec.nodeName} failed: ${stderr.trim()}`);
}
