// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodRecord } from '../kubelet/pod-record.ts';
import { tailOf } from './components.ts';

/** The log of one container, as its kubelet keeps it: it ends with the pod. */
export interface PodLog {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly file: string;
}

/** Logs of all containers that the kubelets know now. */
export function podLogs(kubeletsDir: string): PodLog[] {
  return foldersIn(kubeletsDir).flatMap((node) => {
    const pods = join(kubeletsDir, node, 'pods');
    return foldersIn(pods).flatMap((uid) => logsOf(node, join(pods, uid)));
  });
}

function logsOf(node: string, folder: string): PodLog[] {
  const recordFile = join(folder, 'record.json');
  if (!existsSync(recordFile)) return [];
  const record = JSON.parse(readFileSync(recordFile, 'utf8')) as PodRecord; // written by the kubelet only, as a whole
  const containers = join(folder, 'containers');
  return foldersIn(containers)
    .map((container) => ({
      node,
      namespace: record.namespace,
      pod: record.name,
      container,
      file: join(containers, container, 'log'),
    }))
    .filter((log) => existsSync(log.file));
}

/** The ends of these logs, for error messages. */
export function podLogTails(logs: readonly PodLog[]): string {
  return logs
    .map(
      (log) => `--- pod ${log.namespace}/${log.pod} (${log.container}) on ${log.node}\n${tailOf(log.file)}`,
    )
    .join('\n');
}

function foldersIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
