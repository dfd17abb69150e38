// SPDX-License-Identifier: Apache-2.0
import { Ledger } from './ledger.ts';
import type { Knowledge, Message, Renew } from './messages.ts';
import { NewsLog } from './news.ts';
import type { Outbox } from './outbox.ts';
import type { Move, Placement, PlacementGroup } from './placement.ts';
import type { NodeCondition } from './standing.ts';
import { outlastMs, type RaftTiming } from './timing.ts';

/** What the coordinator uses of {@link Placement}. */
export type Placer = Pick<Placement, 'adopt' | 'setGroups' | 'setNodes' | 'place' | 'nextMs' | 'nodeOf'>;

/** A member that could not serve an address is not given it again for this long. */
const REFUSAL_MS = 5_000;

/** Whose renewals come, but show no answer to any for this many intervals longer than a grant, does not hear us. */
const DEAF_RENEWALS = 1.5;

/** What a {@link Coordinator} needs. */
export interface CoordinatorOptions {
  readonly timing: RaftTiming;
  readonly outbox: Outbox;
  readonly placement: Placer;
  readonly startMs: number;
  /** Until when grants of earlier coordinators may live. */
  readonly silentUntilMs: number;
  /** Members that somebody has heard of before: those that stay silent are lost. */
  readonly knownMembers: Iterable<string>;
}

/** `left` said goodbye, `lost` fell silent, `deaf` asks but does not get our answers. */
export type MemberState = 'up' | 'lost' | 'left' | 'deaf';

/** What a coordinator tells of a member. */
export interface MemberStatus {
  readonly state: MemberState;
  readonly heardMs: number;
  readonly condition: NodeCondition;
  readonly knowledge: Knowledge;
}

/** What is known of one member in this reign. */
interface Record_ {
  readonly name: string;
  instance: string;
  /** Earlier instances: what still comes from them is ignored. */
  readonly retired: Set<string>;
  binding: number;
  nonce: number;
  /** When the newest renewal came; what is granted in answer ends before this plus a grant. */
  heardMs: number;
  condition: NodeCondition;
  knowledge: Knowledge;
  state: MemberState;
  /** Renewals that may still be said to have been answered: nonce -> when they came. */
  readonly asked: Map<number, number>;
  /** When the newest renewal came of which it is known that our answer has arrived. */
  reachedMs: number;
  applied: number;
  newsVersion: number;
  pages: (readonly string[] | undefined)[];
  /** Undefined until the report is complete. */
  ledger: Ledger | undefined;
  /** When changes that it may not know are sent again. */
  resendMs: number;
}

/**
 * One reign: from when the right to grant was won to when it lapses. Grants addresses to members (rule 1), adopts what
 * they report, waits for those who are silent (rule 2), and is the only one who decides where an address goes (rule 7).
 *
 * An address is granted to a member only when nobody else can hold it:
 * - for each member of this reign, its {@link Ledger} has all that it can hold, as it has said that it takes nothing else;
 * - whoever has said nothing in this reign can hold something until `silentUntilMs`, so until then nothing is granted
 *   except to whom has it;
 * - an earlier instance of a member is another holder, who is waited for like one that is silent.
 *
 * Pure: the caller asks only while the right lasts, and says until when that is.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #timing: RaftTiming;
  readonly #members = new Map<string, Record_>();
  /** Address -> members whose ledgers have it, granted or leaving. */
  readonly #occupants = new Map<string, Set<Record_>>();
  /** Address -> until when somebody may hold it who is in no ledger any more. */
  readonly #ghosts = new Map<string, number>();
  /** Placed, but not free -> when to look again. */
  readonly #waiting = new Map<string, number>();
  /** Address -> member that cannot serve it -> until when that is believed. */
  readonly #refusals = new Map<string, Map<string, number>>();
  /** Address -> member that had it last, if nobody has it now. */
  readonly #lapsed = new Map<string, { readonly name: string; readonly ranOutMs: number }>();
  readonly #news = new NewsLog();
  readonly #dirty = new Set<Record_>();
  readonly #unacknowledged = new Set<Record_>();
  readonly #moves: Move[] = [];
  #groups: readonly PlacementGroup[] | undefined;
  #isPlacementDue = false;
  #isNewsUrgent = false;
  #hasBegun = false;
  readonly #placeFromMs: number;
  /** No member is lost before. */
  #lostCheckMs = Number.POSITIVE_INFINITY;
  #waitingMs = Number.POSITIVE_INFINITY;
  #resendMs = Number.POSITIVE_INFINITY;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#timing = options.timing;
    // Those who live are heard by then; without that wait the first ones would get everything.
    this.#placeFromMs = Math.max(options.silentUntilMs, options.startMs + options.timing.gatherMs);
  }

  /** Who lives, as far as this coordinator knows. */
  get members(): ReadonlyMap<string, MemberStatus> {
    return this.#members;
  }

  /** Has every living member what it should have, and does it know? */
  get isSettled(): boolean {
    for (const { state, ledger } of this.#members.values()) {
      if (state === 'up' && ledger?.isKnown === false) return false;
    }
    return this.#waiting.size === 0;
  }

  /** What was placed anew since the last call. */
  takeMoves(): readonly Move[] {
    return this.#moves.splice(0);
  }

  nextMs(): number {
    const placeMs = this.#hasBegun ? this.#options.placement.nextMs() : this.#placeFromMs;
    return Math.min(placeMs, this.#lostCheckMs, this.#waitingMs, this.#resendMs);
  }

  setGroups(groups: readonly PlacementGroup[]): void {
    this.#groups = groups;
    this.#isPlacementDue = true;
  }

  tick(nowMs: number): void {
    if (!this.#hasBegun && nowMs >= this.#placeFromMs) this.#begin(nowMs);
    if (nowMs >= this.#lostCheckMs) this.#findLost(nowMs);
    if (nowMs >= this.#waitingMs) this.#retryWaiting(nowMs);
    if (this.#hasBegun && nowMs >= this.#options.placement.nextMs()) this.#isPlacementDue = true;
    if (nowMs >= this.#resendMs) this.#resend(nowMs);
  }

  /** Decides and sends what follows from all that came at this moment. */
  flush(nowMs: number, rightUntilMs: number): void {
    if (this.#isPlacementDue && this.#hasBegun) this.#place(nowMs);
    if (nowMs >= this.#waitingMs) this.#retryWaiting(nowMs);
    for (const record of this.#dirty) this.#answer(record, nowMs, rightUntilMs);
    this.#dirty.clear();
    if (this.#isNewsUrgent) for (const record of this.#members.values()) this.#tell(record);
    this.#isNewsUrgent = false;
  }

  /** A member asks. */
  heed({ from }: Message, renew: Renew, nowMs: number): void {
    const record = this.#recordOf(from.name, from.instance, nowMs);
    if (record === undefined || renew.binding < record.binding) return;
    if (renew.binding > record.binding || record.ledger === undefined) this.#takeReport(record, renew, nowMs);
    if (renew.nonce <= record.nonce) return;
    record.nonce = renew.nonce;
    record.heardMs = nowMs;
    this.#lostCheckMs = Math.min(this.#lostCheckMs, this.#lostAtMs(record));
    record.newsVersion = renew.newsVersion;
    record.knowledge = renew.knowledge;
    this.#takeState(record, renew, this.#isDeaf(record, renew, nowMs), nowMs);
    const { ledger } = record;
    if (ledger === undefined || ledger.binding !== renew.binding) {
      // It believes that we know what it holds.
      const unknownBinding = renew.binding;
      if (renew.report === undefined)
        this.#options.outbox.send(from.name, from.instance, { type: 'announce', unknownBinding });
      return;
    }
    this.#takeAcknowledgement(record, ledger, renew, nowMs);
    this.#dirty.add(record);
    this.#tell(record);
  }

  #recordOf(name: string, instance: string, nowMs: number): Record_ | undefined {
    const known = this.#members.get(name);
    if (known === undefined) {
      const record = newRecord(name, instance, nowMs);
      this.#members.set(name, record);
      return record;
    }
    if (known.instance === instance) return known;
    if (known.retired.has(instance)) return undefined;
    this.#retire(known, nowMs, new Set());
    Object.assign(known, { ...newRecord(name, instance, nowMs), retired: known.retired.add(known.instance) });
    this.#isPlacementDue = true;
    return known;
  }

  /** This binding is no more, but what it was granted may be: as long as that can last, nobody else gets it. */
  #retire(record: Record_, nowMs: number, reported: ReadonlySet<string>): void {
    const { ledger } = record;
    if (ledger === undefined) return;
    for (const address of [...ledger.held.keys()]) ledger.remove(address);
    for (const [address, { untilMs }] of ledger.leaving) {
      this.#vacate(address, record);
      // It says itself that it still has it: that is in the next ledger.
      if (reported.has(address)) continue;
      if (untilMs > nowMs) this.#ghosts.set(address, Math.max(untilMs, this.#ghosts.get(address) ?? untilMs));
      this.#wait(address, nowMs);
    }
    record.ledger = undefined;
  }

  #takeReport(record: Record_, renew: Renew, nowMs: number): void {
    const { report, binding } = renew;
    if (report === undefined) return;
    if (binding > record.binding || report.pages !== record.pages.length) {
      record.pages = Array.from({ length: report.pages });
      record.binding = binding;
    }
    record.pages[report.page] = report.addresses;
    if (record.pages.includes(undefined)) return;
    const reported = record.pages.flatMap((page) => page ?? []);
    record.pages = [];
    this.#adopt(record, report.ranOutMs === undefined ? reported : [], nowMs);
    if (report.ranOutMs === undefined) return;
    const ranOutMs = nowMs - report.ranOutMs;
    for (const address of reported) {
      if (ranOutMs > (this.#lapsed.get(address)?.ranOutMs ?? Number.NEGATIVE_INFINITY)) {
        this.#lapsed.set(address, { name: record.name, ranOutMs });
      }
    }
  }

  /**
   * Takes over what a member has said it holds: that is all it holds. It may have run out since, and have been given to
   * somebody else: then it is no more than an old claim, that has to be put off.
   */
  #adopt(record: Record_, reported: readonly string[], nowMs: number): void {
    const { placement, silentUntilMs } = this.#options;
    const boundMs = Math.max(silentUntilMs, record.ledger?.boundMs ?? silentUntilMs);
    this.#retire(record, nowMs, new Set(reported));
    const ledger = new Ledger({ instance: record.instance, binding: record.binding }, reported, boundMs);
    record.ledger = ledger;
    record.applied = 0;
    for (const address of reported) {
      const isTaken = this.#occupants.has(address) || this.#ghostUntilMs(address, nowMs) > nowMs;
      this.#occupy(address, record);
      if (isTaken) this.#takeBack(address, record, nowMs);
      else if (placement.nodeOf(address) === undefined) placement.adopt(address, record.name);
      this.#wait(address, nowMs);
    }
    this.#isPlacementDue = true;
    this.#news.setMember(record.name, 'up');
    this.#retryHomeless(nowMs);
  }

  /** What waits for a member to report, or to be able to serve again. */
  #retryHomeless(nowMs: number): void {
    for (const [address, untilMs] of this.#waiting) {
      if (untilMs === Number.POSITIVE_INFINITY) this.#wait(address, nowMs);
    }
  }

  /** Do our answers not arrive? */
  #isDeaf(record: Record_, { nonce, answered }: Renew, nowMs: number): boolean {
    const { grantMs, renewMs } = this.#timing;
    const patienceMs = grantMs + DEAF_RENEWALS * renewMs;
    const reachedMs = record.asked.get(answered);
    if (reachedMs !== undefined) record.reachedMs = Math.max(record.reachedMs, reachedMs);
    for (const [old, askedMs] of record.asked) {
      if (old < answered || askedMs < nowMs - patienceMs) record.asked.delete(old);
    }
    record.asked.set(nonce, nowMs);
    return nowMs - record.reachedMs > patienceMs;
  }

  #takeState(record: Record_, renew: Renew, isDeaf: boolean, nowMs: number): void {
    const state = renew.availability === 'gone' ? 'left' : isDeaf ? 'deaf' : 'up';
    const condition = CONDITIONS[renew.availability];
    if (state === record.state && condition === record.condition) return;
    this.#setState(record, state);
    record.condition = condition;
    this.#retryHomeless(nowMs);
  }

  #setState(record: Record_, state: MemberState): void {
    record.state = state;
    this.#isPlacementDue = true;
    if (this.#news.setMember(record.name, state === 'deaf' ? 'lost' : state) && state !== 'up')
      this.#isNewsUrgent = true;
  }

  #takeAcknowledgement(record: Record_, ledger: Ledger, renew: Renew, nowMs: number): void {
    record.applied = renew.applied;
    for (const address of ledger.acknowledge(renew.applied, renew.settled)) {
      this.#vacate(address, record);
      this.#wait(address, nowMs);
    }
    if (ledger.isKnown) this.#unacknowledged.delete(record);
    if (!renew.letGo && renew.refused.length === 0) return;
    for (const address of ledger.refuse(renew.letGo ? undefined : renew.refused, renew.applied)) {
      this.#vacate(address, record);
      if (!renew.letGo) this.#noteRefusal(address, record.name, nowMs);
      this.#wait(address, nowMs);
    }
  }

  #noteRefusal(address: string, name: string, nowMs: number): void {
    const refusals = this.#refusals.get(address) ?? new Map<string, number>();
    refusals.set(name, nowMs + REFUSAL_MS);
    this.#refusals.set(address, refusals);
    this.#isPlacementDue = true;
  }

  #lostAtMs(record: Record_): number {
    return record.heardMs + outlastMs(this.#timing, this.#timing.grantMs);
  }

  #findLost(nowMs: number): void {
    this.#lostCheckMs = Number.POSITIVE_INFINITY;
    for (const record of this.#members.values()) {
      if (record.state !== 'up' && record.state !== 'deaf') continue;
      const lostMs = this.#lostAtMs(record);
      if (nowMs >= lostMs) this.#setState(record, 'lost');
      else this.#lostCheckMs = Math.min(this.#lostCheckMs, lostMs);
    }
  }

  #begin(nowMs: number): void {
    this.#hasBegun = true;
    this.#isPlacementDue = true;
    const { placement } = this.#options;
    for (const [address, { name }] of this.#lapsed) {
      if (placement.nodeOf(address) !== undefined) continue;
      placement.adopt(address, name);
      this.#wait(address, nowMs);
    }
    for (const name of this.#options.knownMembers) {
      if (!this.#members.has(name) && this.#news.setMember(name, 'lost')) this.#isNewsUrgent = true;
    }
  }

  #place(nowMs: number): void {
    this.#isPlacementDue = false;
    const { placement } = this.#options;
    const conditions = new Map<string, NodeCondition>();
    for (const { name, state, condition, ledger } of this.#members.values()) {
      if (state === 'up' && ledger !== undefined) conditions.set(name, condition);
    }
    placement.setNodes(conditions, nowMs);
    if (this.#groups !== undefined)
      placement.setGroups(this.#withoutRefusals(this.#groups, conditions, nowMs));
    for (const move of placement.place(nowMs)) {
      this.#moves.push(move);
      this.#settle(move.address, nowMs);
    }
    this.#retryWaiting(nowMs);
  }

  /** Groups as they are, less the members that have just said that they cannot serve one of its addresses. */
  #withoutRefusals(
    groups: readonly PlacementGroup[],
    members: ReadonlyMap<string, unknown>,
    nowMs: number,
  ): readonly PlacementGroup[] {
    for (const [address, refusals] of this.#refusals) {
      for (const [name, untilMs] of refusals) if (untilMs <= nowMs) refusals.delete(name);
      if (refusals.size === 0) this.#refusals.delete(address);
    }
    if (this.#refusals.size === 0) return groups;
    return groups.map((group) => {
      const refusing = group.addresses.flatMap((address) => [...(this.#refusals.get(address)?.keys() ?? [])]);
      if (refusing.length === 0) return group;
      const candidates = new Set(group.candidates === 'any' ? members.keys() : group.candidates);
      for (const name of refusing) candidates.delete(name);
      return { ...group, candidates };
    });
  }

  /** Brings one address nearer to where it should be: off everybody else, then to its node. */
  #settle(address: string, nowMs: number): void {
    const name = this.#options.placement.nodeOf(address);
    const target = name === undefined ? undefined : this.#members.get(name);
    let freeMs = Math.max(this.#ghostUntilMs(address, nowMs), this.#refusedUntilMs(address, target));
    for (const record of this.#occupants.get(address) ?? NOBODY) {
      if (record !== target) freeMs = Math.max(freeMs, this.#takeBack(address, record, nowMs));
    }
    this.#waiting.delete(address);
    let owner = '';
    if (target?.ledger?.has(address) === true) owner = target.name;
    else if (target?.ledger !== undefined && freeMs <= nowMs) {
      target.ledger.add(address);
      this.#occupy(address, target);
      this.#changed(target, nowMs);
      owner = target.name;
    } else if (target !== undefined) this.#wait(address, freeMs > nowMs ? freeMs : Number.POSITIVE_INFINITY);
    this.#news.setOwner(address, owner);
  }

  /** Until when the member may hold it. */
  #takeBack(address: string, record: Record_, nowMs: number): number {
    const { ledger } = record;
    if (ledger === undefined) return Number.NEGATIVE_INFINITY;
    if (ledger.has(address)) {
      ledger.remove(address);
      this.#changed(record, nowMs);
    }
    const untilMs = ledger.leavingUntilMs(address);
    if (untilMs <= nowMs) {
      ledger.forget(address);
      this.#vacate(address, record);
    }
    return untilMs;
  }

  /** Until when the member is believed not to serve it: to give it back at once would only be refused again. */
  #refusedUntilMs(address: string, target: Record_ | undefined): number {
    if (target === undefined) return Number.NEGATIVE_INFINITY;
    if (target.condition === 'ineligible') return Number.POSITIVE_INFINITY;
    return this.#refusals.get(address)?.get(target.name) ?? Number.NEGATIVE_INFINITY;
  }

  #ghostUntilMs(address: string, nowMs: number): number {
    const untilMs = this.#ghosts.get(address) ?? Number.NEGATIVE_INFINITY;
    if (untilMs <= nowMs) this.#ghosts.delete(address);
    return untilMs;
  }

  #changed(record: Record_, nowMs: number): void {
    this.#dirty.add(record);
    this.#unacknowledged.add(record);
    record.resendMs = nowMs + this.#timing.resendMs;
    this.#resendMs = Math.min(this.#resendMs, record.resendMs);
  }

  #occupy(address: string, record: Record_): void {
    const occupants = this.#occupants.get(address);
    if (occupants === undefined) this.#occupants.set(address, new Set([record]));
    else occupants.add(record);
  }

  #vacate(address: string, record: Record_): void {
    const occupants = this.#occupants.get(address);
    if (occupants?.delete(record) === true && occupants.size === 0) this.#occupants.delete(address);
  }

  /** Looks at the address again at that time. */
  #wait(address: string, untilMs: number): void {
    this.#waiting.set(address, untilMs);
    this.#waitingMs = Math.min(this.#waitingMs, untilMs);
  }

  #retryWaiting(nowMs: number): void {
    this.#waitingMs = Number.POSITIVE_INFINITY;
    for (const [address, untilMs] of [...this.#waiting]) {
      if (untilMs <= nowMs) this.#settle(address, nowMs);
    }
    for (const untilMs of this.#waiting.values()) this.#waitingMs = Math.min(this.#waitingMs, untilMs);
  }

  #resend(nowMs: number): void {
    this.#resendMs = Number.POSITIVE_INFINITY;
    for (const record of this.#unacknowledged) {
      if (record.state !== 'up' || record.ledger?.isKnown !== false) {
        this.#unacknowledged.delete(record);
        continue;
      }
      if (nowMs >= record.resendMs) {
        record.resendMs = nowMs + this.#timing.resendMs;
        this.#dirty.add(record);
      }
      this.#resendMs = Math.min(this.#resendMs, record.resendMs);
    }
  }

  /** Grants to a member what it has, in answer to its newest renewal. */
  #answer(record: Record_, nowMs: number, rightUntilMs: number): void {
    const { ledger, nonce, heardMs, name, instance, applied } = record;
    if (ledger === undefined) return;
    if (record.state === 'deaf') {
      // Grants nothing. If it arrives, the next renewal says so.
      const probe = { base: applied, version: applied, add: [], remove: [], lengthMs: 0 };
      this.#options.outbox.send(name, instance, { type: 'grant', binding: ledger.binding, nonce, ...probe });
    }
    if (record.state !== 'up') return;
    const { grantMs, tailMs } = this.#timing;
    const lengthMs = Math.floor(Math.min(grantMs, rightUntilMs + tailMs - heardMs));
    if (lengthMs <= 0 || heardMs + lengthMs <= nowMs) return;
    ledger.extend(heardMs + outlastMs(this.#timing, lengthMs));
    for (const { isLast, ...step } of ledger.steps(applied)) {
      this.#options.outbox.send(name, instance, {
        type: 'grant',
        binding: ledger.binding,
        nonce,
        lengthMs: isLast ? lengthMs : 0,
        ...step,
      });
    }
  }

  #tell(record: Record_): void {
    if (record.newsVersion >= this.#news.version || record.state !== 'up') return;
    for (const news of this.#news.since(record.newsVersion)) {
      this.#options.outbox.send(record.name, record.instance, news);
    }
  }
}

const NOBODY: Iterable<Record_> = [];

const CONDITIONS: Readonly<Record<Renew['availability'], NodeCondition>> = {
  available: 'ready',
  draining: 'draining',
  unavailable: 'ineligible',
  gone: 'ineligible',
};

function newRecord(name: string, instance: string, nowMs: number): Record_ {
  return {
    name,
    instance,
    retired: new Set(),
    binding: 0,
    nonce: 0,
    heardMs: nowMs,
    condition: 'ready',
    knowledge: 'none',
    state: 'up',
    asked: new Map(),
    reachedMs: nowMs,
    applied: 0,
    newsVersion: 0,
    pages: [],
    ledger: undefined,
    resendMs: Number.POSITIVE_INFINITY,
  };
}
