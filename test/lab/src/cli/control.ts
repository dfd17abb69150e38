// SPDX-License-Identifier: Apache-2.0
/**
 * How the command line talks to a running lab: one JSON line each way over a unix socket that lies in the lab's private
 * file system and is reached from outside through the root of its first process.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Lab } from '../lab.ts';
import { PARTITION_DIRECTIONS, type PartitionDirection } from '../verbs/partition.ts';
import type { LabRecord } from './state.ts';

const SOCKET = '/run/fairlead/control.sock';

/** One command to a lab. */
export interface ControlRequest {
  readonly verb: string;
  readonly args: readonly string[];
}

/** What a running lab says about itself. */
export interface LabStatus {
  readonly phase: 'starting' | 'ready' | 'failed';
  /** Lines of progress so far. */
  readonly progress: readonly string[];
  /** Why it failed. */
  readonly error?: string;
  readonly apiServer?: string;
  /** Environment for kubectl. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logDir?: string;
  readonly hosts?: readonly { readonly name: string; readonly address: string; readonly state: string }[];
}

/** Answer to a request: a value, or why there is none. */
export type ControlResponse =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** What the daemon offers to the command line. */
export interface ControlTarget {
  status(): LabStatus;
  /** The running lab; throws while there is none. */
  lab(): Lab;
  /** Begins to end everything; the answer is sent before. */
  stop(): void;
}

/** Verbs on hosts and pods, by their names on the command line. */
const VERBS: Readonly<Record<string, (lab: Lab, args: readonly string[]) => Promise<unknown>>> = {
  kill: (lab, [host = '']) => lab.kill(host),
  freeze: (lab, [host = '']) => lab.freeze(host),
  thaw: (lab, [host = '']) => lab.thaw(host),
  unplug: (lab, [host = '']) => lab.unplug(host),
  plug: (lab, [host = '']) => lab.plug(host),
  partition: async (lab, [host = '', direction = 'both']) => lab.partition(host, directionOf(direction)),
  heal: (lab, [host = '']) => lab.heal(host),
  reboot: async (lab, [host = '']) => lab.reboot(host),
  'pod-kill': (lab, [pod = '']) => lab.killPod(podOf(pod)),
  'pod-unready': (lab, [pod = '']) => lab.failReadiness(podOf(pod)),
  'pod-ready': (lab, [pod = '']) => lab.restoreReadiness(podOf(pod)),
};

/** Names of the verbs. */
export const VERB_NAMES: readonly string[] = Object.keys(VERBS);

function directionOf(text: string): PartitionDirection {
  const direction = PARTITION_DIRECTIONS.find((known) => known === text);
  if (direction !== undefined) return direction;
  throw new Error(`direction "${text}", expected one of ${PARTITION_DIRECTIONS.join(', ')}`);
}

/** `name` or `namespace/name`. */
function podOf(text: string): { namespace: string; name: string } {
  const slash = text.indexOf('/');
  return { namespace: slash < 0 ? 'default' : text.slice(0, slash), name: text.slice(slash + 1) };
}

/** Serves the control socket inside the namespaces. */
export async function serveControl(target: ControlTarget): Promise<Server> {
  rmSync(SOCKET, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()); // the other end went away: nothing to tell it
    onFirstLine(socket, (line) => void respond(line, target, socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(SOCKET, resolve);
  });
  return server;
}

/** Never rejects: whatever goes wrong is the answer. */
async function respond(line: string, target: ControlTarget, socket: Socket): Promise<void> {
  let response: ControlResponse;
  try {
    response = { ok: true, value: await carryOut(JSON.parse(line) as ControlRequest, target) };
  } catch (error) {
    response = { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  socket.end(`${JSON.stringify(response)}\n`);
}

async function carryOut({ verb, args }: ControlRequest, target: ControlTarget): Promise<unknown> {
  if (verb === 'status') return target.status();
  if (verb === 'stop') {
    target.stop();
    return null;
  }
  const action = VERBS[verb];
  if (action === undefined) throw new Error(`no verb "${verb}"; there are ${VERB_NAMES.join(', ')}`);
  return await action(target.lab(), args);
}

/** Sends one command to a lab from outside; rejects with the lab's reason when it could not be carried out. */
export function sendControl(lab: LabRecord, request: ControlRequest, timeoutMs = 60_000): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(`/proc/${lab.initPid}/root${SOCKET}`);
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`no answer from the lab within ${timeoutMs} ms`)),
    );
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the lab closed the connection without an answer')));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    onFirstLine(socket, (line) => {
      const response = JSON.parse(line) as ControlResponse;
      if (response.ok) resolve(response.value);
      else reject(new Error(response.error));
      socket.destroy();
    });
  });
}

/** Calls back once, with the first line that arrives. */
function onFirstLine(socket: Socket, listener: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  const collect = (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end < 0) return;
    socket.off('data', collect);
    listener(text.slice(0, end));
  };
  socket.on('data', collect);
}
