// SPDX-License-Identifier: Apache-2.0
import type { Electorate } from './electorate.ts';
import {
  type AgentId,
  type Availability,
  type Grant,
  type Knowledge,
  MAX_ADDRESSES_PER_MESSAGE,
  type Message,
  type Reign,
  type Renew,
  type ReportPage,
} from './messages.ts';
import { NewsView } from './news.ts';
import type { MinorityPolicy } from './node-api.ts';
import type { Outbox } from './outbox.ts';
import type { Rules } from './rules.ts';
import type { RaftTiming } from './timing.ts';

/** A coordinator that has not answered for this many renewals is looked for elsewhere. */
const SILENT_RENEWALS = 1.5;

/** Who has heard a coordinator within this part of the tail does not keep what that one has let run out. */
const HEARD_TAIL = 0.9;

/** Part of the interval by which renewals are early at random, so that those of many members do not stay together. */
const RENEWAL_SPREAD = 0.1;

/** What a {@link Member} needs. */
export interface MemberOptions {
  readonly id: AgentId;
  readonly timing: RaftTiming;
  readonly electorate: Electorate;
  readonly outbox: Outbox;
  /** Random numbers in [0, 1). */
  readonly random: () => number;
  readonly startMs: number;
  readonly minority?: MinorityPolicy;
  readonly rules: Rules;
}

/**
 * One node's side of the grants (rules 1 and 5). It asks at an interval; what it is granted in answer ends `grantMs` after
 * it *asked*, by its own clock, no matter how late the answer is. It listens to one coordinator at a time. When it turns
 * to another it begins a new binding: it reports what it holds, takes nothing any more from before, and so cannot come to
 * hold what the new one does not know of. Pure: call {@link tick} before anything else at each moment.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #timing: RaftTiming;
  readonly news = new NewsView();
  #reign: Reign | undefined;
  #binding = 0;
  #report: readonly ReportPage[] = [];
  /** Granted in the present binding, as of `#applied`. */
  readonly #granted = new Set<string>();
  #applied = 0;
  /** What we had last, and ran out, until something is granted again. */
  #lapsed: readonly string[] = [];
  /** When. */
  #lapsedMs = Number.NEGATIVE_INFINITY;
  #untilMs = Number.NEGATIVE_INFINITY;
  /** The same, but kept when a gap in time has made it void. */
  #endedMs = Number.NEGATIVE_INFINITY;
  /** With rule 5 off: no timer has seen the end of the grants yet. */
  #isLive = false;
  /** Grants have run out, no coordinator is heard, and what they granted is kept. */
  #isKeeping = false;
  /** End of the grants of which it was decided last whether they are kept. */
  #judgedMs = Number.NEGATIVE_INFINITY;
  /** When we last came to, after a time in which nothing was heard because nothing was done. */
  #wokeMs = Number.NEGATIVE_INFINITY;
  /** When any coordinator was last heard. */
  #coordinatorMs = Number.NEGATIVE_INFINITY;
  #nonce = 0;
  #answered = 0;
  /** Renewals that may still be answered in time: nonce -> when sent. */
  readonly #asked = new Map<number, number>();
  #heardMs = Number.NEGATIVE_INFINITY;
  /** When the present binding began. */
  #boundMs = Number.NEGATIVE_INFINITY;
  #lastMs: number;
  #renewMs: number;
  #seekMs: number;
  #isRenewDue = false;
  /** Addresses on this node, as told, and those that were granted since. */
  #onNode: ReadonlySet<string> = new Set();
  /** Removed, but still on this node -> earliest version that can have removed it. */
  readonly #leaving = new Map<string, number>();
  #refused: ReadonlySet<string> = new Set();
  /**
   * Granted, but we have said that we do not serve them: somebody else may have them by now. That stays so until we hear
   * that they were removed, whatever becomes possible again meanwhile.
   */
  readonly #waived = new Set<string>();
  #availability: Availability = 'available';
  #knowledge: Knowledge = 'none';
  #changes = 0;
  #shown: ReadonlySet<string> = new Set();
  #shownAt = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#timing = options.timing;
    this.#lastMs = options.startMs;
    this.#renewMs = options.startMs;
    this.#seekMs = options.startMs;
  }

  /** Rises whenever the set of addresses changes that this node may answer for, other than by time. */
  get changes(): number {
    return this.#changes;
  }

  /** Until when this node may answer for {@link addresses}. */
  get untilMs(): number {
    return this.#serves ? this.#untilMs : Number.NEGATIVE_INFINITY;
  }

  /** What this node may answer for until {@link untilMs}. A set that does not change later. */
  get addresses(): ReadonlySet<string> {
    if (this.#shownAt === this.#changes) return this.#shown;
    this.#shownAt = this.#changes;
    const isServed = (address: string) => !this.#refused.has(address) && !this.#waived.has(address);
    this.#shown = new Set(this.#serves ? [...this.#granted].filter(isServed) : []);
    return this.#shown;
  }

  get reign(): Reign | undefined {
    return this.#reign;
  }

  /** When the coordinator was last heard. */
  get heardMs(): number {
    return this.#heardMs;
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** Answers without a grant. */
  get isKeeping(): boolean {
    return this.#isKeeping && this.#serves;
  }

  /** Nothing of ours is granted, and nothing is left on this node. */
  get isClear(): boolean {
    return this.#granted.size === 0 && this.#onNode.size === 0;
  }

  /** May this node answer for the address now? The only question that counts, asked before each frame. */
  mayAnswer(address: string, nowMs: number): boolean {
    if (!this.#serves || !this.#granted.has(address)) return false;
    if (this.#refused.has(address) || this.#waived.has(address)) return false;
    return this.#options.rules.gapsNoticed ? nowMs < this.#untilMs : this.#isLive;
  }

  nextMs(): number {
    const next = Math.min(this.#renewMs, this.#untilMs > this.#lastMs ? this.#untilMs : this.#renewMs);
    return this.#isUnheard(this.#lastMs) ? Math.min(next, this.#seekMs) : next;
  }

  tick(nowMs: number): void {
    // A process that was stopped, or a clock that did not run: what we believe is older than it seems.
    if (this.#options.rules.gapsNoticed && nowMs - this.#lastMs > this.#timing.grantMs) this.loseTime();
    if (nowMs - this.#lastMs > this.#timing.renewMs * SILENT_RENEWALS) this.#wokeMs = nowMs;
    this.#lastMs = nowMs;
    this.#keep(nowMs);
    if (nowMs >= this.#untilMs) this.#isLive = false;
    if (nowMs >= this.#renewMs) this.#isRenewDue = true;
    if (nowMs >= this.#seekMs && this.#isUnheard(nowMs)) this.#seek(nowMs);
  }

  /** Sends what is due. Last at each moment. */
  flush(nowMs: number): void {
    if (this.#isRenewDue) this.#renew(nowMs);
  }

  /** Somebody lives who coordinates, whether we can talk to it or not. */
  noteCoordinator(nowMs: number): void {
    this.#coordinatorMs = nowMs;
  }

  /** Somebody says that it coordinates. */
  heedAnnouncement(message: Message, unknownBinding: number, nowMs: number): void {
    const bound = this.#reign;
    const { from, term } = message;
    const isBound = bound?.coordinator.instance === from.instance && bound.term === term;
    if (isBound) {
      if (unknownBinding === this.#binding) this.#bind(bound, nowMs);
      return;
    }
    if (bound === undefined || term > bound.term || this.#isUnheard(nowMs)) {
      this.#bind({ term, coordinator: from }, nowMs);
    }
  }

  takeGrant({ from, term }: Message, grant: Grant, nowMs: number): void {
    const { binding, nonce, lengthMs, base, version, add, remove } = grant;
    if (binding !== this.#binding || term !== this.#reign?.term) return;
    if (from.instance !== this.#reign.coordinator.instance) return;
    this.#heardMs = nowMs;
    this.#coordinatorMs = nowMs;
    this.#answered = Math.max(this.#answered, nonce);
    // Older than what we have, or something is missing before it: the next answer begins where we are.
    if (version < this.#applied || base > this.#applied) return;
    this.#report = [];
    this.#change(add, remove, version);
    const askedMs = this.#asked.get(nonce);
    // It lives, and grants nothing: others may have what we had.
    if (lengthMs === 0 && base === version && this.#isKeeping) this.loseTime();
    if (askedMs === undefined || lengthMs === 0) return;
    const fromMs = this.#options.rules.grantsCountFromAsking ? askedMs : nowMs;
    const untilMs = fromMs + lengthMs;
    if (untilMs <= nowMs || (untilMs <= this.#untilMs && !this.#isKeeping)) return;
    this.#isKeeping = false;
    if (this.#untilMs <= nowMs) this.#changes++;
    this.#untilMs = untilMs;
    this.#endedMs = untilMs;
    this.#isLive = true;
    if (this.#granted.size > 0) this.#lapsed = [];
  }

  /** Whether this node can have addresses. Takes effect at once; the coordinator is told at once. */
  setAvailability(availability: Availability): void {
    if (availability === this.#availability) return;
    this.#availability = availability;
    // Whoever could not serve for a while cannot know who does by now.
    if (!this.#serves && this.#isKeeping) this.loseTime();
    this.#changes++;
    this.#isRenewDue = true;
  }

  /** What this agent knows of what there is to own. */
  setKnowledge(knowledge: Knowledge): void {
    this.#knowledge = knowledge;
  }

  /** Asks without waiting for the interval: what it asked before may not be answered. */
  renewSoon(): void {
    this.#isRenewDue = true;
  }

  /** Addresses that this node cannot serve at the moment (their link is down). */
  setRefused(refused: ReadonlySet<string>): void {
    this.#refused = new Set(refused);
    this.#changes++;
    this.#isRenewDue = true;
  }

  /** All addresses that are on this node, those included that are just being put on it. */
  setOnNode(addresses: ReadonlySet<string>): void {
    const before = this.#onNode;
    // What was granted in this moment may not be in the list yet.
    const onNode = new Set([...addresses, ...this.addresses]);
    this.#onNode = onNode;
    for (const address of this.#leaving.keys()) {
      if (!onNode.has(address)) this.#leaving.delete(address);
    }
    for (const address of before) if (!onNode.has(address)) this.#isRenewDue = true;
  }

  /** More time may have passed than our clock shows: only what is asked from now on counts. */
  loseTime(): void {
    if (this.#untilMs > Number.NEGATIVE_INFINITY) this.#changes++;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#isKeeping = false;
    this.#asked.clear();
  }

  /** Keeps what runs out now, or goes on keeping it: never for longer than a grant, so that who is frozen lets go. */
  #keep(nowMs: number): void {
    if (!this.#isKeeping && !this.#mayKeep(nowMs)) return;
    this.#isKeeping = true;
    this.#untilMs = nowMs + this.#timing.grantMs;
    this.#endedMs = this.#untilMs;
  }

  /** Looked at once, when the grants run out: who has let go does not come back to it. */
  #mayKeep(nowMs: number): boolean {
    if (this.#options.minority !== 'keep' || this.#untilMs === Number.NEGATIVE_INFINITY) return false;
    if (nowMs < this.#untilMs || this.#untilMs === this.#judgedMs) return false;
    const quietMs = this.#timing.tailMs * HEARD_TAIL;
    // It has not had the time to hear anybody.
    if (nowMs - this.#wokeMs <= quietMs) return false;
    this.#judgedMs = this.#untilMs;
    return nowMs - this.#coordinatorMs > quietMs && this.#serves && this.#granted.size > 0;
  }

  get #serves(): boolean {
    return this.#availability === 'available' || this.#availability === 'draining';
  }

  #isUnheard(nowMs: number): boolean {
    return nowMs - this.#heardMs > this.#timing.renewMs * SILENT_RENEWALS;
  }

  #bind(reign: Reign, nowMs: number): void {
    const held = [...this.#granted].filter((each) => this.mayAnswer(each, nowMs));
    if (held.length !== this.#granted.size) this.#changes++;
    if (held.length === 0 && this.#granted.size > 0) {
      this.#lapsed = [...this.#granted];
      this.#lapsedMs = this.#endedMs;
    }
    this.#reign = reign;
    this.#binding++;
    this.#granted.clear();
    this.#waived.clear();
    for (const address of held) this.#granted.add(address);
    const isLapsed = held.length === 0 && this.#lapsed.length > 0;
    this.#report = isLapsed
      ? pagesOf(this.#lapsed, Math.max(0, nowMs - this.#lapsedMs))
      : pagesOf(held, undefined);
    this.#applied = 0;
    // What is still coming off is for the new coordinator neither granted nor free before its time.
    this.#leaving.clear();
    this.#heardMs = nowMs;
    this.#boundMs = nowMs;
    this.news.restart();
    this.#isRenewDue = true;
  }

  #change(add: readonly string[], remove: readonly string[], version: number): void {
    const onNode = add.length === 0 ? this.#onNode : new Set(this.#onNode);
    for (const address of add) {
      this.#leaving.delete(address);
      this.#granted.add(address);
      if (onNode instanceof Set) onNode.add(address);
    }
    this.#onNode = onNode;
    for (const address of remove) {
      this.#waived.delete(address);
      // All we know of the version that removed it is that it came after the one that we had.
      if (this.#granted.delete(address) && this.#onNode.has(address))
        this.#leaving.set(address, this.#applied + 1);
    }
    if (version === this.#applied) return;
    this.#applied = version;
    this.#changes++;
    this.#isRenewDue = true;
  }

  #seek(nowMs: number): void {
    this.#seekMs = nowMs + this.#timing.renewMs / 2;
    for (const voter of this.#options.electorate.voters)
      this.#options.outbox.send(voter, '', { type: 'seek' });
  }

  #renew(nowMs: number): void {
    this.#isRenewDue = false;
    // A page of the report may be lost, and without it there is no answer.
    const isReporting = this.#report.length > 0 && nowMs - this.#boundMs < this.#timing.grantMs;
    const intervalMs = isReporting ? this.#timing.resendMs : this.#timing.renewMs;
    this.#renewMs = nowMs + intervalMs * (1 - RENEWAL_SPREAD * this.#options.random());
    if (this.#reign === undefined) return;
    for (const [nonce, askedMs] of this.#asked) {
      if (askedMs + this.#timing.grantMs > nowMs) break;
      this.#asked.delete(nonce);
    }
    const letGo = !this.#serves && this.#onNode.size === 0;
    const refused = letGo ? [] : this.#putOff();
    for (const address of letGo ? this.#granted : refused) this.#waived.add(address);
    const count = Math.max(1, this.#report.length, Math.ceil(refused.length / MAX_ADDRESSES_PER_MESSAGE));
    for (let part = 0; part < count; part++) {
      const start = part * MAX_ADDRESSES_PER_MESSAGE;
      const chunk = refused.slice(start, start + MAX_ADDRESSES_PER_MESSAGE);
      this.#ask({ reign: this.#reign, letGo, refused: chunk, report: this.#report[part] }, nowMs);
    }
  }

  #ask(part: Pick<Renew, 'reign' | 'letGo' | 'refused' | 'report'>, nowMs: number): void {
    this.#nonce++;
    this.#asked.set(this.#nonce, nowMs);
    const renew: Renew = {
      type: 'renew',
      ...part,
      binding: this.#binding,
      nonce: this.#nonce,
      answered: this.#answered,
      applied: this.#applied,
      settled: this.#settled(),
      availability: this.#availability,
      knowledge: this.#knowledge,
      newsVersion: this.news.version,
    };
    const { coordinator } = part.reign;
    this.#options.outbox.send(coordinator.name, coordinator.instance, renew);
  }

  /** Not served, and off this node. */
  #putOff(): readonly string[] {
    if (this.#refused.size === 0 && this.#waived.size === 0) return [];
    return [...this.#granted].filter(
      (each) => this.#waived.has(each) || (this.#refused.has(each) && !this.#onNode.has(each)),
    );
  }

  #settled(): number {
    let settled = this.#applied;
    for (const version of this.#leaving.values()) settled = Math.min(settled, version - 1);
    return settled;
  }
}

/** At least one page: that nothing is held is a report, too. */
function pagesOf(addresses: readonly string[], ranOutMs: number | undefined): readonly ReportPage[] {
  const pages = Math.max(1, Math.ceil(addresses.length / MAX_ADDRESSES_PER_MESSAGE));
  return Array.from({ length: pages }, (_, page) => {
    const start = page * MAX_ADDRESSES_PER_MESSAGE;
    return { page, pages, addresses: addresses.slice(start, start + MAX_ADDRESSES_PER_MESSAGE), ranOutMs };
  });
}
