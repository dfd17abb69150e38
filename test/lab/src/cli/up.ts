// SPDX-License-Identifier: Apache-2.0
/** Starting and ending a lab from outside its namespaces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labNamespaceCommand } from '../namespace.ts';
import { signalProcess } from '../process/proc.ts';
import { waitFor } from '../wait.ts';
import { type LabStatus, sendControl } from './control.ts';
import {
  findLab,
  forgetLab,
  isAlive,
  type LabRecord,
  prepareStateDir,
  recordLab,
  stateDir,
} from './state.ts';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;

/** A daemon that is being started: the `unshare` process and the log it writes to. */
export interface Launch {
  readonly name: string;
  /** Command line of the daemon inside the namespaces. */
  readonly argv: readonly string[];
  /** True: it lives and dies with this process and writes to its terminal. */
  readonly foreground: boolean;
}

/** Starts the daemon; resolves when the lab is ready, rejects (and clears up) when it does not get there. */
export async function launch(
  options: Launch,
  onProgress: (line: string) => void,
): Promise<{ readonly record: LabRecord; readonly child: ChildProcess }> {
  if (findLab(options.name) !== undefined) {
    throw new Error(
      `a lab "${options.name}" is running already; end it first: npm run lab -- down --name ${options.name}`,
    );
  }
  const child = startDaemon(options);
  try {
    const record = await waitFor(
      () => {
        if (child.exitCode !== null) return 'ended' as const;
        return child.pid === undefined ? undefined : recordLab(options.name, child.pid);
      },
      { what: 'the namespaces', timeoutMs: 10_000, intervalMs: 10 },
    );
    if (record === 'ended') throw new Error(`the lab could not be started:\n${daemonLog(options.name)}`);
    await follow(record, onProgress);
    return { record, child };
  } catch (error) {
    if (child.pid !== undefined) signalProcess(child.pid, 'SIGKILL');
    forgetLab(options.name);
    throw error;
  }
}

function startDaemon({ name, argv, foreground }: Launch): ChildProcess {
  const [program, ...args] = labNamespaceCommand(argv, { dieWithParent: foreground });
  const log = openSync(join(prepareStateDir(name), 'daemon.log'), 'w', 0o600);
  try {
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    child.on('error', (error) => console.error(`cannot run ${program}: ${error.message}`));
    if (!foreground) child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Reports progress until the lab is ready. */
async function follow(record: LabRecord, onProgress: (line: string) => void): Promise<void> {
  let shown = 0;
  await waitFor(
    async () => {
      if (!isAlive(record)) throw new StartFailure(daemonLog(record.name));
      const status = (await sendControl(record, { verb: 'status', args: [] })) as LabStatus;
      for (const line of status.progress.slice(shown)) onProgress(line);
      shown = status.progress.length;
      if (status.phase === 'failed') throw new StartFailure(status.error ?? '');
      return status.phase === 'ready';
    },
    {
      what: 'the lab to be ready',
      timeoutMs: START_TIMEOUT_MS,
      intervalMs: 50,
      giveUpOn: (error) => error instanceof StartFailure,
    },
  );
}

/** The lab has said, or shown, that it will not come up: no use in waiting on. */
class StartFailure extends Error {}

function daemonLog(name: string): string {
  return readFileSync(join(stateDir(name), 'daemon.log'), 'utf8').trimEnd();
}

/** Ends a lab and waits until nothing of it is left. */
export async function shutDown(record: LabRecord): Promise<void> {
  try {
    await sendControl(record, { verb: 'stop', args: [] }, 5_000);
  } catch (error) {
    console.error(
      `the lab does not listen (${error instanceof Error ? error.message : String(error)}); killing it`,
    );
    signalProcess(record.unsharePid, 'SIGKILL');
  }
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(record)) {
    if (performance.now() > deadline) {
      signalProcess(record.unsharePid, 'SIGKILL');
      signalProcess(record.initPid, 'SIGKILL');
    }
    await sleep(20);
  }
  forgetLab(record.name);
}
