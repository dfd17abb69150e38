// SPDX-License-Identifier: Apache-2.0
/**
 * A second kernel for what the machine's own does not have: Debian's user-mode Linux, an ordinary program that boots in about
 * two seconds. Its root is the machine's, read-only, so that all programs of this checkout are there; folders of its own are in
 * memory. Networks are its own as well: hosts are network namespaces inside it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { RunResult } from '../process/run.ts';
import type { GuestNews, GuestOrder } from './protocol.ts';

/** What kind of machine. */
export interface UmlOptions {
  /** Default 768. Only what is used is taken from the machine. */
  readonly memoryMiB?: number;
  /** Modules that are loaded before anything else; the rest loads by itself when it is asked for. */
  readonly modules?: readonly string[];
  /** From the start of the kernel to its first program. Default 60 s. */
  readonly bootTimeoutMs?: number;
}

/** A program in there that answers each line with a line. */
export interface UmlTalker {
  /** The next line that it prints. Rejects when it ends instead. */
  line(): Promise<string>;
  /** Says a line and waits for the next one. */
  ask(line: string): Promise<string>;
  kill(signal?: NodeJS.Signals): void;
}

interface Program {
  stdout: string;
  stderr: string;
  readonly onLine?: (line: string) => void;
  readonly onEnd: (result: RunResult) => void;
}

/** The serial line has no flow control: what the guest does not read in time is lost. */
const LINE_LENGTH = 1_000;
const PROGRAM = 'linux.uml';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Debian keeps the modules apart from those of the machine; programs and the kernel itself are told where. */
function initScript(modules: readonly string[]): string {
  const guest = fileURLToPath(new URL('guest.ts', import.meta.url));
  return `#!/bin/sh
export PATH=${PATH} HOME=/run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/modules/lib/modules
ln -s /usr/lib/uml/modules/$(uname -r) /run/modules/lib/modules/
printf '#!/bin/sh\\nexec modprobe -d /run/modules "$@"\\n' > /run/modprobe
chmod +x /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
for module in ${modules.join(' ')}; do /run/modprobe $module || echo "no module $module"; done
ip link set lo up
stty raw -echo < /dev/ttyS0
'${process.execPath}' '${guest}' < /dev/ttyS0 > /dev/ttyS0
poweroff -f
`;
}

/** A running one. Ends with {@link stop}, and with the process that started it. */
export class Uml {
  readonly #kernel: ChildProcess;
  readonly #line: Duplex;
  readonly #folder: string;
  readonly #programs = new Map<number, Program>();
  readonly #ended: Promise<void>;
  #console = '';
  #lastId = 0;
  #files = 0;
  #version = '';

  private constructor(kernel: ChildProcess, line: Duplex, folder: string) {
    this.#kernel = kernel;
    this.#line = line;
    this.#folder = folder;
    this.#ended = new Promise((resolve) => kernel.once('close', () => resolve()));
  }

  /** Boots one. Rejects with what it said when it does not come up. */
  static async boot(options: UmlOptions = {}): Promise<Uml> {
    const { memoryMiB = 768, modules = [], bootTimeoutMs = 60_000 } = options;
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-uml-'));
    const init = join(folder, 'init');
    writeFileSync(init, initScript(modules));
    chmodSync(init, 0o755);
    const args = [`mem=${memoryMiB}M`, 'rootfstype=hostfs', 'ro', 'quiet', 'con=null', 'con0=null,fd:1'];
    // Dies with us, however we end: nobody else would end a kernel.
    const argv = ['--pdeathsig', 'KILL', PROGRAM, ...args, 'ssl=null', 'ssl0=fd:3,fd:3', `init=${init}`];
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:${PATH}` };
    const kernel = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env, detached: true });
    const uml = new Uml(kernel, kernel.stdio[3] as Duplex, folder);
    try {
      await uml.#boot(bootTimeoutMs);
      return uml;
    } catch (error) {
      await uml.stop();
      throw error;
    }
  }

  /** Of its kernel. */
  get version(): string {
    return this.#version;
  }

  /** What kernel and boot said, for error messages. */
  get console(): string {
    return this.#console;
  }

  /** Runs a program to its end; does not reject when it fails. */
  run(argv: readonly string[], stdin = ''): Promise<RunResult> {
    return new Promise((resolve) => {
      const id = this.#start(argv, { stdout: '', stderr: '', onEnd: resolve });
      if (stdin !== '') this.#order({ id, input: stdin });
      this.#order({ id, input: null });
    });
  }

  /** As {@link run}, but rejects when the program fails, with what it wrote. Resolves to its output. */
  async runOrThrow(argv: readonly string[], stdin?: string): Promise<string> {
    const { code, signal, stdout, stderr } = await this.run(argv, stdin);
    if (code === 0) return stdout;
    throw new Error(`${argv.join(' ')} ended with ${signal ?? `exit code ${code}`}:\n${stderr}${stdout}`);
  }

  /** Starts a program that is talked to. It ends with the kernel, or when it is killed. */
  talk(argv: readonly string[]): UmlTalker {
    const lines: string[] = [];
    const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
    let end: Error | undefined;
    const id = this.#start(argv, {
      stdout: '',
      stderr: '',
      onLine: (line) => {
        const waiter = waiting.shift();
        if (waiter === undefined) lines.push(line);
        else waiter.resolve(line);
      },
      onEnd: ({ code, signal, stderr }) => {
        end = new Error(`${argv.join(' ')} ended with ${signal ?? `exit code ${code}`}:\n${stderr}`);
        for (const waiter of waiting.splice(0)) waiter.reject(end);
      },
    });
    const line = () =>
      new Promise<string>((resolve, reject) => {
        const next = lines.shift();
        if (next !== undefined) resolve(next);
        else if (end !== undefined) reject(end);
        else waiting.push({ resolve, reject });
      });
    return {
      line,
      ask: (text) => {
        this.#order({ id, input: `${text}\n` });
        return line();
      },
      kill: (kill = 'SIGKILL') => this.#order({ id, kill }),
    };
  }

  /** Switches it off. Can be called twice. */
  async stop(): Promise<void> {
    // The kernel's threads are processes of a group of their own.
    const { pid } = this.#kernel;
    if (pid !== undefined && this.#kernel.exitCode === null && this.#kernel.signalCode === null) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      await this.#ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #boot(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`user-mode Linux: ${why}\n${this.#console}`));
      const timer = setTimeout(() => fail(`no answer after ${timeoutMs} ms`), timeoutMs);
      this.#kernel.once('error', ({ message }) => fail(`cannot be started: ${message}`));
      const say = (chunk: Buffer) => {
        this.#console += chunk.toString();
      };
      this.#kernel.stdout?.on('data', say);
      this.#kernel.stderr?.on('data', say);
      this.#kernel.once('close', (code) => {
        clearTimeout(timer);
        this.#endAll();
        fail(`ended with ${code ?? 'a signal'}`);
      });
      // The line breaks when the kernel ends, which "close" tells.
      this.#line.on('error', () => undefined);
      const lines = createInterface({ input: this.#line });
      lines.on('error', () => undefined);
      lines.on('line', (line) => {
        const news = JSON.parse(line) as GuestNews;
        if (!('ready' in news)) return this.#hear(news);
        clearTimeout(timer);
        this.#version = news.ready;
        resolve();
      });
    });
  }

  #start(argv: readonly string[], program: Program): number {
    this.#lastId += 1;
    this.#programs.set(this.#lastId, program);
    this.#order({ id: this.#lastId, argv });
    return this.#lastId;
  }

  #order(order: GuestOrder): void {
    const text = JSON.stringify(order);
    if (text.length <= LINE_LENGTH) {
      this.#line.write(`${text}\n`);
      return;
    }
    // Its root is ours.
    this.#files += 1;
    const file = join(this.#folder, `order-${this.#files}`);
    writeFileSync(file, text);
    this.#line.write(`${JSON.stringify({ file })}\n`);
  }

  #hear(news: Exclude<GuestNews, { ready: string }>): void {
    const program = this.#programs.get(news.id);
    if (program === undefined) return;
    if ('stderr' in news) {
      program.stderr += news.stderr;
      return;
    }
    if ('stdout' in news) {
      program.stdout += news.stdout;
      if (program.onLine !== undefined) passLines(program, program.onLine);
      return;
    }
    this.#programs.delete(news.id);
    const { stdout, stderr } = program;
    program.onEnd({ code: news.exit ?? undefined, signal: news.signal ?? undefined, stdout, stderr });
  }

  #endAll(): void {
    for (const { stdout, stderr, onEnd } of this.#programs.values()) {
      onEnd({ code: undefined, signal: 'SIGKILL', stdout, stderr });
    }
    this.#programs.clear();
  }
}

/** Whole lines go on, the rest waits. */
function passLines(program: Program, onLine: (line: string) => void): void {
  const lines = program.stdout.split('\n');
  program.stdout = lines.pop() ?? '';
  for (const line of lines) onLine(line);
}
