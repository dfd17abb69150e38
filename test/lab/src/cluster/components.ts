// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNetwork } from '../network/lab-network.ts';
import type { LabProcess } from '../process/lab-process.ts';

/** Bytes of a log that are quoted when something goes wrong. */
const TAIL_BYTES = 2_000;

/** A component that should be running has ended: waiting for it is in vain. */
export class ComponentEnded extends Error {}

/** The programs that make up the cluster, by name, each with a log file. */
export class Components {
  readonly #network: LabNetwork;
  readonly #logDir: string;
  readonly #running = new Map<string, LabProcess>();

  constructor(network: LabNetwork, logDir: string) {
    this.#network = network;
    this.#logDir = logDir;
    mkdirSync(logDir, { recursive: true });
  }

  /** Starts a program on a host under a name; a log of the same name goes on. */
  start(
    name: string,
    host: string,
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): LabProcess {
    const started = this.#network.spawn(host, argv, { env, logFile: this.logFile(name) });
    this.#running.set(name, started);
    return started;
  }

  /** The process last started under that name. */
  get(name: string): LabProcess | undefined {
    return this.#running.get(name);
  }

  /** Names of all components, in the order of their start. */
  get names(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** Throws {@link ComponentEnded} when one of these (all, by default) is not running any more. */
  assertRunning(names: readonly string[] = this.names): void {
    const ended = names.filter((name) => this.#running.get(name)?.exit !== undefined);
    if (ended.length > 0)
      throw new ComponentEnded(`${ended.join(', ')} ended unexpectedly\n${this.tails(ended)}`);
  }

  /** Path of a component's log. */
  logFile(name: string): string {
    return join(this.#logDir, `${name}.log`);
  }

  /** The end of every log, and who has ended: for error messages. */
  tails(names: readonly string[] = this.names): string {
    return names
      .map((name) => {
        const exit = this.#running.get(name)?.exit;
        const fate = exit === undefined ? '' : ` (ended with ${exit.signal ?? `exit code ${exit.code}`})`;
        return `--- ${name}${fate}\n${tailOf(this.logFile(name))}`;
      })
      .join('\n');
  }
}

/** The end of a log, for error messages. */
export function tailOf(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '(no log)'; // never started: the message says so by itself
  }
  try {
    const { size } = fstatSync(descriptor);
    const length = Math.min(size, TAIL_BYTES);
    const buffer = Buffer.alloc(length);
    readSync(descriptor, buffer, 0, length, size - length);
    return buffer.toString('utf8').trimEnd();
  } finally {
    closeSync(descriptor);
  }
}
