// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Microseconds; the kernel's default, and that of Kubernetes. */
const PERIOD_US = 100_000;

/** Where groups with a quota may be made: a folder, and how a quota is written there. */
interface Hierarchy {
  readonly folder: string;
  /** A file that is there only when the folder really is such a hierarchy. */
  readonly proof: string;
  /** Which line of /proc/PID/cgroup names a process's own group. */
  readonly line: RegExp;
  limit(group: string, quotaUs: number): void;
}

const HIERARCHIES: readonly Hierarchy[] = [
  {
    folder: '/sys/fs/cgroup',
    proof: 'cgroup.controllers',
    line: /^0::(\S+)$/m,
    limit: (group, quotaUs) => writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${PERIOD_US}`),
  },
  {
    folder: '/sys/fs/cgroup/cpu',
    proof: 'cpu.cfs_quota_us',
    line: /^\d+:(?:cpu|cpu,cpuacct):(\S+)$/m,
    limit: (group, quotaUs) => {
      writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
      writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
    },
  },
];

/** A quota in force. */
export interface CpuQuota {
  /** How often the process has used up its part of a period, and had to wait for the next one. */
  timesThrottled(): number;
  undo(): void;
}

/**
 * Gives a process (with what it starts) a share of one processor, by a control group of its own. Undefined where no such
 * group may be made: that takes root, and a kernel with the controller.
 */
export function limitCpu(name: string, pid: number, share: number): CpuQuota | undefined {
  for (const hierarchy of HIERARCHIES) {
    const group = join(hierarchy.folder, `fairlead-lab-${name}`);
    if (!existsSync(join(hierarchy.folder, hierarchy.proof))) continue;
    const home = homeOf(pid, hierarchy);
    if (home === undefined || !attempt(() => mkdirSync(group))) continue;
    const undo = (): void => {
      attempt(() => writeFileSync(join(home, 'cgroup.procs'), String(pid)));
      attempt(() => rmdirSync(group));
    };
    const isLimited = attempt(() => {
      hierarchy.limit(group, Math.round(share * PERIOD_US));
      writeFileSync(join(group, 'cgroup.procs'), String(pid));
    });
    if (isLimited) return { timesThrottled: () => timesThrottled(group), undo };
    undo();
  }
  return undefined;
}

function timesThrottled(group: string): number {
  return Number(
    /^nr_throttled (\d+)$/m.exec(readFileSync(join(group, 'cpu.stat'), 'utf8'))?.[1] ?? Number.NaN,
  );
}

function homeOf(pid: number, { folder, line }: Hierarchy): string | undefined {
  const path = line.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  return path === undefined ? undefined : join(folder, path);
}

/** Whether it worked: that it may not is what we are trying to find out. */
function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
