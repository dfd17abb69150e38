// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '@fairlead/test-apiserver/faults/rules.ts';

/** Which node a fault is for, said by its part at the time: who that is depends on what happened before. */
export type Role = 'owner' | 'bystander' | 'coordinator';

/** What can only be done under conditions. */
export type Need = 'embedded' | 'raft';

interface Kind {
  /** Shortest and longest time before the fault is undone. */
  readonly holdMs: readonly [number, number];
  /** A fault without a role is for no node in particular. */
  readonly roles: readonly Role[];
  readonly need?: Need;
  /** Agents that the fault itself ends: their going is no surprise. */
  readonly ends: 'nobody' | 'target' | 'everybody';
  /** It can come on top of another fault. */
  readonly isOverlay?: boolean;
  /** Nobody reaches the API server meanwhile, not even who would strike a second time. */
  readonly blocksApi?: boolean;
  /** It undoes nothing and needs no reboot: for runs that have to be short. */
  readonly isShort?: boolean;
}

const ANY: readonly Role[] = ['owner', 'bystander', 'coordinator'];

/** Everything that is done to the cluster. */
export const FAULT_KINDS = {
  agentKilled: { holdMs: [0, 1_000], roles: ANY, ends: 'target', isShort: true },
  agentKilledForLong: { holdMs: [2_000, 12_000], roles: ANY, ends: 'target' },
  allAgentsKilled: { holdMs: [0, 1_000], roles: [], ends: 'everybody' },
  agentStopped: { holdMs: [100, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  agentOutOfMemory: { holdMs: [500, 2_000], roles: ANY, ends: 'target' },
  mainThreadStalled: { holdMs: [3_000, 3_500], roles: ANY, ends: 'nobody', isShort: true },
  agentEnded: { holdMs: [0, 1_000], roles: ANY, ends: 'target', isShort: true },
  rollingRestart: { holdMs: [0, 500], roles: [], ends: 'everybody' },
  nodeFrozen: { holdMs: [100, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  nodePoweredOff: { holdMs: [1_000, 6_000], roles: ANY, ends: 'target' },
  unplugged: { holdMs: [200, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  silentDrop: { holdMs: [200, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  deaf: { holdMs: [200, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  mute: { holdMs: [200, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  /** The node and the other agents do not hear each other; everybody else hears both. */
  separated: { holdMs: [500, 8_000], roles: ANY, ends: 'nobody', isShort: true },
  /** The same, and only the other agents reach the API server. */
  separatedFromApi: { holdMs: [500, 8_000], roles: ANY, ends: 'nobody' },
  /** The same, and only the node reaches the API server. */
  separatedWithApi: { holdMs: [500, 8_000], roles: ANY, ends: 'nobody' },
  apiUnreachable: { holdMs: [500, 10_000], roles: [], ends: 'nobody', isShort: true, blocksApi: true },
  apiRefuses: { holdMs: [500, 10_000], roles: [], ends: 'nobody', need: 'embedded' },
  apiSlow: { holdMs: [2_000, 6_000], roles: [], ends: 'nobody', need: 'embedded' },
  apiErrors: { holdMs: [2_000, 8_000], roles: [], ends: 'nobody', need: 'embedded' },
  apiWatchesStalled: { holdMs: [2_000, 8_000], roles: [], ends: 'nobody', need: 'embedded' },
  apiHistoryLost: { holdMs: [0, 500], roles: [], ends: 'nobody', need: 'embedded' },
  rulesFlushed: { holdMs: [0, 500], roles: ANY, ends: 'nobody', isOverlay: true, isShort: true },
  rulesRestored: { holdMs: [0, 500], roles: ANY, ends: 'nobody', isShort: true },
  addressDeleted: { holdMs: [0, 500], roles: ['owner'], ends: 'nobody', isOverlay: true, isShort: true },
  /** A machine that is none of ours has the address too. */
  foreignClaim: { holdMs: [500, 3_000], roles: [], ends: 'nobody', isShort: true },
  /** The group's record, and the Leases that stand for addresses. */
  recordsDeleted: { holdMs: [0, 500], roles: [], ends: 'nobody', isOverlay: true, isShort: true },
  serviceEdited: { holdMs: [0, 500], roles: [], ends: 'nobody', isOverlay: true, isShort: true },
  serviceReplaced: { holdMs: [0, 500], roles: [], ends: 'nobody', isOverlay: true, isShort: true },
  podKilled: { holdMs: [0, 500], roles: [], ends: 'nobody', isOverlay: true, isShort: true },
  podDeleted: { holdMs: [0, 500], roles: [], ends: 'nobody', isOverlay: true },
} as const satisfies Readonly<Record<string, Kind>>;

/** Name of a kind of fault. */
export type FaultKind = keyof typeof FAULT_KINDS;

/** One thing that is done. */
export interface Blow {
  readonly kind: FaultKind;
  readonly role: Role | undefined;
  /** Which of the Services, counted from 0: the owner is the owner of that one. */
  readonly service: number;
}

/** One fault of a plan: a blow, perhaps a second one while it lasts, and when the first is undone. */
export interface Fault extends Blow {
  /** From 1. */
  readonly number: number;
  readonly holdMs: number;
  readonly overlay: Blow | undefined;
}

/** What is planned. */
export interface PlanOptions {
  readonly seed: number;
  readonly faults: number;
  readonly services: number;
  /** What the cluster can offer; kinds that need something else do not come. */
  readonly offers: ReadonlySet<Need>;
  /** Only kinds that pass quickly. */
  readonly onlyShort?: boolean;
  /** Nothing but these kinds. */
  readonly only?: readonly FaultKind[] | undefined;
}

/** Share of the faults that get a second blow. */
const OVERLAY_SHARE = 0.3;
/** Longest hold in a run that has to be short. */
const SHORT_HOLD_MS = 1_000;

/** The faults that follow from a seed. Each possible kind comes before any comes a second time. Pure. */
export function planFaults(options: PlanOptions): readonly Fault[] {
  const random = seededRandom(options.seed);
  const pick = <T>(list: readonly T[]): T => {
    const item = list[Math.floor(random() * list.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  };
  const kinds = possibleKinds(options);
  const overlays = kinds.filter((kind) => isOverlay(kind));
  const blow = (kind: FaultKind): Blow => ({
    kind,
    role: FAULT_KINDS[kind].roles.length === 0 ? undefined : pick<Role>(FAULT_KINDS[kind].roles),
    service: Math.floor(random() * options.services),
  });
  const faults: Fault[] = [];
  let deck: FaultKind[] = [];
  for (let number = 1; number <= options.faults; number += 1) {
    if (deck.length === 0) deck = shuffled(kinds, random);
    const kind = deck.pop() ?? pick(kinds);
    const [shortest, longest] = FAULT_KINDS[kind].holdMs;
    const limit = options.onlyShort ? Math.max(shortest, Math.min(longest, SHORT_HOLD_MS)) : longest;
    const first = blow(kind);
    const holdMs = Math.round(shortest + random() * (limit - shortest));
    const hasOverlay = takesOverlay(kind) && overlays.length > 0 && random() < OVERLAY_SHARE;
    faults.push({ ...first, number, holdMs, overlay: hasOverlay ? blow(pick(overlays)) : undefined });
  }
  return faults;
}

/** Whose agents end by a fault, as far as that is meant. */
export function endsAgents(fault: Fault): 'nobody' | 'target' | 'everybody' {
  return FAULT_KINDS[fault.kind].ends;
}

/** In words, for the report: `12 mute worker2 (owner) for 800 ms, podKilled meanwhile`. */
export function describeFault(fault: Fault): string {
  const role =
    fault.role === undefined
      ? ''
      : ` the ${fault.role}${fault.role === 'owner' ? ` of ${fault.service}` : ''}`;
  const overlay = fault.overlay === undefined ? '' : `, and ${fault.overlay.kind} meanwhile`;
  return `${fault.number} ${fault.kind}${role} for ${fault.holdMs} ms${overlay}`;
}

function possibleKinds({ offers, onlyShort, only }: PlanOptions): readonly FaultKind[] {
  const kinds = (Object.keys(FAULT_KINDS) as FaultKind[]).filter((name) => {
    const kind: Kind = FAULT_KINDS[name];
    if (kind.need !== undefined && !offers.has(kind.need)) return false;
    if (only !== undefined) return only.includes(name);
    return onlyShort !== true || kind.isShort === true;
  });
  if (kinds.length === 0) throw new Error(`no kind of fault is possible here (wanted: ${only?.join(', ')})`);
  return kinds;
}

function isOverlay(name: FaultKind): boolean {
  const kind: Kind = FAULT_KINDS[name];
  return kind.isOverlay === true;
}

function takesOverlay(name: FaultKind): boolean {
  const kind: Kind = FAULT_KINDS[name];
  return kind.isOverlay !== true && kind.blocksApi !== true;
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const keyed = list.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
