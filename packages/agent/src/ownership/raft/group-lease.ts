// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { FAIRLEAD_PREFIX } from '@fairlead/shared/kubernetes/contract.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import type { LeaseName } from '../../config/lease-name.ts';
import {
  type EngineSwitch,
  type GroupEngine,
  type GroupRecord,
  type GroupSize,
  type GroupState,
  MAX_EPOCH,
  type MemberEntry,
  memberProblem,
  recordProblem,
} from './group-record.ts';

/*
 * The group record as a Lease object. Everything stands in annotations, one for each thing, so that `kubectl get -o yaml`
 * is readable; the spec of the Lease stays as it is, for nobody holds it.
 */

/** Name of the Lease object, in the namespace of the agents. */
export const GROUP_LEASE_NAME = 'fairlead-group';

/**
 * The same of agents that serve the control plane and no Services. Whoever coordinates a group has to know all that there is to
 * own, and these know nothing of Services.
 */
export const CONTROL_PLANE_GROUP_LEASE_NAME = 'fairlead-group-control-plane';

/** Annotations of it. */
export const GROUP_ANNOTATION = {
  /** Version of this encoding. */
  format: `${FAIRLEAD_PREFIX}group-format`,
  id: `${FAIRLEAD_PREFIX}group-id`,
  epoch: `${FAIRLEAD_PREFIX}group-epoch`,
  /** `raft` or `lease`. */
  engine: `${FAIRLEAD_PREFIX}group-engine`,
  /** `prepare raft`, `stop lease`…: stage and engine that comes; absent when there is no change under way. */
  switching: `${FAIRLEAD_PREFIX}group-switch`,
  size: `${FAIRLEAD_PREFIX}group-size`,
  /** Comma list. */
  voters: `${FAIRLEAD_PREFIX}group-voters`,
  /** Comma list; absent when the epoch is active. */
  previous: `${FAIRLEAD_PREFIX}group-previous-voters`,
  /** `true` after a reform, until the epoch is active. */
  reformed: `${FAIRLEAD_PREFIX}group-reformed`,
  /** `node/instance`. */
  writer: `${FAIRLEAD_PREFIX}group-writer`,
  /** One line for each agent: name, instance, endpoint, `control-plane` or `worker`, epoch confirmed. */
  members: `${FAIRLEAD_PREFIX}group-members`,
} as const;

const FORMAT = '1';

/** What a Lease object says of the group. */
export type GroupReading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'found'; readonly state: GroupState; readonly version: string }
  | {
      /** There, but it cannot be read. */
      readonly kind: 'unreadable';
      readonly problem: string;
      readonly version: string;
      /** Epoch in it as far as it can be read; 0 otherwise. */
      readonly epoch: number;
      /** Written by a later version of the agent: to be left alone. */
      readonly isNewer: boolean;
    };

/** Reads the object that an API server has (undefined: it has none). Never throws. */
export function readGroupLease(lease: Lease | undefined): GroupReading {
  if (lease === undefined) return { kind: 'absent' };
  const version = lease.metadata?.resourceVersion ?? '';
  const annotations = lease.metadata?.annotations ?? {};
  const epoch = numberOf(annotations[GROUP_ANNOTATION.epoch], MAX_EPOCH) ?? 0;
  const format = annotations[GROUP_ANNOTATION.format];
  if (format !== FORMAT) {
    const isNewer = (numberOf(format, Number.MAX_SAFE_INTEGER) ?? 0) > Number(FORMAT);
    const problem = `${GROUP_ANNOTATION.format} is ${quoted(format)}; this agent reads "${FORMAT}"`;
    return { kind: 'unreadable', problem, version, epoch, isNewer };
  }
  const state = readState(annotations, epoch);
  if (state.ok) return { kind: 'found', state: state.value, version };
  return { kind: 'unreadable', problem: state.problem, version, epoch, isNewer: false };
}

/**
 * The Lease object to send. Everything that is not ours stays as it is in `base`, and so does the resourceVersion, which
 * makes the write a compare-and-swap; without `base` it is a creation.
 */
export function writeGroupLease(
  base: Lease | undefined,
  { namespace, name }: LeaseName,
  { record, members }: GroupState,
): Lease {
  const kept = Object.entries(base?.metadata?.annotations ?? {}).filter(([key]) => !OURS.has(key));
  const { switching, previous } = record;
  const annotations = {
    ...Object.fromEntries(kept),
    [GROUP_ANNOTATION.format]: FORMAT,
    [GROUP_ANNOTATION.id]: record.groupId,
    [GROUP_ANNOTATION.epoch]: String(record.epoch),
    [GROUP_ANNOTATION.engine]: record.engine,
    [GROUP_ANNOTATION.size]: String(record.size),
    [GROUP_ANNOTATION.voters]: record.voters.join(','),
    [GROUP_ANNOTATION.writer]: record.writer,
    [GROUP_ANNOTATION.members]: [...members].sort(byName).map(writeMember).join('\n'),
    ...(switching !== undefined && { [GROUP_ANNOTATION.switching]: `${switching.stage} ${switching.to}` }),
    ...(previous !== undefined && { [GROUP_ANNOTATION.previous]: previous.join(',') }),
    ...(record.isReformed && { [GROUP_ANNOTATION.reformed]: 'true' }),
  };
  return { ...base, metadata: { ...base?.metadata, namespace, name, annotations } };
}

const OURS: ReadonlySet<string> = new Set(Object.values(GROUP_ANNOTATION));

type Annotations = Readonly<Record<string, string>>;

function readState(annotations: Annotations, epoch: number): Parsed<GroupState> {
  const members = readMembers(annotations[GROUP_ANNOTATION.members] ?? '');
  if (!members.ok) return unparsable(`${GROUP_ANNOTATION.members}: ${members.problem}`);
  const engine = annotations[GROUP_ANNOTATION.engine];
  if (engine !== 'raft' && engine !== 'lease') {
    return unparsable(`${GROUP_ANNOTATION.engine} is ${quoted(engine)}; expected raft or lease`);
  }
  const size = SIZES.find((size) => String(size) === annotations[GROUP_ANNOTATION.size]);
  if (size === undefined) {
    return unparsable(
      `${GROUP_ANNOTATION.size} is ${quoted(annotations[GROUP_ANNOTATION.size])}; expected 3, 5 or 7`,
    );
  }
  const switching = readSwitch(annotations[GROUP_ANNOTATION.switching]);
  if (!switching.ok) return switching;
  const previous = annotations[GROUP_ANNOTATION.previous];
  const record: GroupRecord = {
    groupId: annotations[GROUP_ANNOTATION.id] ?? '',
    epoch,
    engine,
    switching: switching.value,
    size,
    voters: listOf(annotations[GROUP_ANNOTATION.voters] ?? ''),
    previous: previous === undefined ? undefined : listOf(previous),
    ...(annotations[GROUP_ANNOTATION.reformed] === 'true' && { isReformed: true }),
    writer: annotations[GROUP_ANNOTATION.writer] ?? '',
  };
  const problem = recordProblem(record);
  return problem === undefined ? parsed({ record, members: members.value }) : unparsable(problem);
}

const SIZES: readonly GroupSize[] = [3, 5, 7];

function readSwitch(text: string | undefined): Parsed<EngineSwitch | undefined> {
  if (text === undefined) return parsed(undefined);
  const [stage, to, ...rest] = text.split(' ');
  const isEngine = (value: string | undefined): value is GroupEngine => value === 'raft' || value === 'lease';
  if ((stage === 'prepare' || stage === 'stop') && isEngine(to) && rest.length === 0) {
    return parsed({ stage, to });
  }
  return unparsable(`${GROUP_ANNOTATION.switching} is "${text}"; expected for example "prepare raft"`);
}

const CONTROL_PLANE = 'control-plane';
const WORKER = 'worker';
const NO_ENDPOINT = '-';

function writeMember([name, { instance, endpoint, controlPlane, confirmed }]: [string, MemberEntry]): string {
  const kind = controlPlane ? CONTROL_PLANE : WORKER;
  return [name, instance, endpoint === '' ? NO_ENDPOINT : endpoint, kind, confirmed].join(' ');
}

function readMembers(text: string): Parsed<ReadonlyMap<string, MemberEntry>> {
  const members = new Map<string, MemberEntry>();
  for (const line of text === '' ? [] : text.split('\n')) {
    const [name = '', instance = '', endpoint = '', kind = '', confirmed, ...rest] = line.split(' ');
    const epoch = numberOf(confirmed, MAX_EPOCH);
    if (epoch === undefined || rest.length > 0 || (kind !== CONTROL_PLANE && kind !== WORKER)) {
      return unparsable(
        `the line "${line}"; expected name, instance, endpoint, control-plane or worker, and an epoch`,
      );
    }
    const member: MemberEntry = {
      instance,
      endpoint: endpoint === NO_ENDPOINT ? '' : endpoint,
      controlPlane: kind === CONTROL_PLANE,
      confirmed: epoch,
    };
    const problem = memberProblem(name, member);
    if (problem !== undefined) return unparsable(problem);
    if (members.has(name)) return unparsable(`${name} stands in it twice`);
    members.set(name, member);
  }
  return parsed(members);
}

function listOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',');
}

/** A decimal number as we write them. */
function numberOf(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function byName([a]: [string, MemberEntry], [b]: [string, MemberEntry]): number {
  return a < b ? -1 : Number(a > b);
}

function quoted(text: string | undefined): string {
  return text === undefined ? 'missing' : `"${text}"`;
}
