// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { inHost } from '../network/apply.ts';
import type { LabRecord } from './state.ts';

/** Gives what follows (host, then command) the name of the host, so that a shell's prompt tells where it is. */
const NAMED_AFTER_HOST = [
  ...['unshare', '--uts', '--', 'sh', '-c'],
  'echo "$0" > /proc/sys/kernel/hostname; exec "$@"',
];

/** Command line that runs `argv` inside a lab, seen from outside: on a host, or (no host) beside the switch. */
export function enterCommand(
  lab: LabRecord,
  host: string | undefined,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  directory: string,
): [string, ...string[]] {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const inside = ['env', `--chdir=${directory}`, ...settings, ...argv];
  return [
    'nsenter',
    `--target=${lab.initPid}`,
    ...(sharesUserNamespace(lab.initPid) ? [] : ['--user', '--preserve-credentials']),
    ...['--mount', '--net', '--pid', '--ipc', '--uts', '--'],
    ...(host === undefined ? inside : inHost(host, [...NAMED_AFTER_HOST, host, ...inside])),
  ];
}

/** Entering one's own user namespace is an error (the lab was made without one, as root). */
function sharesUserNamespace(pid: number): boolean {
  return readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user');
}

/** Runs a command with this process's terminal; resolves to its exit code. */
export function runAttached([program, ...args]: readonly [string, ...string[]]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    // Ctrl-C is for the program (an interactive shell, `kubectl get -w`); we end when it ends.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}
