// SPDX-License-Identifier: Apache-2.0
import { type Address, formatAddress } from '@fairlead/shared/address/address.ts';
import type { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { GroupSize } from '../ownership/raft/group-record.ts';
import { DEFAULT_TIMING, type RaftTiming, timingProblem } from '../ownership/raft/timing.ts';
import { SETTINGS } from './names.ts';

/** What the group of agents and its `raft` engine need to know, checked. */
export interface RaftSettings {
  /** UDP port of all agents. */
  readonly port: number;
  /** Address at which the others reach this agent; undefined: found out. */
  readonly address: string | undefined;
  /** Which of the node's addresses to take when `address` is not set; undefined: IPv4 if there is one. */
  readonly family: 'ipv4' | 'ipv6' | undefined;
  readonly timing: RaftTiming;
  /** How many voters there are to be. */
  readonly voters: GroupSize;
  /** What becomes of addresses below a majority of the voters. */
  readonly minority: 'release' | 'keep';
  /** Those who live make a group of their own after so long below a majority; undefined: never. */
  readonly reformAfterMs: number | undefined;
  /** Secret with the group's key, in the namespace of the group record. */
  readonly keySecret: string;
  /** File with the group's key; read instead of the Secret. */
  readonly keyFile: string | undefined;
}

/** A network and a scheduler take their time, however short the grants are. */
const LEAST_MS = {
  electionStepMs: 4,
  electionJitterMs: 2,
  electionRoundMs: 20,
  resendMs: 10,
  tailMs: 60,
} as const;

/** Reads what begins with `fairlead_raft_`, and what else the group needs. Problems go to the reader. */
export function readRaftSettings(reader: SettingsReader): RaftSettings {
  const address = reader.value(SETTINGS.raftAddress);
  const family = reader.value(SETTINGS.raftFamily);
  if (address !== undefined && family !== undefined && familyOf(address) !== family) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.raftAddress),
      received: formatAddress(address),
      expected: `an address of the family in ${SETTINGS.raftFamily.env}, ${family}`,
    });
  }
  return {
    port: reader.value(SETTINGS.raftPort),
    address: address === undefined ? undefined : formatAddress(address),
    family: address === undefined ? family : familyOf(address),
    timing: readTiming(reader),
    voters: Number(reader.value(SETTINGS.raftVoters)) as GroupSize,
    minority: reader.value(SETTINGS.minority),
    reformAfterMs: reader.value(SETTINGS.reformAfter),
    keySecret: reader.value(SETTINGS.groupKeySecret),
    keyFile: reader.value(SETTINGS.groupKeyFile),
  };
}

function familyOf({ family }: Address): 'ipv4' | 'ipv6' {
  return family === 4 ? 'ipv4' : 'ipv6';
}

function readTiming(reader: SettingsReader): RaftTiming {
  const renewMs = reader.value(SETTINGS.raftInterval);
  const grantMs = reader.value(SETTINGS.raftGrant);
  const timing = timingOf(renewMs, grantMs);
  const problem = timingProblem(timing);
  if (problem !== undefined) {
    reader.addProblem({
      setting: reader.nameOf(SETTINGS.raftGrant),
      received: `${grantMs}`,
      expected: `a time that goes with ${SETTINGS.raftInterval.env} (${renewMs}): ${problem}`,
    });
  }
  return timing;
}

/** All times of the protocol, the others in the same proportion to the length of a grant as in {@link DEFAULT_TIMING}. */
export function timingOf(renewMs: number, grantMs: number): RaftTiming {
  const factor = grantMs / DEFAULT_TIMING.grantMs;
  const scaled = (ms: number) => Math.max(1, Math.round(ms * factor));
  const atLeast = (name: keyof typeof LEAST_MS) => Math.max(LEAST_MS[name], scaled(DEFAULT_TIMING[name]));
  return {
    ...DEFAULT_TIMING,
    renewMs,
    grantMs,
    heartbeatMs: scaled(DEFAULT_TIMING.heartbeatMs),
    leaseMs: scaled(DEFAULT_TIMING.leaseMs),
    gatherMs: scaled(DEFAULT_TIMING.gatherMs),
    tailMs: atLeast('tailMs'),
    electionStepMs: atLeast('electionStepMs'),
    electionJitterMs: atLeast('electionJitterMs'),
    electionRoundMs: atLeast('electionRoundMs'),
    resendMs: atLeast('resendMs'),
  };
}
