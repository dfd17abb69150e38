// SPDX-License-Identifier: Apache-2.0
/** Everything that runs on a host: the processes in its network namespace and in those of its pods. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { namedNetworkNamespace, type ProcessInfo, processesIn, signalProcess } from '../process/proc.ts';

/** Names of the network namespaces of a host: its own and those of its pods, which begin with `<host>-`. */
export function namespacesOf(host: string): string[] {
  return readdirSync('/run/netns').filter((name) => name === host || name.startsWith(`${host}-`));
}

/** Living processes of a host and its pods. */
export function hostProcesses(host: string): ProcessInfo[] {
  return processesIn(inodesOf(namespacesOf(host)));
}

function inodesOf(namespaces: readonly string[]): Set<number> {
  return new Set(namespaces.flatMap((name) => namedNetworkNamespace(name) ?? []));
}

/** Rounds until a set of processes that may still be forking has settled. */
const ROUNDS = 200;
const ROUND_MS = 10;

/** SIGKILL for every process in these network namespaces, until none is left. */
export async function killAll(namespaces: () => readonly string[]): Promise<void> {
  await settle(
    () => processesIn(inodesOf(namespaces())),
    (info) => signalProcess(info.pid, 'SIGKILL'),
    'still running after SIGKILL',
  );
}

/** SIGSTOP for every process in these network namespaces, until all are stopped. */
export async function stopAll(namespaces: () => readonly string[]): Promise<void> {
  await settle(
    () => processesIn(inodesOf(namespaces())).filter((info) => info.state !== 'T'),
    (info) => signalProcess(info.pid, 'SIGSTOP'),
    'not stopped by SIGSTOP',
  );
}

/** SIGCONT for every stopped process in these network namespaces. */
export async function continueAll(namespaces: () => readonly string[]): Promise<void> {
  await settle(
    () => processesIn(inodesOf(namespaces())).filter((info) => info.state === 'T'),
    (info) => signalProcess(info.pid, 'SIGCONT'),
    'still stopped after SIGCONT',
  );
}

async function settle(
  remaining: () => readonly ProcessInfo[],
  act: (info: ProcessInfo) => boolean,
  complaint: string,
): Promise<void> {
  let left = remaining();
  for (let round = 0; left.length > 0; round += 1) {
    if (round === ROUNDS) {
      const names = left.map((info) => `${info.command}[${info.pid}] ${info.state}`).join(', ');
      throw new Error(`${complaint} for ${ROUNDS * ROUND_MS} ms: ${names}`);
    }
    for (const info of left) act(info);
    left = remaining();
    if (left.length > 0) await sleep(ROUND_MS);
  }
}
