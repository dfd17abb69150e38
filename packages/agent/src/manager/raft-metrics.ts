// SPDX-License-Identifier: Apache-2.0
import type { RaftStatus } from '../ownership/raft-driver/raft-port.ts';
import { growing, type Registers, sampled } from './samples.ts';

/** Where the samples come from: undefined while another engine than `raft` is in force, and then there are none. */
export type RaftSource = () => RaftStatus | undefined;

const ROLES = ['follower', 'preCandidate', 'candidate', 'leader'] as const;
const MEMBER_STATES = ['up', 'lost', 'left'] as const;

/** What the node of the `raft` engine knows and does. */
export function observeRaft(raft: RaftSource, registers: Registers): void {
  observeGroup(raft, registers);
  observeTraffic(raft, registers);
}

function observeGroup(raft: RaftSource, registers: Registers): void {
  const gauge = (name: string, help: string, read: (status: RaftStatus) => number | undefined) =>
    sampled({ name: `fairlead_raft_${name}`, help, labelNames: [] }, registers, () => {
      const status = raft();
      const value = status === undefined ? undefined : read(status);
      return value === undefined ? [] : [[{}, value] as const];
    });
  gauge('term', 'Term of the election that this node is in.', ({ term }) => term);
  gauge('epoch', 'Epoch of the voters that this node follows.', ({ config }) => config.epoch);
  gauge('voters', 'Number of voters.', ({ config }) => config.voters.length);
  gauge(
    'without_coordinator_seconds',
    'How long this node has known no coordinator; 0 while there is one.',
    ({ withoutCoordinatorSinceMs, atMs }) =>
      withoutCoordinatorSinceMs === undefined ? 0 : (atMs - withoutCoordinatorSinceMs) / 1_000,
  );
  gauge(
    'grant_remaining_seconds',
    'How long the grants of this node last unless they are extended; 0 while it has none.',
    ({ grantedUntilMs, atMs }) => Math.max(0, grantedUntilMs - atMs) / 1_000,
  );
  sampled(
    {
      name: 'fairlead_raft_role',
      help: '1 for the role of this node in the election.',
      labelNames: ['role'],
    },
    registers,
    () => {
      const status = raft();
      return status === undefined
        ? []
        : ROLES.map((role) => [{ role }, Number(status.role === role)] as const);
    },
  );
  sampled(
    {
      name: 'fairlead_raft_coordinator',
      help: '1 for the node that grants, as this one knows.',
      labelNames: ['coordinator'],
    },
    registers,
    () => {
      const reign = raft()?.reign;
      return reign === undefined ? [] : [[{ coordinator: reign.coordinator.name }, 1] as const];
    },
  );
  sampled(
    {
      name: 'fairlead_raft_members',
      help: 'Agents that the coordinator has told of, by state.',
      labelNames: ['state'],
    },
    registers,
    () => {
      const members = raft()?.members;
      if (members === undefined) return [];
      const count = (wanted: string) => [...members.values()].filter((state) => state === wanted).length;
      return MEMBER_STATES.map((state) => [{ state }, count(state)] as const);
    },
  );
}

function observeTraffic(raft: RaftSource, registers: Registers): void {
  const totals: readonly (readonly [string, string, keyof Omit<RaftStatus['traffic'], 'ignored'>])[] = [
    ['raft_datagrams_sent', 'Datagrams sent to other agents.', 'sent'],
    ['raft_datagrams_send_failed', 'Datagrams that the kernel did not take, or for nobody.', 'sendFailed'],
    ['raft_datagrams_received', 'Datagrams received.', 'received'],
    [
      'renewals_late',
      'Renewals of grants that were answered later than one renewal interval.',
      'renewalsLate',
    ],
    ['renewals_lost', 'Renewals of grants that nobody answered.', 'renewalsLost'],
  ];
  for (const [name, help, field] of totals) {
    growing({ name: `fairlead_${name}_total`, help }, registers, () => {
      const status = raft();
      return status === undefined ? [] : [[{}, status.traffic[field]]];
    });
  }
  growing(
    {
      name: 'fairlead_raft_datagrams_ignored_total',
      help: 'Datagrams received and not followed, by reason.',
      labelNames: ['reason'],
    },
    registers,
    () => [...(raft()?.traffic.ignored ?? [])].map(([reason, count]) => [{ reason }, count] as const),
  );
}
