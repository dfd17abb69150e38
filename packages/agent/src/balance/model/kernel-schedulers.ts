// SPDX-License-Identifier: Apache-2.0
import type { Scheduler } from './frontend.ts';

/**
 * Schedulers of the kernel (Linux 6.x, `net/netfilter/ipvs/ip_vs_*.c`, and `ipvsadm(8)`): `wrr` weighted round robin, `wlc` weighted
 * least connections, `lblc` and `lblcr` locality-based, `dh` and `sh` hash of destination and source, `sed` shortest expected delay,
 * `nq` never queue, `fo` failover to the next heaviest, `ovf` overflow to the next heaviest, `mh` Maglev hash, `twos` the better of
 * two by chance (since 6.2).
 */
export const KERNEL_SCHEDULERS = [
  'rr',
  'wrr',
  'lc',
  'wlc',
  'lblc',
  'lblcr',
  'dh',
  'sh',
  'sed',
  'nq',
  'fo',
  'ovf',
  'mh',
  'twos',
] as const;

/** One of {@link KERNEL_SCHEDULERS}. */
export type KernelScheduler = (typeof KERNEL_SCHEDULERS)[number];

/** Which of the kernel's is the nearest to one that all planes have. */
export const KERNEL_SCHEDULER_OF: Readonly<Record<Scheduler, KernelScheduler>> = {
  roundRobin: 'rr',
  weightedRoundRobin: 'wrr',
  leastConnections: 'wlc',
  sourceHash: 'sh',
  consistentHash: 'mh',
};

/** Which of those that all planes have is the nearest to one of the kernel. */
export const COMMON_SCHEDULER_OF: Readonly<Record<KernelScheduler, Scheduler>> = {
  rr: 'roundRobin',
  wrr: 'weightedRoundRobin',
  lc: 'leastConnections',
  wlc: 'leastConnections',
  lblc: 'leastConnections',
  lblcr: 'leastConnections',
  dh: 'sourceHash',
  sh: 'sourceHash',
  sed: 'leastConnections',
  nq: 'leastConnections',
  fo: 'weightedRoundRobin',
  ovf: 'weightedRoundRobin',
  mh: 'consistentHash',
  twos: 'leastConnections',
};

/** Those that only IPVS has: elsewhere nothing does the same. */
export const ONLY_IPVS: ReadonlySet<KernelScheduler> = new Set([
  'lblc',
  'lblcr',
  'dh',
  'sed',
  'nq',
  'fo',
  'ovf',
  'twos',
]);

/**
 * Flags of a scheduler. A back end that gets nothing new keeps its place in the tables of `sh` and `mh`, and without the fallback
 * its clients would be refused instead of sent elsewhere.
 */
export function flagsOf(scheduler: string): readonly string[] {
  return scheduler === 'sh' || scheduler === 'mh' ? [`${scheduler}-fallback`] : [];
}
