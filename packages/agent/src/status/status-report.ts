// SPDX-License-Identifier: Apache-2.0
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { AnnouncerStats, HeldAddress } from '../announce/address-keeper.ts';
import type { Verdict } from '../balance/health/verdict.ts';
import {
  type ControlPlaneReport,
  type ControlPlaneView,
  controlPlaneReport,
} from '../control-plane/report.ts';
import type { AddressGroup, EngineHealth, OwnershipState } from '../ownership/engine.ts';
import type { GroupRecord } from '../ownership/raft/group-record.ts';
import type { RaftStatus } from '../ownership/raft-driver/raft-port.ts';
import type { ServiceProblem } from '../services/problem.ts';
import type { ServedService } from '../services/served-service.ts';
import { type Failover, totalMs } from './failover-log.ts';
import { type EndpointReport, endpointReports } from './health-report.ts';
import { redacted } from './redact.ts';

/** What a report is made from. */
export interface StatusSources {
  readonly version: string;
  readonly node: string;
  /** The same moment on the monotonic clock and as milliseconds since 1970. */
  readonly nowMs: number;
  readonly wallMs: number;
  /** What the readiness probe looks at. */
  readonly checks: CheckReport;
  readonly engine: { readonly name: string; readonly health: EngineHealth };
  readonly ownership: OwnershipState;
  /** Undefined while another engine than `raft` is in force. */
  readonly raft: RaftStatus | undefined;
  readonly group: GroupRecord | undefined;
  readonly held: ReadonlyMap<string, HeldAddress>;
  readonly announcer: AnnouncerStats;
  readonly services: readonly Pick<ServedService, 'key' | 'addresses'>[];
  /** What there is to own. */
  readonly groups: readonly Pick<AddressGroup, 'addresses' | 'candidates'>[];
  /** `namespace/name` -> what stands in the way. */
  readonly problems: ReadonlyMap<string, readonly ServiceProblem[]>;
  readonly failovers: readonly Failover[];
  /** What is thought of the endpoints that are probed; default: none are. */
  readonly verdicts?: ReadonlyMap<string, Verdict>;
  /** Default: no address of the control plane is known. */
  readonly controlPlane?: ControlPlaneView | undefined;
  /** Who carries the traffic of Services: `none` (whoever else does it), or one of our data planes. */
  readonly dataPlane?: string;
  /** What keeps the group from being what it should be. */
  readonly groupProblems?: readonly { readonly reason: string; readonly message: string }[];
}

/** The answer of `agent status --json`, documented in docs/agent.md. Fields are added, never renamed or removed. */
export interface StatusReport {
  readonly node: string;
  readonly version: string;
  /** RFC 3339. */
  readonly time: string;
  /** All checks succeed, and every address that could have an owner has one. */
  readonly well: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  /** `none`: kube-proxy or its like carries the traffic of Services; absent where there are none (`agent start`). */
  readonly dataPlane?: string;
  readonly engine: {
    /** The one in force; `none` while it is being changed. */
    readonly name: string;
    readonly ok: boolean;
    readonly detail: string;
    /** Answers without grants, because no coordinator can be heard (`fairlead_minority=keep`). */
    readonly keeping: boolean;
  };
  /** Who grants; null: nobody, or there is no such office (`lease`). */
  readonly coordinator: {
    readonly node: string;
    readonly term: number;
    readonly heardMsAgo: number | null;
  } | null;
  readonly members: readonly MemberReport[];
  readonly group: GroupReport | null;
  readonly addresses: readonly AddressReport[];
  /** Endpoints whose Services have a health check, the dead first. */
  readonly endpoints: readonly EndpointReport[];
  /** Null: no address of the control plane is known. */
  readonly controlPlane: ControlPlaneReport | null;
  readonly failovers: readonly FailoverReport[];
  readonly problems: readonly {
    readonly service: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly groupProblems: readonly { readonly reason: string; readonly message: string }[];
  readonly frames: {
    readonly sent: number;
    readonly failed: number;
    readonly suppressed: number;
    readonly answers: number;
    readonly foreignClaims: number;
    readonly stallReleases: number;
  };
  /** Null unless `raft` is in force. */
  readonly traffic: TrafficReport | null;
}

/** One agent of the group. */
export interface MemberReport {
  readonly node: string;
  readonly role: 'voter' | 'member';
  /** `unknown`: nobody has said anything about it yet. */
  readonly state: 'up' | 'lost' | 'left' | 'unknown';
  /** Since this node last got a message from it, when its node spoke last; null: it talks to others only, or never did. */
  readonly heardMsAgo: number | null;
  /** Newest epoch that it is known to have settled on; only the coordinator knows those of others. */
  readonly epoch: number | null;
}

/** The group record. */
export interface GroupReport {
  readonly id: string;
  readonly epoch: number;
  readonly engine: string;
  readonly switchingTo: string | null;
  readonly size: number;
  readonly voters: readonly string[];
  /** Voters before the last change, until it is certain that nothing hangs on them any more. */
  readonly previousVoters: readonly string[] | null;
}

/** One address that somebody wants. */
export interface AddressReport {
  readonly address: string;
  readonly services: readonly string[];
  readonly owner: string | null;
  /** RFC 3339: since when this node knows the owner. */
  readonly ownerSince: string | null;
  /** Only where this node has it. */
  readonly here: {
    readonly interface: string;
    readonly answering: boolean;
    readonly problem: string | null;
    /** How long the grant still lasts; null: for as long as the announcing thread is told so (`raft`). */
    readonly grantMsLeft: number | null;
    readonly answered: number;
    readonly foreignClaims: number;
  } | null;
}

/** Addresses that moved together. Phases follow one another, in milliseconds; null: not known on this node. */
export interface FailoverReport {
  /** RFC 3339. */
  readonly at: string;
  readonly part: 'coordinator' | 'owner';
  readonly reason: string;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly count: number;
  /** The first few of them. */
  readonly addresses: readonly string[];
  readonly detectedMs: number | null;
  readonly grantedMs: number | null;
  readonly placedMs: number | null;
  readonly announcedMs: number | null;
  readonly totalMs: number | null;
}

/** Datagrams with other agents since the node began. */
export interface TrafficReport {
  readonly sent: number;
  readonly sendFailed: number;
  readonly received: number;
  readonly ignored: Readonly<Record<string, number>>;
  readonly renewalsLate: number;
  readonly renewalsLost: number;
}

/**
 * Everything that can be seen of an agent from outside, as one JSON document. Field by field: what is not named here never
 * gets out, whatever the sources come to carry, and texts of others lose what looks like a credential. Pure.
 */
export function statusReport(sources: StatusSources): StatusReport {
  const { version, node, nowMs, wallMs, checks, engine, group, raft } = sources;
  const addresses = addressReports(sources);
  const hasOwners = sources.groups
    .filter(({ candidates }) => candidates === 'any' || candidates.size > 0)
    .every((group) => group.addresses.every((address) => sources.ownership.owners.has(address)));
  return {
    node,
    version,
    time: new Date(wallMs).toISOString(),
    well: checks.every(({ ok }) => ok) && engine.health.ok && hasOwners && raft?.problem === undefined,
    checks: checks.map(({ name, ok, detail }) => ({ name, ok, detail: redacted(detail ?? '') })),
    ...(sources.dataPlane !== undefined && { dataPlane: sources.dataPlane }),
    engine: {
      name: engine.name,
      ok: engine.health.ok,
      detail: redacted(raft?.problem ?? engine.health.detail),
      keeping: raft?.isKeeping ?? false,
    },
    coordinator: coordinatorReport(sources),
    members: memberReports(sources),
    group: group === undefined ? null : groupReport(group),
    addresses,
    endpoints: endpointReports(sources.verdicts ?? new Map(), (atMs) => timeOf(atMs, nowMs, wallMs)),
    controlPlane: controlPlaneReport(sources.controlPlane, (atMs) => timeOf(atMs, nowMs, wallMs)),
    failovers: sources.failovers.map((failover) => failoverReport(failover, sources)).reverse(),
    problems: problemReports(sources),
    groupProblems: (sources.groupProblems ?? []).map(({ reason, message }) => ({
      reason,
      message: redacted(message),
    })),
    frames: frameReport(sources.announcer),
    traffic: raft === undefined ? null : trafficReport(raft),
  };
}

function coordinatorReport({ raft, node }: StatusSources): StatusReport['coordinator'] {
  if (raft?.reign === undefined) return null;
  const { term, coordinator } = raft.reign;
  const heardMsAgo = coordinator.name === node ? 0 : msSince(raft.heardMs, raft.atMs);
  return { node: coordinator.name, term, heardMsAgo };
}

function memberReports({ raft, node, ownership }: StatusSources): readonly MemberReport[] {
  if (raft === undefined) {
    const owners = [...ownership.owners.values()].map((owner) => owner.node);
    const names = new Set([node, ...owners, ...ownership.lostNodes]);
    return [...names].sort().map((name) => ({
      node: name,
      role: 'member',
      state: ownership.lostNodes.has(name) ? 'lost' : 'up',
      heardMsAgo: name === node ? 0 : null,
      epoch: null,
    }));
  }
  const { config, members, lastHeardMs, settledEpochs } = raft;
  const names = new Set([node, ...config.voters, ...members.keys(), ...lastHeardMs.keys()]);
  return [...names].sort().map((name) => ({
    node: name,
    role: config.voters.includes(name) ? 'voter' : 'member',
    state: name === node ? 'up' : (members.get(name) ?? 'unknown'),
    heardMsAgo: name === node ? 0 : msSince(lastHeardMs.get(name), raft.atMs),
    epoch: settledEpochs.get(name) ?? null,
  }));
}

function groupReport({
  groupId,
  epoch,
  engine,
  switching,
  size,
  voters,
  previous,
}: GroupRecord): GroupReport {
  return {
    id: groupId,
    epoch,
    engine,
    switchingTo: switching?.to ?? null,
    size,
    voters: [...voters],
    previousVoters: previous === undefined ? null : [...previous],
  };
}

function addressReports(sources: StatusSources): readonly AddressReport[] {
  const { services, groups, ownership, held, announcer, nowMs, wallMs } = sources;
  const byAddress = new Map<string, string[]>();
  for (const { key, addresses } of services) {
    for (const address of addresses) {
      const keys = byAddress.get(address);
      if (keys === undefined) byAddress.set(address, [key]);
      else keys.push(key);
    }
  }
  // The control plane's belong to no Service.
  const others = [...groups.flatMap(({ addresses }) => addresses), ...held.keys()];
  for (const address of others) if (!byAddress.has(address)) byAddress.set(address, []);
  return [...byAddress].map(([address, keys]) => {
    const owner = ownership.owners.get(address);
    const here = held.get(address);
    const counters = announcer.addresses.get(address);
    return {
      address,
      services: keys,
      owner: owner?.node ?? null,
      ownerSince: owner === undefined ? null : timeOf(owner.sinceMs, nowMs, wallMs),
      here:
        here === undefined
          ? null
          : {
              interface: here.interface,
              answering: here.answering,
              problem: here.problem === undefined ? null : redacted(here.problem),
              grantMsLeft: Number.isFinite(here.untilMs)
                ? Math.max(0, Math.round(here.untilMs - nowMs))
                : null,
              answered: counters?.answered ?? 0,
              foreignClaims: counters?.foreignClaims ?? 0,
            },
    };
  });
}

function failoverReport(failover: Failover, { nowMs, wallMs }: StatusSources): FailoverReport {
  const { atMs, part, reason, from, to, count, addresses, phases } = failover;
  return {
    at: timeOf(atMs, nowMs, wallMs),
    part,
    reason,
    from: from ?? null,
    to: [...to],
    count,
    addresses: [...addresses],
    detectedMs: rounded(phases.detectedMs),
    grantedMs: rounded(phases.grantedMs),
    placedMs: rounded(phases.placedMs),
    announcedMs: rounded(phases.announcedMs),
    totalMs: rounded(totalMs(phases)),
  };
}

function problemReports({ problems }: StatusSources): StatusReport['problems'] {
  return [...problems].flatMap(([service, found]) =>
    found.map(({ reason, message }) => ({ service, reason, message: redacted(message) })),
  );
}

function frameReport(stats: AnnouncerStats): StatusReport['frames'] {
  return {
    sent: stats.framesSent,
    failed: stats.framesFailed,
    suppressed: stats.framesSuppressed,
    answers: stats.probesAnswered,
    foreignClaims: stats.foreignClaims,
    stallReleases: stats.letGo,
  };
}

function trafficReport({ traffic }: RaftStatus): TrafficReport {
  const { sent, sendFailed, received, ignored, renewalsLate, renewalsLost } = traffic;
  return { sent, sendFailed, received, ignored: Object.fromEntries(ignored), renewalsLate, renewalsLost };
}

function timeOf(atMs: number, nowMs: number, wallMs: number): string {
  return new Date(wallMs + atMs - nowMs).toISOString();
}

/** Whole milliseconds; null when it never was. */
function msSince(atMs: number | undefined, nowMs: number): number | null {
  return atMs === undefined || !Number.isFinite(atMs) ? null : Math.max(0, Math.round(nowMs - atMs));
}

/** To a tenth of a millisecond. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
