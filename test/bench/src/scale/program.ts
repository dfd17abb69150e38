// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Memory and time of a process. */
export interface ProcessUsage {
  readonly rssMB: number;
  /** Highest resident memory so far. */
  readonly peakRssMB: number;
  readonly cpuMs: number;
}

/** USER_HZ: the unit of times in /proc, the same on every Linux that Node runs on. */
const TICK_MS = 10;

/** What is measured, running as its own process, with its output in a file as a container has it. */
export class Program {
  readonly startedMs: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #folder: string;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const [command = '', ...args] = argv;
    this.#folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'));
    const log = openSync(join(this.#folder, 'log'), 'a');
    this.startedMs = performance.now();
    this.#child = spawn(command, args, { stdio: ['ignore', log, log], env });
    closeSync(log);
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', reject);
    });
    // Whoever stops it hears of it; until then `check` does.
    this.#ended.catch(() => undefined);
  }

  /** Throws with the end of its log when it has ended by itself. */
  check(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Error(
      `the program ended with ${exitCode ?? signalCode}; its log ends with:\n${this.logTail()}`,
    );
  }

  logTail(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8').slice(-3_000);
  }

  usage(): ProcessUsage {
    const { pid } = this.#child;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const megabytes = (name: string) => {
      const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
      if (kilobytes === undefined) throw new Error(`process ${pid} shows no ${name}`);
      return Math.round(Number(kilobytes) / 102.4) / 10;
    };
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name in parentheses; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    return { rssMB: megabytes('VmRSS'), peakRssMB: megabytes('VmHWM'), cpuMs };
  }

  /** Orderly end; resolves with how long it took. */
  async stop(): Promise<number> {
    const startMs = performance.now();
    this.#child.kill('SIGTERM');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
    return performance.now() - startMs;
  }
}

/** Asks a readiness probe every few milliseconds; resolves with the time of the first 200. */
export async function whenReady(program: Program, port: number, timeoutMs: number): Promise<number> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    program.check();
    if (await isReady(port)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not ready within ${timeoutMs} ms; the log ends with:\n${program.logTail()}`);
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/readyz', agent: false, timeout: 500 };
    const request = get(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}
