// SPDX-License-Identifier: Apache-2.0
/** For lab tests: hosts in network namespaces on one switch, and programs that run inside them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A host on the switch. */
export interface WireHost {
  readonly name: string;
  readonly mac: string;
  readonly address: string;
}

/** A switch with hosts that have one link, `eth0`, each. */
export interface Wire {
  host(name: string): WireHost;
  /** Runs a program inside a host and returns its output. */
  run(host: string, program: string, ...args: readonly string[]): string;
  /** Starts one of the test programs of this folder inside a host. */
  start(host: string, program: string): LabProgram;
  /** Ends all programs and removes everything. */
  remove(): Promise<void>;
}

/** A test program: takes one JSON command a line, answers each with one JSON line, and may report by itself. */
export interface LabProgram {
  readonly pid: number;
  /** Sends a command and waits for its answer. */
  ask<T>(command: object): Promise<T>;
  /** Everything it has reported so far without being asked. */
  readonly reports: readonly Readonly<Record<string, unknown>>[];
  signal(name: NodeJS.Signals): void;
  /** Stops the process (SIGSTOP) and waits until every thread of it stands still, which takes a moment on busy machines. */
  freeze(): Promise<void>;
  exited: Promise<number | null>;
}

let sequence = 0;

/** Builds a switch with these hosts: name -> last part of its IPv4 address in 172.18.0.0/16 and fd00:18::/64. */
export function buildWire(hosts: Readonly<Record<string, number>>): Wire {
  sequence += 1;
  const prefix = `w${process.pid % 10000}x${sequence}`;
  const namespaceOf = (name: string): string => `${prefix}${name}`;
  const bridge = `${prefix}b`.slice(0, 15);
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('link', 'set', bridge, 'up');
  const known = new Map<string, WireHost>();
  const programs: LabProgram[] = [];
  Object.entries(hosts).forEach(([name, last], index) => {
    const namespace = namespaceOf(name);
    const port = `${prefix}p${index}`;
    ip('netns', 'add', namespace);
    // While its link-local address is under duplicate address detection (2 s from here), the kernel sends no neighbour
    // solicitation for an answer that comes from an address on `lo`: whether a ping works would depend on how slow the test is.
    const settings =
      'cd /proc/sys/net/ipv6/conf/default; echo 0 > dad_transmits; echo 0 > router_solicitation_delay';
    ip(...inside(namespace), 'sh', '-c', settings);
    ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', port, 'master', bridge, 'up');
    for (const link of ['lo', 'eth0']) ip('-n', namespace, 'link', 'set', link, 'up');
    ip('-n', namespace, 'address', 'add', `172.18.0.${last}/16`, 'dev', 'eth0');
    ip('-n', namespace, 'address', 'add', `fd00:18::${last}/64`, 'dev', 'eth0', 'nodad');
    const [link] = JSON.parse(ip('-n', namespace, '-json', 'link', 'show', 'eth0')) as [{ address: string }];
    known.set(name, { name, mac: link.address, address: `172.18.0.${last}` });
  });
  const host = (name: string): WireHost => {
    const found = known.get(name);
    if (found === undefined) throw new Error(`no host "${name}" on this wire`);
    return found;
  };
  return {
    host,
    run: (name, program, ...args) => ip(...inside(namespaceOf(host(name).name)), program, ...args),
    start(name, program) {
      const started = startProgram(namespaceOf(host(name).name), program);
      programs.push(started);
      return started;
    },
    async remove() {
      for (const program of programs) program.signal('SIGKILL');
      await Promise.all(programs.map((program) => program.exited));
      for (const name of known.keys()) ip('netns', 'delete', namespaceOf(name));
      ip('link', 'delete', bridge);
    },
  };
}

/** Waits until a condition holds; fails with its last value when it does not within the limit. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  limitMs = 15_000,
): Promise<T> {
  const endMs = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > endMs) throw new Error(`still ${JSON.stringify(value)} after ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function threadState(pid: number, thread: string): string | undefined {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0];
}

/** Arguments of `ip` that run what follows in a network namespace. */
function inside(namespace: string): readonly string[] {
  return ['netns', 'exec', namespace];
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function startProgram(namespace: string, program: string): LabProgram {
  const file = fileURLToPath(new URL(program, import.meta.url));
  // `ip netns exec` replaces itself, so the child's pid is the program's.
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, process.execPath, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const { stdin, stdout, pid } = child;
  if (stdin === null || stdout === null || pid === undefined) throw new Error(`${program} cannot be started`);
  const waiting: ((answer: Record<string, unknown>) => void)[] = [];
  const reports: Record<string, unknown>[] = [];
  let rest = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as {
        answer?: Record<string, unknown>;
        report?: Record<string, unknown>;
      };
      if (message.answer !== undefined) waiting.shift()?.(message.answer);
      if (message.report !== undefined) reports.push(message.report);
    }
  });
  stdin.on('error', () => undefined);
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return {
    pid,
    reports,
    exited,
    ask: <T>(command: object) =>
      new Promise<T>((resolve, reject) => {
        waiting.push((answer) => {
          if (typeof answer.error === 'string') reject(new Error(answer.error));
          else resolve(answer as T);
        });
        stdin.write(`${JSON.stringify(command)}\n`);
        void exited.then(() => reject(new Error(`${program} has ended`)));
      }),
    signal: (name) => void child.kill(name),
    async freeze() {
      child.kill('SIGSTOP');
      await eventually(
        () => readdirSync(`/proc/${pid}/task`).map((thread) => threadState(pid, thread)),
        (states) => states.every((state) => state === 'T'),
      );
    },
  };
}
