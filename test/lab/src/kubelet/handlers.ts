// SPDX-License-Identifier: Apache-2.0
/** What probes and life-cycle hooks do: a request, a connection, a command in the container. */
import { spawn } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSpec } from './container-env.ts';

/** The action of a probe or hook, as in a pod's spec. */
export type Handler = Pick<
  NonNullable<ContainerSpec['livenessProbe']>,
  'exec' | 'httpGet' | 'tcpSocket' | 'grpc'
> & { readonly sleep?: { readonly seconds: number } };

/** The container a handler is for. */
export interface HandlerTarget {
  /** Default host of requests and connections. */
  readonly podIp: string;
  /** First process of the container: commands run in its namespaces. */
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: NonNullable<ContainerSpec['ports']>;
}

/** Outcome of a handler; `message` says why it failed. */
export interface HandlerResult {
  readonly success: boolean;
  readonly message: string;
}

const SUCCESS: HandlerResult = { success: true, message: '' };

/** Runs a handler; never rejects, a failure is a result. Gives up (a failure) after `timeoutMs`. */
export async function runHandler(
  handler: Handler,
  target: HandlerTarget,
  timeoutMs: number,
): Promise<HandlerResult> {
  try {
    if (handler.httpGet) return await getPage(handler.httpGet, target, timeoutMs);
    if (handler.tcpSocket) {
      const { host, port } = handler.tcpSocket;
      return await openConnection(host ?? target.podIp, resolvePort(port, target), timeoutMs);
    }
    if (handler.exec) return await runCommand(handler.exec.command ?? [], target, timeoutMs);
    if (handler.sleep) {
      await sleep(handler.sleep.seconds * 1_000);
      return SUCCESS;
    }
    return {
      success: false,
      message: 'this kind of handler is not supported (httpGet, tcpSocket, exec, sleep are)',
    };
  } catch (error) {
    return { success: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function resolvePort(port: number | string, target: HandlerTarget): number {
  const number = Number(port);
  if (Number.isInteger(number)) return number;
  const named = target.ports.find((entry) => entry.name === port);
  if (named === undefined) throw new Error(`port "${port}" is not among the container's ports`);
  return named.containerPort;
}

function getPage(
  action: NonNullable<Handler['httpGet']>,
  target: HandlerTarget,
  timeoutMs: number,
): Promise<HandlerResult> {
  const headers: Record<string, string> = { 'User-Agent': 'kube-probe/1.36', Accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const options = {
    host: action.host ?? target.podIp,
    port: resolvePort(action.port, target),
    path: action.path ?? '/',
    headers,
    // A connection of its own for each probe: a kept one would say nothing about new ones.
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  } as const;
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ success: false, message: error.message });
    const request =
      action.scheme === 'HTTPS'
        ? httpsRequest({ ...options, rejectUnauthorized: false })
        : httpRequest(options);
    request.once('error', fail);
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.once('error', fail);
      response.resume();
      const success = status >= 200 && status < 400;
      resolve(success ? SUCCESS : { success, message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.end();
  });
}

function openConnection(host: string, port: number, timeoutMs: number): Promise<HandlerResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (result: HandlerResult) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(SUCCESS));
    socket.once('timeout', () => end({ success: false, message: `no connection to port ${port} in time` }));
    socket.once('error', (error) => end({ success: false, message: error.message }));
  });
}

function runCommand(
  command: readonly string[],
  target: HandlerTarget,
  timeoutMs: number,
): Promise<HandlerResult> {
  const enter = ['-t', String(target.pid), '--net', '--mount', '--uts', '--root', '--'];
  return new Promise((resolve) => {
    const child = spawn('nsenter', [...enter, ...command], {
      env: target.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const keep = (chunk: string) => {
      output = (output + chunk).slice(0, 1_024);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => resolve({ success: false, message: error.message }));
    child.once('close', (code, signal) =>
      resolve(
        code === 0
          ? SUCCESS
          : {
              success: false,
              message: output.trim() || `command ended with ${signal ?? `exit code ${code}`}`,
            },
      ),
    );
  });
}
