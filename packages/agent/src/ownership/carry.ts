// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup } from './engine.ts';

/**
 * Which addresses this node may carry, given the Leases it holds.
 *
 * An address belongs to a group, and the group to a Lease. Usually that never changes. It does when the oldest of
 * several Services that share the address is deleted, when a `leaseName` is edited, or when an address is given to
 * another Service. A new Lease says nothing about who carries the address under the old one, and not every node sees the
 * edit at the same moment: taking over on the strength of the new Lease alone would put the address on two nodes. So:
 *
 * - *Bridge*: the node that carries an address under its old Lease keeps it, and the old Lease, until it has the new one
 *   too, or sees somebody else have it. It does not wait its turn for the new one. Only an address that it has carried
 *   there for a lease duration is bridged: by then every node must have seen it there, and has a fence. One that passes
 *   through a Lease faster than that is let go and contended for anew.
 * - *Fence*: a node that gets the new Lease waits until the old one is free, or held by itself, or until it has had the
 *   new one for a lease duration: by then the other node has seen who has it, or has lost its own. This is what stops the
 *   second owner when the first one's view is old.
 */
export interface CarryInput {
  readonly node: string;
  readonly nowMs: number;
  readonly groups: readonly AddressGroup[];
  /** Lease key -> what is known about it. */
  readonly leases: LeaseView;
  readonly memory: CarryMemory;
  /** Addresses that are on this node now. */
  readonly held: ReadonlySet<string>;
}

/** What {@link decide} asks about Leases, by key. */
export interface LeaseView {
  /** Until when this node holds it; 0 when it does not. */
  holdUntilMs(key: string): number;
  /** Since when this node holds it (monotonic); meaningless when it does not. */
  heldSinceMs(key: string): number;
  /** Living holder other than this node; undefined when free, unknown or ours. */
  otherHolder(key: string): string | undefined;
}

/** What must be remembered from one decision to the next. */
export interface CarryMemory {
  /** Address -> key of the Lease it belonged to when last wanted. */
  readonly leaseOf: ReadonlyMap<string, string>;
  /** Address -> the Lease under which this node carries it. */
  readonly carried: ReadonlyMap<string, Carried>;
  /** Address -> earlier Leases of it -> when (monotonic) its Lease last changed since. */
  readonly fences: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** How an address is carried. */
export interface Carried {
  /** Key of the Lease. */
  readonly lease: string;
  /** Since when (monotonic) it has been carried under this Lease without a break. */
  readonly sinceMs: number;
}

/** Nothing carried yet. */
export const NOTHING_CARRIED: CarryMemory = { leaseOf: new Map(), carried: new Map(), fences: new Map() };

/** What follows. */
export interface CarryDecision {
  /** Addresses that this node may answer for, each until its Lease in `memory.carried` ends. */
  readonly grants: ReadonlySet<string>;
  /** Leases to contend for or to keep. All others are to be given back. */
  readonly campaign: ReadonlySet<string>;
  /** Leases among them for which this node goes first, because it carries an address of theirs already. */
  readonly first: ReadonlySet<string>;
  /** Addresses that wait for an earlier Lease of theirs. */
  readonly fenced: ReadonlySet<string>;
  readonly memory: CarryMemory;
}

/** Key of a Lease: `namespace/name`. */
export function leaseKey(lease: { readonly namespace: string; readonly name: string }): string {
  return `${lease.namespace}/${lease.name}`;
}

/** See {@link CarryInput}. Pure. */
export function decide(input: CarryInput, leaseDurationMs: number): CarryDecision {
  const leaseOf = new Map<string, string>();
  for (const group of input.groups) {
    for (const address of group.addresses) leaseOf.set(address, leaseKey(group.lease));
  }
  const fences = nextFences(input, leaseOf, leaseDurationMs);
  const draft: DecisionDraft = {
    grants: new Set(),
    carried: new Map(),
    campaign: new Set(),
    first: new Set(),
    fenced: new Set(),
  };
  for (const group of input.groups) {
    if (!isCandidate(group, input.node)) continue;
    const key = leaseKey(group.lease);
    draft.campaign.add(key);
    for (const address of group.addresses) {
      place(draft, input, address, key, carryUnder(input, address, key, fences, leaseDurationMs));
    }
  }
  keepWhatIsStillOn(draft, input);
  const { carried, ...rest } = draft;
  return { ...rest, memory: { leaseOf, carried, fences } };
}

interface DecisionDraft {
  readonly grants: Set<string>;
  readonly carried: Map<string, Carried>;
  readonly campaign: Set<string>;
  readonly first: Set<string>;
  readonly fenced: Set<string>;
}

function place(
  draft: DecisionDraft,
  { memory, nowMs }: CarryInput,
  address: string,
  key: string,
  verdict: CarryVerdict,
): void {
  if (verdict.fenced) draft.fenced.add(address);
  if (verdict.lease === undefined) return;
  const known = memory.carried.get(address);
  draft.grants.add(address);
  draft.carried.set(
    address,
    known?.lease === verdict.lease ? known : { lease: verdict.lease, sinceMs: nowMs },
  );
  draft.campaign.add(verdict.lease);
  if (verdict.lease !== key) draft.first.add(key);
}

/** An address that is still on the node keeps its Lease from being given back until it is off. */
function keepWhatIsStillOn(
  { carried, campaign }: DecisionDraft,
  { held, memory, leases, nowMs }: CarryInput,
): void {
  for (const address of held) {
    const under = memory.carried.get(address);
    if (under === undefined || carried.has(address)) continue;
    carried.set(address, under);
    if (leases.holdUntilMs(under.lease) > nowMs) campaign.add(under.lease);
  }
}

function isCandidate(group: AddressGroup, node: string): boolean {
  return group.candidates === 'any' || group.candidates.has(node);
}

interface CarryVerdict {
  readonly lease?: string;
  readonly fenced: boolean;
}

function carryUnder(
  { leases, memory, nowMs }: CarryInput,
  address: string,
  key: string,
  fences: CarryMemory['fences'],
  leaseDurationMs: number,
): CarryVerdict {
  const holds = (lease: string) => leases.holdUntilMs(lease) > nowMs;
  if (holds(key)) {
    const blocked = [...(fences.get(address)?.keys() ?? [])].some(
      (old) => leases.otherHolder(old) !== undefined,
    );
    return blocked ? { fenced: true } : { lease: key, fenced: false };
  }
  const under = memory.carried.get(address);
  const bridges =
    under !== undefined &&
    under.lease !== key &&
    nowMs >= under.sinceMs + leaseDurationMs &&
    holds(under.lease) &&
    leases.otherHolder(key) === undefined;
  return bridges ? { lease: under.lease, fenced: false } : { fenced: false };
}

/** A node that never gets the new Lease forgets the old one after this many lease durations. */
const FENCE_MEMORY = 3;

/** Fences that still stand, and new ones for addresses whose Lease has changed or that nobody wants any more. */
function nextFences(
  { memory, leases, nowMs }: CarryInput,
  leaseOf: ReadonlyMap<string, string>,
  leaseDurationMs: number,
): CarryMemory['fences'] {
  const fences = new Map<string, Map<string, number>>();
  const put = (address: string, old: string, leftMs: number) => {
    const key = leaseOf.get(address);
    if (key === old || nowMs >= leftMs + FENCE_MEMORY * leaseDurationMs) return;
    const isHeld = key !== undefined && leases.holdUntilMs(key) > nowMs;
    if (isHeld && nowMs >= Math.max(leftMs, leases.heldSinceMs(key)) + leaseDurationMs) return;
    const keys = fences.get(address) ?? new Map<string, number>();
    fences.set(address, keys.set(old, leftMs));
  };
  for (const [address, keys] of memory.fences) {
    // A node behind an earlier fence bridges until it sees the newest Lease: its time begins with the newest move.
    const hasMoved = memory.leaseOf.get(address) !== leaseOf.get(address);
    for (const [old, leftMs] of keys) put(address, old, hasMoved ? nowMs : leftMs);
  }
  for (const [address, old] of memory.leaseOf) {
    if (leaseOf.get(address) !== old && !fences.get(address)?.has(old)) put(address, old, nowMs);
  }
  return fences;
}

/** When to decide again because of a fence that stands; undefined when none does. */
export function nextFenceMs(
  { memory, fenced }: Pick<CarryDecision, 'memory' | 'fenced'>,
  leases: LeaseView,
  leaseDurationMs: number,
): number | undefined {
  let next: number | undefined;
  for (const address of fenced) {
    const key = memory.leaseOf.get(address);
    for (const leftMs of memory.fences.get(address)?.values() ?? []) {
      const fallsMs = Math.max(leftMs, key === undefined ? 0 : leases.heldSinceMs(key)) + leaseDurationMs;
      if (next === undefined || fallsMs < next) next = fallsMs;
    }
  }
  return next;
}
