// SPDX-License-Identifier: Apache-2.0
import type { AddressCounters, HeldAddress } from '../announce/address-keeper.ts';
import type { NodeEvent } from '../ownership/raft/node-api.ts';
import type { Move, MoveReason } from '../ownership/raft/placement.ts';
import type { RaftStatus } from '../ownership/raft-driver/raft-port.ts';

/** Why an address got another owner: the coordinator's reasons, and what can be told without knowing them. */
export type TakeoverReason =
  | MoveReason
  /** The node before said goodbye. */
  | 'left'
  /** The node before lives and has it no more. */
  | 'moved';

/**
 * What a takeover was made of, one after the other, in milliseconds. Each node knows its own part; what it cannot know is
 * absent.
 */
export interface Phases {
  /** The node before was silent for so long when that was noticed. */
  readonly detectedMs?: number;
  /** From there to the moment at which the new owner saw its grant. Known where both happened on one node. */
  readonly grantedMs?: number;
  /** From there until the kernel had the address. */
  readonly placedMs?: number;
  /** From there until the first announcement left. */
  readonly announcedMs?: number;
}

/** An address that came to this node. */
export interface Takeover {
  readonly address: string;
  readonly from: string | undefined;
  readonly reason: TakeoverReason;
  /** When the grant was seen (monotonic). */
  readonly grantedAtMs: number;
  /** From there to the first moment at which this node answers. */
  readonly tookMs: number;
  readonly phases: Phases;
}

/** Addresses that moved together, as one node saw it. */
export interface Failover {
  /** When the decision was made, or the grant was seen (monotonic). */
  readonly atMs: number;
  /** `coordinator` has decided it, `owner` has the addresses now. One node can be both, and then there are two entries. */
  readonly part: 'coordinator' | 'owner';
  readonly reason: TakeoverReason;
  readonly from: string | undefined;
  /** Nodes that got some, sorted. */
  readonly to: readonly string[];
  readonly count: number;
  /** The first few. */
  readonly addresses: readonly string[];
  /** The longest of each. */
  readonly phases: Phases;
}

/** A node that was found lost, by this one as coordinator. */
export interface Detection {
  readonly node: string;
  readonly silentMs: number;
}

/** All that is seen at one moment. */
export interface Sight {
  readonly nowMs: number;
  readonly owners: ReadonlyMap<string, { readonly node: string }>;
  /** Granted address -> when the grant was first seen. */
  readonly granted: ReadonlyMap<string, number>;
  readonly held: ReadonlyMap<string, HeldAddress>;
  readonly counters: ReadonlyMap<string, AddressCounters>;
  readonly lostNodes: ReadonlySet<string>;
  readonly raft: Pick<RaftStatus, 'atMs' | 'members' | 'silences' | 'reign' | 'lastHeardMs'> | undefined;
}

interface Open {
  readonly address: string;
  readonly from: string | undefined;
  readonly grantedAtMs: number;
  readonly answeringAtMs: number;
  placedAtMs: number | undefined;
  announcedAtMs: number | undefined;
}

/** How many failovers are remembered. */
const RING_SIZE = 32;
/** Addresses named in one entry; the rest is a number. */
const NAMED = 5;
/** The worker reports its counters once a second; after this time an announcement is not waited for any more. */
const ANNOUNCED_LIMIT_MS = 1_500;
/** A decision or a notice older than this explains nothing that happens now. */
const EXPLAINS_FOR_MS = 10_000;
/** Takeovers that began within this time of each other, from one node, are one failover. */
const TOGETHER_MS = 1_000;
/** An address that left is not told of before others had this long to take it. */
const ABANDONED_MS = 2_000;

/**
 * Finds out what moved, why, and what it was made of, from looks at the present state and from what the engine tells.
 * Remembers the last failovers. Pure: times are passed in.
 */
export class FailoverLog {
  readonly #node: string;
  #ring: Failover[] = [];
  /** Address -> the node that had it last, and the one before that. */
  readonly #owners = new Map<string, { readonly node: string; readonly before: string | undefined }>();
  readonly #open = new Map<string, Open>();
  /** Answered for here -> as of the last look. */
  #answered: ReadonlySet<string> = new Set();
  /** Address that is off this node -> since when. */
  readonly #gone = new Map<string, number>();
  /** As coordinator: what was decided after the newest look at the node, which explains it. */
  #undated: { readonly atMs: number; readonly move: Move; readonly former: string | undefined }[] = [];
  #detections: Detection[] = [];
  /** As coordinator: address -> newest decision. */
  readonly #decisions = new Map<string, { readonly atMs: number; readonly move: Move }>();
  /** Coordinator -> when this node turned to another one. */
  readonly #replaced = new Map<string, number>();
  #coordinator: string | undefined;
  #raft: Sight['raft'];
  #lostNodes: ReadonlySet<string> = new Set();

  /** @param node name of this node */
  constructor(node: string) {
    this.#node = node;
  }

  /** The last failovers, oldest first. */
  get recent(): readonly Failover[] {
    return [...this.#ring];
  }

  /** Whether something is under way that a later {@link take} will tell. */
  get isWaiting(): boolean {
    return this.#open.size > 0 || this.#gone.size > 0 || this.#undated.length > 0;
  }

  /** Takes what the node of the `raft` engine tells. */
  note(event: NodeEvent, atMs: number): void {
    if (event.type === 'moved') {
      this.#decisions.set(event.move.address, { atMs, move: event.move });
      const { address, from, to } = event.move;
      this.#undated.push({ atMs, move: event.move, former: from ?? this.#formerOwner(address, to) });
    }
    if (event.type === 'reignBegan' || event.type === 'bound')
      this.#noteReign(event.reign.coordinator.name, atMs);
  }

  /** Compares with the look before. */
  look(sight: Sight): void {
    this.#raft = sight.raft;
    this.#lostNodes = sight.lostNodes;
    this.#coordinator ??= sight.raft?.reign?.coordinator.name;
    for (const [address, { node }] of sight.owners) this.#noteOwner(address, node);
    const answered = new Set<string>();
    for (const { address, answering } of sight.held.values()) if (answering) answered.add(address);
    for (const address of answered) {
      this.#gone.delete(address);
      if (!this.#answered.has(address)) this.#begin(address, sight);
    }
    for (const address of this.#answered) if (!answered.has(address)) this.#gone.set(address, sight.nowMs);
    this.#answered = answered;
    this.#follow(sight);
    const isExplained = ({ atMs }: { readonly atMs: number }) => this.#isExplained(atMs, sight.nowMs);
    for (const { atMs, move, former } of this.#undated.filter(isExplained))
      this.#rememberMove(move, former, atMs);
    this.#undated = this.#undated.filter((decision) => !isExplained(decision));
  }

  /** Takeovers of which all is known by now that will be. Each once. */
  take(nowMs: number): readonly Takeover[] {
    const done: Takeover[] = [];
    for (const open of this.#open.values()) {
      const isOver = nowMs - open.answeringAtMs >= ANNOUNCED_LIMIT_MS || !this.#answered.has(open.address);
      const isKnown = open.announcedAtMs !== undefined && this.#isExplained(open.answeringAtMs, nowMs);
      if (!isKnown && !isOver) continue;
      this.#open.delete(open.address);
      done.push(this.#close(open));
    }
    for (const takeover of done) this.#remember(takeover);
    this.#forget(nowMs);
    return done;
  }

  /** Lost owners that this node found, as coordinator. Each once. */
  takeDetections(): readonly Detection[] {
    const detections = this.#detections;
    this.#detections = [];
    return detections;
  }

  /** Addresses that left this node some time ago and that nobody else owns. Each once. */
  takeAbandoned(nowMs: number): readonly string[] {
    const abandoned: string[] = [];
    for (const [address, sinceMs] of this.#gone) {
      const owner = this.#owners.get(address)?.node;
      const isTaken = owner !== undefined && owner !== this.#node;
      if (!isTaken && nowMs - sinceMs < ABANDONED_MS) continue;
      this.#gone.delete(address);
      if (!isTaken) abandoned.push(address);
    }
    return abandoned;
  }

  /** Nobody wants the others any more. */
  retain(isWanted: (address: string) => boolean): void {
    for (const address of this.#owners.keys()) if (!isWanted(address)) this.#owners.delete(address);
    for (const address of this.#gone.keys()) if (!isWanted(address)) this.#gone.delete(address);
  }

  #noteReign(name: string, atMs: number): void {
    const before = this.#coordinator;
    if (before !== undefined && before !== name && before !== this.#node) this.#replaced.set(before, atMs);
    this.#coordinator = name;
  }

  /** Is what is known of the node newer than that, or will not be? */
  #isExplained(atMs: number, nowMs: number): boolean {
    return this.#raft === undefined || this.#raft.atMs >= atMs || nowMs - atMs >= ANNOUNCED_LIMIT_MS;
  }

  #rememberMove(move: Move, former: string | undefined, atMs: number): void {
    // `placed`: nobody had it, as far as the coordinator of this reign knows.
    const from = former === move.to ? undefined : former;
    const reason = move.reason === 'placed' ? this.#reasonOf(from) : move.reason;
    const detectedMs = this.#silenceOf(from, reason, atMs);
    const isNew = this.#add({
      atMs,
      part: 'coordinator',
      reason,
      from,
      to: move.to === undefined ? [] : [move.to],
      count: 1,
      addresses: [move.address],
      phases: detectedMs === undefined ? {} : { detectedMs },
    });
    if (isNew && from !== undefined && detectedMs !== undefined) {
      this.#detections.push({ node: from, silentMs: detectedMs });
    }
  }

  #noteOwner(address: string, node: string): void {
    const known = this.#owners.get(address);
    if (known?.node !== node) this.#owners.set(address, { node, before: known?.node });
  }

  #formerOwner(address: string, now: string | undefined): string | undefined {
    const known = this.#owners.get(address);
    return known?.node === now ? known?.before : known?.node;
  }

  #begin(address: string, { granted, nowMs }: Sight): void {
    const from = this.#formerOwner(address, this.#node);
    // Should it go and come back, it was here before.
    this.#owners.set(address, { node: this.#node, before: this.#node });
    const grantedAtMs = granted.get(address) ?? nowMs;
    this.#open.set(address, {
      address,
      from,
      grantedAtMs,
      answeringAtMs: nowMs,
      placedAtMs: undefined,
      announcedAtMs: undefined,
    });
  }

  #follow({ held, counters }: Sight): void {
    for (const open of this.#open.values()) {
      open.placedAtMs ??= held.get(open.address)?.placedMs;
      const announcedMs = counters.get(open.address)?.firstAnnouncedMs;
      // An older one is of an earlier time here.
      if (announcedMs !== undefined && announcedMs >= open.grantedAtMs) open.announcedAtMs ??= announcedMs;
    }
  }

  #close({ address, from, grantedAtMs, answeringAtMs, placedAtMs, announcedAtMs }: Open): Takeover {
    const decision = this.#decisions.get(address);
    const isDecided = decision?.move.to === this.#node && grantedAtMs - decision.atMs < EXPLAINS_FOR_MS;
    const reason =
      isDecided && decision.move.reason !== 'placed' ? decision.move.reason : this.#reasonOf(from);
    const detectedMs = this.#silenceOf(from, reason, grantedAtMs);
    const noticedMs = this.#replacedAt(from, grantedAtMs) ?? (isDecided ? decision.atMs : undefined);
    const phases: Phases = {
      ...(detectedMs === undefined ? {} : { detectedMs }),
      ...(noticedMs === undefined || noticedMs > grantedAtMs ? {} : { grantedMs: grantedAtMs - noticedMs }),
      ...(placedAtMs === undefined ? {} : { placedMs: Math.max(0, placedAtMs - grantedAtMs) }),
      ...(announcedAtMs === undefined
        ? {}
        : { announcedMs: Math.max(0, announcedAtMs - (placedAtMs ?? grantedAtMs)) }),
    };
    return { address, from, reason, grantedAtMs, tookMs: answeringAtMs - grantedAtMs, phases };
  }

  #reasonOf(from: string | undefined): TakeoverReason {
    if (from === undefined || from === this.#node) return 'placed';
    const state = this.#raft?.members.get(from);
    if (state === 'left') return 'left';
    const isReplaced = state === undefined && this.#replaced.has(from);
    return state === 'lost' || isReplaced || this.#lostNodes.has(from) ? 'lost' : 'moved';
  }

  #silenceOf(from: string | undefined, reason: TakeoverReason, atMs: number): number | undefined {
    if (from === undefined || reason !== 'lost') return undefined;
    const replacedMs = this.#replacedAt(from, atMs);
    if (replacedMs === undefined) return this.#raft?.silences.get(from);
    // The coordinator that would have measured it is the one that fell silent.
    const heardMs = this.#raft?.lastHeardMs.get(from);
    return heardMs === undefined || heardMs > replacedMs ? undefined : replacedMs - heardMs;
  }

  /** When this node turned away from it as coordinator, if that has to do with what happened at this time. */
  #replacedAt(name: string | undefined, atMs: number): number | undefined {
    const replacedMs = name === undefined ? undefined : this.#replaced.get(name);
    return replacedMs !== undefined && Math.abs(atMs - replacedMs) < EXPLAINS_FOR_MS ? replacedMs : undefined;
  }

  #remember({ address, from, reason, grantedAtMs, phases }: Takeover): void {
    const to = [this.#node];
    this.#add({ atMs: grantedAtMs, part: 'owner', reason, from, to, count: 1, addresses: [address], phases });
  }

  /** Into the entry of the same failover, or into one of its own; returns whether into one of its own. */
  #add(entry: Failover): boolean {
    const index = this.#ring.findLastIndex(
      ({ part, reason, from, atMs }) =>
        part === entry.part &&
        reason === entry.reason &&
        from === entry.from &&
        Math.abs(atMs - entry.atMs) <= TOGETHER_MS,
    );
    const known = this.#ring[index];
    if (known === undefined) this.#ring = [...this.#ring, entry].slice(-RING_SIZE);
    else this.#ring[index] = merged(known, entry);
    return known === undefined;
  }

  #forget(nowMs: number): void {
    for (const [address, { atMs }] of this.#decisions) {
      if (nowMs - atMs > EXPLAINS_FOR_MS) this.#decisions.delete(address);
    }
    for (const [name, replacedMs] of this.#replaced) {
      if (nowMs - replacedMs > EXPLAINS_FOR_MS) this.#replaced.delete(name);
    }
  }
}

function merged(a: Failover, b: Failover): Failover {
  const addresses = a.count < NAMED ? [...a.addresses, ...b.addresses].slice(0, NAMED) : a.addresses;
  return {
    ...a,
    to: [...new Set([...a.to, ...b.to])].sort(),
    count: a.count + b.count,
    addresses,
    phases: longest(a.phases, b.phases),
  };
}

const PHASES = ['detectedMs', 'grantedMs', 'placedMs', 'announcedMs'] as const;

function longest(a: Phases, b: Phases): Phases {
  const known = PHASES.flatMap((phase) => {
    const values = [a[phase], b[phase]].filter((value) => value !== undefined);
    return values.length === 0 ? [] : [[phase, Math.max(...values)] as const];
  });
  return Object.fromEntries(known);
}

/** The phases that are known, together; undefined when none is. */
export function totalMs(phases: Phases): number | undefined {
  const known = PHASES.flatMap((phase) => phases[phase] ?? []);
  return known.length === 0 ? undefined : known.reduce((sum, ms) => sum + ms, 0);
}
