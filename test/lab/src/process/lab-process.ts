// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** How a {@link LabProcess} ended. */
export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** How a {@link LabProcess} is started. */
export interface SpawnOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Everything it writes is appended here too. */
  readonly logFile?: string;
}

/** Lines kept of each stream; older ones are forgotten. */
const KEPT_LINES = 10_000;

/** A program that runs while the test goes on: its output by lines, its end as a promise. */
export class LabProcess {
  readonly #child: ChildProcess;
  readonly #stdout: string[] = [];
  readonly #stderr: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();
  readonly argv: readonly string[];
  /** Never rejects: a program that cannot be started ends with code 127. */
  readonly exited: Promise<ProcessExit>;
  #exit: ProcessExit | undefined;

  constructor(argv: readonly string[], options: SpawnOptions = {}) {
    const [program, ...args] = argv;
    if (program === undefined) throw new Error('spawn: expected a program, got an empty command line');
    this.argv = argv;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#child = child;
    child.stdin.on('error', () => {}); // it may end without reading its input
    if (options.logFile !== undefined) {
      const log = createWriteStream(options.logFile, { flags: 'a' });
      log.on('error', (error) => this.#stderr.push(`log file: ${error.message}`));
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      child.once('close', () => log.end());
    }
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(this.#stdout, line);
      for (const listener of this.#listeners) listener(line);
    });
    createInterface({ input: child.stderr }).on('line', (line) => keep(this.#stderr, line));
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        keep(this.#stderr, `cannot run ${program}: ${error.message}`);
        resolve({ code: 127, signal: undefined });
      });
      child.once('close', (code, signal) =>
        resolve({ code: code ?? undefined, signal: signal ?? undefined }),
      );
    }).then((exit) => {
      this.#exit = exit as ProcessExit;
      return this.#exit;
    });
  }

  /** Process ID (nsenter replaces itself by the program, so it is the program's); undefined when it did not start. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Lines of standard output so far. */
  get stdout(): readonly string[] {
    return this.#stdout;
  }

  /** Lines of standard error so far. */
  get stderr(): readonly string[] {
    return this.#stderr;
  }

  /** Writes to standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Closes standard input. */
  closeStdin(): void {
    this.#child.stdin?.end();
  }

  /** Calls back for each further line of standard output; returns how to stop that. */
  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first line of standard output, past or future, that matches; rejects at the time limit and at an early end. */
  async waitForLine(matches: (line: string) => boolean, timeoutMs = 30_000): Promise<string> {
    const present = this.#stdout.find(matches);
    if (present !== undefined) return present;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const unsubscribe = this.onLine((line) => {
      if (matches(line)) resolve(line);
    });
    const timer = setTimeout(
      () => reject(new Error(this.#complaint(`no such line within ${timeoutMs} ms`))),
      timeoutMs,
    );
    void this.exited.then(() => reject(new Error(this.#complaint('ended early'))));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }

  /** Sends a signal (SIGTERM unless said otherwise); nothing happens when it has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, then SIGKILL after the grace time; resolves when it has ended. */
  async stop(graceMs = 5_000): Promise<ProcessExit> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  #complaint(what: string): string {
    const tail = [...this.#stdout.slice(-10), ...this.#stderr.slice(-20)].join('\n');
    return `${this.argv.join(' ')}: ${what}\n${tail}`;
  }
}

function keep(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > KEPT_LINES) lines.shift();
}
