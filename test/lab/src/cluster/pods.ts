// SPDX-License-Identifier: Apache-2.0
/** Verbs on pods: found through the API, done to processes and addresses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodRecord } from '../kubelet/pod-record.ts';
import type { LabNetwork } from '../network/lab-network.ts';
import { readProcess, signalProcess } from '../process/proc.ts';
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

/**
 * SIGKILL for every container of a pod that runs now, found in the kubelet's record; its restart is the kubelet's
 * business. Rejects when the pod runs no container within 10 s.
 */
export async function killPod(api: AdminApi, kubeletsDir: string, pod: PodRef): Promise<void> {
  await signalPod(api, kubeletsDir, pod, 'SIGKILL');
}

/** Any signal for every container of a pod that runs now. Rejects when the pod runs no container within 10 s. */
export async function signalPod(
  api: AdminApi,
  kubeletsDir: string,
  pod: PodRef,
  signal: NodeJS.Signals,
): Promise<void> {
  const { metadata, spec } = await getPod(api, pod);
  const node = spec.nodeName;
  if (node === undefined) throw new Error(`pod ${pod.name} is on no node yet`);
  const recordFile = join(kubeletsDir, node, 'pods', metadata.uid, 'record.json');
  await waitFor(
    () => {
      const leaders = runningContainers(recordFile);
      // A container is the leader of a process group of its own.
      return leaders.filter((pid) => signalProcess(-pid, signal)).length;
    },
    { what: `a running container of pod ${pod.name} on ${node}`, timeoutMs: 10_000, intervalMs: 20 },
  );
}

function runningContainers(recordFile: string): number[] {
  const record = JSON.parse(readFileSync(recordFile, 'utf8')) as PodRecord; // written by the kubelet only, as a whole
  return Object.values(record.containers).flatMap(({ pid, startTicks }) =>
    readProcess(pid)?.startTicks === startTicks ? [pid] : [],
  );
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
