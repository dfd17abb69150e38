// SPDX-License-Identifier: Apache-2.0
import type { AnnouncerStats, HeldAddress } from '../announce/address-keeper.ts';
import type { RaftStatus } from '../ownership/raft-driver/raft-port.ts';
import type { StatusSources } from './status-report.ts';

/** An address that this node answers for. */
export function heldAddress(address: string, more: Partial<HeldAddress> = {}): HeldAddress {
  return { address, interface: 'eth0', untilMs: 10_000, sinceMs: 0, answering: true, ...more };
}

/** The word of node `b`: a member of a group of three whose coordinator is `c`. */
export function raftStatus(more: Partial<RaftStatus> = {}): RaftStatus {
  return {
    id: { name: 'b', instance: '00000000000000bb' },
    groupId: '0123456789abcdef0123456789abcdef',
    atMs: 5_000,
    role: 'follower',
    term: 4,
    rightUntilMs: undefined,
    reign: { term: 4, coordinator: { name: 'c', instance: '00000000000000cc' } },
    heardMs: 4_990,
    config: { epoch: 3, voters: ['a', 'b', 'c'] },
    settledEpochs: new Map([['b', 3]]),
    availability: 'available',
    owners: new Map(),
    members: new Map([
      ['a', 'up'],
      ['b', 'up'],
      ['c', 'up'],
    ]),
    silences: new Map(),
    reachedMs: new Map(),
    isKeeping: false,
    isDrained: false,
    grantedUntilMs: 5_200,
    lastHeardMs: new Map([['c', 4_990]]),
    withoutCoordinatorSinceMs: undefined,
    listeningSinceMs: 0,
    highestEpoch: 3,
    traffic: {
      sent: 10,
      sendFailed: 1,
      received: 9,
      ignored: new Map([['badSignature', 2]]),
      renewalsLate: 3,
      renewalsLost: 1,
    },
    problem: undefined,
    ...more,
  };
}

/** What an announcer that has done nothing says. */
export const NO_FRAMES: AnnouncerStats = {
  framesSent: 0,
  framesFailed: 0,
  framesSuppressed: 0,
  probesAnswered: 0,
  foreignClaims: 0,
  letGo: 0,
  addresses: new Map(),
};

/** Node `b` with nothing to do. */
export function statusSources(more: Partial<StatusSources> = {}): StatusSources {
  return {
    version: '1.2.3',
    node: 'b',
    nowMs: 5_000,
    wallMs: Date.UTC(2026, 0, 1),
    checks: [{ name: 'main loop', ok: true }],
    engine: { name: 'raft', health: { ok: true, detail: '' } },
    ownership: { grants: new Map(), version: 0, owners: new Map(), lostNodes: new Set() },
    raft: raftStatus(),
    group: undefined,
    held: new Map(),
    announcer: NO_FRAMES,
    services: [],
    groups: [],
    problems: new Map(),
    failovers: [],
    ...more,
  };
}
