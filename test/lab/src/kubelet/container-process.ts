// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import { readProcess, signalProcess } from '../process/proc.ts';

/** How a container's process ended. */
export interface ContainerExit {
  /** As in container status: 128 + signal number when a signal ended it. */
  readonly exitCode: number;
  readonly signal?: number;
  /** Set when nobody saw the end (it happened while no kubelet was running). */
  readonly unseen?: boolean;
}

/** A running container: one process, leader of its own process group. */
export interface ContainerProcess {
  readonly pid: number;
  /** With the pid, names one process for ever. */
  readonly startTicks: number;
  readonly exited: Promise<ContainerExit>;
  /** To the first process only, as container runtimes do. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL for the whole group. */
  kill(): void;
}

/** What to run. */
export interface ContainerLaunch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** How often an adopted process is looked at: it is not our child, so nobody tells us when it ends. */
const ADOPTED_POLL_MS = 100;

/** Starts a container. Rejects when the wrapper itself (`ip`, `unshare`) cannot be started. */
export async function startProcess(launch: ContainerLaunch): Promise<ContainerProcess> {
  const [program = '', ...args] = launch.argv;
  const log = openSync(launch.logFile, 'a');
  try {
    // Output goes to a file, not a pipe: the container has to outlive this process.
    const child = spawn(program, args, { env: launch.env, detached: true, stdio: ['ignore', log, log] });
    const exited = new Promise<ContainerExit>((resolve) => {
      child.once('exit', (code, signal) => resolve(exitOf(code, signal)));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const pid = child.pid ?? 0;
    // The kubelet's own end must not wait for its containers.
    child.unref();
    return processHandle(pid, readProcess(pid)?.startTicks ?? 0, exited);
  } finally {
    closeSync(log);
  }
}

/** Takes over a process that a predecessor started; undefined when it is gone (or another one has its pid). */
export function adoptProcess(pid: number, startTicks: number, clock: Clock): ContainerProcess | undefined {
  if (!isAlive(pid, startTicks)) return undefined;
  const watch = async (): Promise<ContainerExit> => {
    while (isAlive(pid, startTicks)) await delay(clock, ADOPTED_POLL_MS);
    return { exitCode: 137, unseen: true };
  };
  return processHandle(pid, startTicks, watch());
}

function isAlive(pid: number, startTicks: number): boolean {
  const info = readProcess(pid);
  return info !== undefined && info.startTicks === startTicks && info.state !== 'Z' && info.state !== 'X';
}

function processHandle(pid: number, startTicks: number, exited: Promise<ContainerExit>): ContainerProcess {
  let ended = false;
  let swept = false;
  const done = exited.finally(() => {
    ended = true;
  });
  return {
    pid,
    startTicks,
    exited: done,
    signal: (signal) => {
      if (!ended) signalProcess(pid, signal);
    },
    // Members of the group may outlive its leader, so one more kill follows its end; after that the number may be
    // somebody else's.
    kill: () => {
      if (swept || pid <= 1) return;
      swept = ended;
      signalProcess(-pid, 'SIGKILL');
    },
  };
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): ContainerExit {
  if (signal === null) return { exitCode: code ?? 255 };
  const number = constants.signals[signal];
  return { exitCode: 128 + number, signal: number };
}
