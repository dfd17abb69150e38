// SPDX-License-Identifier: Apache-2.0
import { Ledger } from './ledger.ts';
import { MemberRecord, type MemberState, type MemberStatus } from './member-record.ts';
import type { AgentId, Message, Renew } from './messages.ts';
import { type KnownLosses, NewsLog } from './news.ts';
import type { Outbox } from './outbox.ts';
import type { Move, Placement } from './placement.ts';
import type { PlacementGroup } from './placement-group.ts';
import { Refusals } from './refusals.ts';
import type { NodeCondition } from './standing.ts';
import { outlastMs, type RaftTiming } from './timing.ts';

/** What the coordinator uses of {@link Placement}. */
export type Placer = Pick<
  Placement,
  'adopt' | 'setGroups' | 'setNodes' | 'place' | 'nextMs' | 'nodeOf' | 'remember' | 'lossesOf'
>;

/** What a {@link Coordinator} needs. */
export interface CoordinatorOptions {
  readonly timing: RaftTiming;
  readonly outbox: Outbox;
  readonly placement: Placer;
  readonly startMs: number;
  /** Until when grants of earlier coordinators may live. */
  readonly silentUntilMs: number;
  /** Members of the reign before: those that do not show up, and have not left, are lost. */
  readonly knownMembers: ReadonlyMap<string, 'up' | 'lost' | 'left'>;
  /** How often nodes have failed in the reigns before. */
  readonly knownLosses: ReadonlyMap<string, KnownLosses>;
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
  readonly #members = new Map<string, MemberRecord>();
  /** Address -> members whose ledgers have it, granted or leaving. */
  readonly #occupants = new Map<string, Set<MemberRecord>>();
  /** Address -> until when somebody may hold it who is in no ledger any more. */
  readonly #ghosts = new Map<string, number>();
  /** Placed, but not free -> when to look again. */
  readonly #waiting = new Map<string, number>();
  readonly #refusals = new Refusals();
  /** Address -> member that had it last, if nobody has it now. */
  readonly #lapsed = new Map<string, { readonly name: string; readonly ranOutMs: number }>();
  readonly #news = new NewsLog();
  readonly #dirty = new Set<MemberRecord>();
  readonly #unacknowledged = new Set<MemberRecord>();
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
  #refusalMs = Number.POSITIVE_INFINITY;

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
    return Math.min(placeMs, this.#lostCheckMs, this.#waitingMs, this.#resendMs, this.#refusalMs);
  }

  setGroups(groups: readonly PlacementGroup[]): void {
    this.#groups = groups;
    this.#isPlacementDue = true;
  }

  tick(nowMs: number): void {
    if (!this.#hasBegun && nowMs >= this.#placeFromMs) this.#begin(nowMs);
    if (nowMs >= this.#lostCheckMs) this.#findLost(nowMs);
    if (nowMs >= this.#waitingMs) this.#retryWaiting(nowMs);
    if (nowMs >= this.#refusalMs) {
      this.#refusalMs = this.#refusals.nextMs(nowMs);
      this.#isPlacementDue = true;
    }
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
    const record = this.#recordOf(from, nowMs);
    if (record === undefined || renew.binding < record.binding) return;
    if (record.ledger?.binding !== renew.binding) this.#takeReport(record, renew, nowMs);
    if (renew.nonce <= record.nonce) return;
    record.nonce = renew.nonce;
    record.heardMs = nowMs;
    this.#lostCheckMs = Math.min(this.#lostCheckMs, this.#lostAtMs(record));
    record.newsVersion = renew.newsVersion;
    record.knowledge = renew.knowledge;
    this.#takeState(record, renew, nowMs);
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

  #recordOf(id: AgentId, nowMs: number): MemberRecord | undefined {
    const known = this.#members.get(id.name);
    if (known === undefined) {
      const record = new MemberRecord(id, nowMs);
      this.#members.set(id.name, record);
      return record;
    }
    if (known.instance === id.instance) return known;
    if (known.isRetired(id.instance)) return undefined;
    this.#retire(known, nowMs, new Set());
    known.restart(id.instance, nowMs);
    this.#isPlacementDue = true;
    return known;
  }

  /** This binding is no more, but what it was granted may be: as long as that can last, nobody else gets it. */
  #retire(record: MemberRecord, nowMs: number, reported: ReadonlySet<string>): void {
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

  #takeReport(record: MemberRecord, renew: Renew, nowMs: number): void {
    const reported = record.takePage(renew);
    const ranForMs = renew.report?.ranOutMs;
    if (reported === undefined) return;
    this.#adopt(record, ranForMs === undefined ? reported : [], nowMs);
    if (ranForMs === undefined) return;
    const ranOutMs = nowMs - ranForMs;
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
  #adopt(record: MemberRecord, reported: readonly string[], nowMs: number): void {
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

  #takeState(record: MemberRecord, renew: Renew, nowMs: number): void {
    const isDeaf = record.isDeaf(renew, this.#timing, nowMs);
    const state = renew.availability === 'gone' ? 'left' : isDeaf ? 'deaf' : 'up';
    const condition = CONDITIONS[renew.availability];
    if (state === record.state && condition === record.condition) return;
    this.#setState(record, state, nowMs);
    record.condition = condition;
    this.#retryHomeless(nowMs);
  }

  #setState(record: MemberRecord, state: MemberState, nowMs: number): void {
    record.state = state;
    this.#isPlacementDue = true;
    const silentMs = state === 'lost' ? nowMs - record.heardMs : 0;
    const isNews = this.#news.setMember(record.name, state === 'deaf' ? 'lost' : state, silentMs);
    if (isNews && state !== 'up') this.#isNewsUrgent = true;
  }

  #takeAcknowledgement(record: MemberRecord, ledger: Ledger, renew: Renew, nowMs: number): void {
    record.applied = renew.applied;
    for (const address of ledger.acknowledge(renew.applied, renew.settled)) {
      this.#vacate(address, record);
      this.#wait(address, nowMs);
    }
    if (ledger.isKnown) this.#unacknowledged.delete(record);
    if (!renew.letGo && renew.refused.length === 0) return;
    for (const address of ledger.refuse(renew.letGo ? undefined : renew.refused, renew.applied)) {
      this.#vacate(address, record);
      if (!renew.letGo) this.#refuse(address, record.name, nowMs);
      this.#wait(address, nowMs);
    }
  }

  #refuse(address: string, name: string, nowMs: number): void {
    this.#refusals.note(address, name, nowMs);
    this.#refusalMs = this.#refusals.nextMs(nowMs);
    this.#isPlacementDue = true;
  }

  #lostAtMs(record: MemberRecord): number {
    return record.heardMs + outlastMs(this.#timing, this.#timing.grantMs);
  }

  #findLost(nowMs: number): void {
    this.#lostCheckMs = Number.POSITIVE_INFINITY;
    for (const record of this.#members.values()) {
      if (record.state !== 'up' && record.state !== 'deaf') continue;
      const lostMs = this.#lostAtMs(record);
      if (nowMs >= lostMs) this.#setState(record, 'lost', nowMs);
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
    this.#recall(nowMs);
  }

  /** What the reigns before knew of nodes: who does not show up is lost, and who has failed often is not trusted. */
  #recall(nowMs: number): void {
    const { placement, knownLosses, knownMembers } = this.#options;
    for (const [name, losses] of knownLosses) placement.remember(name, losses);
    for (const [name, state] of knownMembers) {
      if (state === 'left' || this.#members.has(name)) continue;
      if (this.#news.setMember(name, 'lost')) this.#isNewsUrgent = true;
      // Nobody has counted that yet: it was the coordinator, or it fell silent together with it.
      if (state === 'up')
        placement.remember(name, { losses: placement.lossesOf(name, nowMs) + 1, sinceMs: nowMs });
      this.#news.setLosses(name, placement.lossesOf(name, nowMs));
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
    for (const name of this.#members.keys()) this.#news.setLosses(name, placement.lossesOf(name, nowMs));
    if (this.#groups !== undefined)
      placement.setGroups(this.#refusals.applyTo(this.#groups, conditions, nowMs));
    for (const move of placement.place(nowMs)) {
      this.#moves.push(move);
      this.#settle(move.address, nowMs);
    }
    this.#retryWaiting(nowMs);
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
  #takeBack(address: string, record: MemberRecord, nowMs: number): number {
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
  #refusedUntilMs(address: string, target: MemberRecord | undefined): number {
    if (target === undefined) return Number.NEGATIVE_INFINITY;
    if (target.condition === 'ineligible') return Number.POSITIVE_INFINITY;
    return this.#refusals.untilMs(address, target.name);
  }

  #ghostUntilMs(address: string, nowMs: number): number {
    const untilMs = this.#ghosts.get(address) ?? Number.NEGATIVE_INFINITY;
    if (untilMs <= nowMs) this.#ghosts.delete(address);
    return untilMs;
  }

  #changed(record: MemberRecord, nowMs: number): void {
    this.#dirty.add(record);
    this.#unacknowledged.add(record);
    record.resendMs = nowMs + this.#timing.resendMs;
    this.#resendMs = Math.min(this.#resendMs, record.resendMs);
  }

  #occupy(address: string, record: MemberRecord): void {
    const occupants = this.#occupants.get(address);
    if (occupants === undefined) this.#occupants.set(address, new Set([record]));
    else occupants.add(record);
  }

  #vacate(address: string, record: MemberRecord): void {
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
  #answer(record: MemberRecord, nowMs: number, rightUntilMs: number): void {
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

  #tell(record: MemberRecord): void {
    if (record.newsVersion >= this.#news.version || record.state !== 'up') return;
    for (const news of this.#news.since(record.newsVersion)) {
      this.#options.outbox.send(record.name, record.instance, news);
    }
  }
}

const NOBODY: Iterable<MemberRecord> = [];

const CONDITIONS: Readonly<Record<Renew['availability'], NodeCondition>> = {
  available: 'ready',
  draining: 'draining',
  unavailable: 'ineligible',
  gone: 'ineligible',
};
