// SPDX-License-Identifier: Apache-2.0
/**
 * The private namespaces the lab lives in: user, mount, network, pid, IPC and UTS in one. Inside we are root over
 * networks and mounts of our own; the machine's are out of reach. The pid namespace ends with its first process, so
 * nothing can outlive the lab, however it ends.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { childrenOf } from './process/proc.ts';

/** Environment variable that is set for every program inside. */
export const NAMESPACE_MARKER = 'FAIRLEAD_LAB_NAMESPACE';

/** File that exists only inside; an environment variable alone could have been inherited by a program outside. */
const MARKER_FILE = '/run/fairlead/namespace';

/** `user`: with a user namespace (root not needed); `root`: without, because we are root and they are forbidden. */
export type NamespaceMode = 'user' | 'root';

const COMMON_FLAGS = [
  '--mount',
  '--net',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--ipc',
  '--uts',
];
const USER_FLAGS = ['--user', '--map-root-user'];

/**
 * First process of the pid namespace. A shell that waits in the foreground also reaps orphans; `exit $?` keeps it from
 * being replaced by the program. Signals for pid 1 that have no handler are dropped by the kernel, so they are sent to
 * the program itself (see forwardSignals).
 */
const INIT_SCRIPT = [
  'mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/netns /run/fairlead && : > /run/fairlead/namespace || exit 125',
  'ip link set lo up || exit 125',
  '"$@"',
  'exit $?',
].join('\n');

/** True inside the private namespaces. */
export function insideLabNamespace(env: NodeJS.ProcessEnv = process.env): boolean {
  return env[NAMESPACE_MARKER] !== undefined && existsSync(MARKER_FILE);
}

let probedMode: NamespaceMode | undefined;

/** Which namespaces this machine lets us have; throws one readable error when none. The answer is remembered. */
export function namespaceMode(): NamespaceMode {
  probedMode ??= probeMode();
  return probedMode;
}

function probeMode(): NamespaceMode {
  const withUser = tryUnshare([...USER_FLAGS, ...COMMON_FLAGS]);
  if (withUser === undefined) return 'user';
  if (process.getuid?.() !== 0) throw new Error(explainRefusal(withUser, readSetting));
  const asRoot = tryUnshare(COMMON_FLAGS);
  if (asRoot === undefined) return 'root';
  throw new Error(
    `cannot make private namespaces, not even as root (unshare: ${asRoot}); a container needs --privileged, or CAP_SYS_ADMIN and CAP_NET_ADMIN`,
  );
}

/** Runs `true` in such namespaces; the reason when that fails. */
function tryUnshare(flags: readonly string[]): string | undefined {
  const script = 'mount -t tmpfs tmpfs /run && ip link set lo up';
  const result = spawnSync('unshare', [...flags, 'sh', '-c', script], { encoding: 'utf8', timeout: 10_000 });
  if (result.error) return result.error.message;
  return result.status === 0 ? undefined : result.stderr.trim() || `exit ${result.status}`;
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // absent on this kernel: then it is not what forbids us
  }
}

/** One line on why an unprivileged user gets no user namespace here, and what to do about it. Pure. */
export function explainRefusal(reason: string, read: (path: string) => string | undefined): string {
  const advice: string[] = [];
  if (read('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    advice.push('sudo sysctl kernel.unprivileged_userns_clone=1');
  }
  if (read('/proc/sys/user/max_user_namespaces') === '0') {
    advice.push('sudo sysctl user.max_user_namespaces=10000');
  }
  if (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    advice.push('sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0');
  }
  const remedy =
    advice.length > 0 ? `allow them with: ${advice.join(' && ')} (or run as root)` : 'run as root';
  return `the lab needs user namespaces, which this machine forbids (unshare: ${reason}); ${remedy}`;
}

/** How the command line is wrapped. */
export interface NamespaceCommandOptions {
  /** End everything when the process that spawns the command dies, also by SIGKILL. Off for a daemon. Default on. */
  readonly dieWithParent?: boolean;
}

/**
 * The command line that runs `argv` in fresh private namespaces, for spawn from the main thread (the kernel ties
 * "die with parent" to the thread). The exit code is that of `argv`; 125 when the namespaces could not be furnished.
 */
export function labNamespaceCommand(
  argv: readonly string[],
  options: NamespaceCommandOptions = {},
): [string, ...string[]] {
  const flags = namespaceMode() === 'user' ? [...USER_FLAGS, ...COMMON_FLAGS] : COMMON_FLAGS;
  const inner = [
    'unshare',
    ...flags,
    'env',
    `${NAMESPACE_MARKER}=1`,
    'sh',
    '-c',
    INIT_SCRIPT,
    'lab-init',
    ...argv,
  ];
  if (options.dieWithParent === false) return ['unshare', ...inner.slice(1)];
  return ['setpriv', '--pdeathsig', 'KILL', ...inner];
}

/**
 * Makes sure that the program runs inside: returns at once when it does; else runs itself again inside, with the same
 * terminal, and never returns: this process forwards signals and ends with the exit code of the one inside.
 */
export async function ensureLabNamespace(argv: readonly string[] = process.argv.slice(1)): Promise<void> {
  if (insideLabNamespace()) return;
  process.exit(await runInLabNamespace([process.execPath, ...process.execArgv, ...argv]));
}

/** Runs a command inside, with this process's terminal; resolves to its exit code. */
export async function runInLabNamespace(argv: readonly string[]): Promise<number> {
  const [command, ...args] = labNamespaceCommand(argv);
  const child = spawn(command, args, { stdio: 'inherit' });
  const stopForwarding = forwardSignals(() => programInside(child.pid));
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
    });
  } finally {
    stopForwarding();
  }
}

/**
 * Process ID, as seen from outside, of the program in the namespaces made by the given `unshare` process (the first
 * child of its init); undefined before it started and after it ended.
 */
export function programInside(unsharePid: number | undefined): number | undefined {
  const init = unsharePid === undefined ? undefined : childrenOf(unsharePid)[0];
  return init === undefined ? undefined : childrenOf(init)[0];
}

function forwardSignals(target: () => number | undefined): () => void {
  const forward = (signal: NodeJS.Signals) => {
    // The terminal sends Ctrl-C to the whole foreground group, the program inside included.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    const pid = target();
    if (pid !== undefined) process.kill(pid, signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}
