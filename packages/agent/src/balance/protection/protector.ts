// SPDX-License-Identifier: Apache-2.0
import type { ServiceProblem } from '../../services/problem.ts';
import type { ProtectionModel } from './policy.ts';

/** Why a packet was dropped, or how it was treated: names of counters, and values of a label of metrics. */
export const VERDICTS = [
  'outside-ranges',
  'blocked',
  'bogus-flags',
  'connection-rate',
  'open-connections',
  'closed-port',
  'syn-proxied',
  'allowed',
] as const;

/** One of {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];

/** Packets that met a verdict since the rules were built. */
export interface VerdictCount {
  /** Empty for what belongs to no Service: packets to closed ports. */
  readonly service: string;
  readonly verdict: Verdict;
  readonly packets: number;
}

/** Filters what comes for our addresses, whichever data plane sends it on. */
export interface Protector {
  /** The whole desired state. Resolves when the kernel has it; writes nothing when nothing differs. */
  apply(model: ProtectionModel): Promise<void>;
  /** Looks whether the kernel still has what was applied, and repairs it. Returns whether it had to. */
  verify(): Promise<boolean>;
  /** `namespace/name` -> what this node cannot do for that Service. */
  problems(): ReadonlyMap<string, readonly ServiceProblem[]>;
  /** Read from the kernel at each call, which takes some microseconds. */
  counts(): readonly VerdictCount[];
  /** Removes everything of ours. */
  stop(): Promise<void>;
}

/** For agents that filter nothing, in tests above all. */
export const NO_PROTECTOR: Protector = {
  apply: () => Promise.resolve(),
  verify: () => Promise.resolve(false),
  problems: () => new Map(),
  counts: () => [],
  stop: () => Promise.resolve(),
};
