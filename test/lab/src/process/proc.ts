// SPDX-License-Identifier: Apache-2.0
/** What /proc says about processes: the lab finds them by network namespace, never by name. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** One process as seen in /proc. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  /** Kernel's short name (at most 15 characters). */
  readonly command: string;
  /** One letter: R running, S sleeping, D, T stopped, Z zombie, ... (proc(5)). */
  readonly state: string;
  /** Start time in clock ticks since boot: with the pid, names one process for ever. */
  readonly startTicks: number;
}

/** All processes of this pid namespace. Ones that end while we read are left out. */
export function listProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const info = readProcess(Number(name));
      return info === undefined ? [] : [info];
    });
}

/** One process; undefined when there is none with this ID. */
export function readProcess(pid: number): ProcessInfo | undefined {
  const text = readOrUndefined(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return text === undefined ? undefined : parseStat(text);
}

/** Parses a line of /proc/PID/stat. The name is in parentheses and may itself hold spaces and parentheses. */
export function parseStat(text: string): ProcessInfo | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(' ');
  return {
    pid: Number(text.slice(0, open)),
    command: text.slice(open + 1, close),
    state: fields[0] ?? '?',
    parentPid: Number(fields[1]),
    startTicks: Number(fields[19]),
  };
}

/** IDs of the children of a process, the oldest first. */
export function childrenOf(pid: number): number[] {
  return listProcesses()
    .filter((info) => info.parentPid === pid)
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
    .map((info) => info.pid);
}

/** Command line of a process, arguments separated by spaces; empty for a zombie. */
export function commandLine(pid: number): string {
  const text = readOrUndefined(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  return text.replaceAll('\0', ' ').trim();
}

/** Inode of the network namespace a process is in; undefined when it is gone (or a zombie). */
export function networkNamespaceOf(pid: number): number | undefined {
  const link = readOrUndefined(() => readlinkSync(`/proc/${pid}/ns/net`));
  const inode = link === undefined ? undefined : /^net:\[(\d+)\]$/.exec(link)?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/** Inode of a named network namespace (under /run/netns); undefined when there is none of that name. */
export function namedNetworkNamespace(name: string): number | undefined {
  return readOrUndefined(() => statSync(`/run/netns/${name}`).ino);
}

/** Living processes (no zombies) whose network namespace is one of these inodes, and not this process. */
export function processesIn(inodes: ReadonlySet<number>): ProcessInfo[] {
  return listProcesses().filter((info) => {
    if (info.pid === process.pid || info.state === 'Z' || info.state === 'X') return false;
    const inode = networkNamespaceOf(info.pid);
    return inode !== undefined && inodes.has(inode);
  });
}

/** Sends a signal; false when the process has ended meanwhile. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isNoSuchProcess(error)) return false;
    throw error;
  }
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ESRCH';
}

/** Processes come and go while we look: what has gone (ENOENT, ESRCH) or is not ours (EACCES) is no error. */
function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
