// SPDX-License-Identifier: Apache-2.0
/**
 * The programs of the operating system that Fairlead's demo and tests call, and how to get the missing ones.
 * Runs on the machine's own Node (20 or newer) before anything is installed, so it uses the standard library only.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What `npm run build` and the file systems of images need: program -> Debian package that brings it. */
export const BUILD_TOOLS = {
  'g++': 'g++',
  make: 'make',
  python3: 'python3',
};

/** Program -> Debian package that brings it. */
export const SYSTEM_TOOLS = {
  ...BUILD_TOOLS,
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  curl: 'curl',
  kubectl: 'kubernetes-client',
  openssl: 'openssl',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  ping: 'iputils-ping',
  dnsmasq: 'dnsmasq-base',
  etcd: 'etcd-server',
  ipvsadm: 'ipvsadm',
  modprobe: 'kmod',
  'linux.uml': 'user-mode-linux',
  ab: 'apache2-utils',
  shellcheck: 'shellcheck',
  buildah: 'buildah',
  umoci: 'umoci',
  crun: 'crun',
};

/** What only benchmarks call, as something to compare with: program -> Debian package. */
export const BENCH_TOOLS = {
  keepalived: 'keepalived',
  wrk: 'wrk',
  haproxy: 'haproxy',
  nginx: 'libnginx-mod-stream',
};

/** System folders that a non-root user's PATH often lacks. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** PATH with the system folders appended, so that `nft` and `ip` are found for everyone. */
export function pathWithSbin(path = process.env.PATH ?? '') {
  const present = path.split(delimiter);
  return [...present, ...SBIN.filter((dir) => !present.includes(dir))].join(delimiter);
}

/** @returns {boolean} whether `program` can be executed from `path`. */
function canRun(program, path) {
  return path.split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The tools that are not on the PATH, as `[program, package]` pairs. */
export function missingTools(path = pathWithSbin(), tools = SYSTEM_TOOLS) {
  return Object.entries(tools).filter(([program]) => !canRun(program, path));
}

/**
 * Installs what is missing with apt-get when that is possible (root on Debian or Ubuntu) and says so; otherwise
 * throws one line that names what is missing and how to get it.
 */
export function ensureSystemTools(tools = SYSTEM_TOOLS) {
  const missing = missingTools(undefined, tools);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))];
  const names = missing.map(([program]) => program).join(', ');
  if (!canRun('apt-get', pathWithSbin()) || process.getuid?.() !== 0) {
    throw new Error(
      `missing system tools: ${names}. Install them first, on Debian or Ubuntu with: sudo apt-get install -y ${packages.join(' ')}`,
    );
  }
  console.error(`setup: installing with apt-get: ${packages.join(' ')} (for ${names})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet).status ===
    0;
  // A fresh machine has no package lists; one with lists needs no update.
  if (!install()) {
    spawnSync('apt-get', ['update', '-qq'], quiet);
    if (!install()) throw new Error(`apt-get could not install: ${packages.join(' ')}`);
  }
  const still = missingTools(undefined, tools).map(([program]) => program);
  if (still.length > 0) throw new Error(`still missing after apt-get install: ${still.join(', ')}`);
}
