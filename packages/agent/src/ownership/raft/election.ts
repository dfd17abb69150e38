// SPDX-License-Identifier: Apache-2.0
import { type Ballot, EMPTY_BALLOT } from './ballot.ts';
import type { Electorate } from './electorate.ts';
import { Leadership } from './leadership.ts';
import type { AgentId, Echo, Message, PreVoteReply } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { Promises } from './promises.ts';
import type { Rules } from './rules.ts';
import { oblivionMs, outlastMs, type RaftTiming, REFORM_WAIT_MS } from './timing.ts';

/** What a voter is at the moment. */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** Failed attempts in a row after which the wait does not grow any more. */
const LONGEST_BACKOFF = 4;

/** What a {@link Voter} needs. */
export interface VoterOptions {
  readonly id: AgentId;
  readonly timing: RaftTiming;
  readonly electorate: Electorate;
  readonly outbox: Outbox;
  /** Random numbers in [0, 1). */
  readonly random: () => number;
  readonly startMs: number;
  readonly rules: Rules;
  /** Of the voter of this name before it was restarted, where that was kept. */
  readonly ballot?: Ballot;
}

/**
 * Raft's leader election without a log, for all that has to be agreed is who grants: terms, pre-vote, check-quorum, leader
 * lease. Terms and votes keep elections short, whether the caller keeps the {@link ballot} across restarts or not; what keeps
 * them safe are {@link Promises} and {@link Leadership}. Pure: call {@link tick} before anything else at each moment.
 */
export class Voter {
  readonly #options: VoterOptions;
  readonly #timing: RaftTiming;
  readonly #promises: Promises;
  #ballot: Ballot;
  #role: Role = 'follower';
  #leadership: Leadership | undefined;
  /** Name of whom we followed last. */
  #leader = '';
  /** Whose heartbeats we answer (instance and term), and the newest of them. */
  #heardReign = '';
  #heardNonce = 0;
  #resigned = '';
  #round = 0;
  #roundEndMs = Number.POSITIVE_INFINITY;
  readonly #votes = new Set<string>();
  /** Voters who have promised to somebody else -> for how long. */
  readonly #waits = new Map<string, number>();
  #failures = 0;
  #electionMs: number;
  #heartbeatMs = Number.POSITIVE_INFINITY;
  /** Stands last: it leaves soon, or does not know what there is to own. */
  #isReluctant = false;
  #mayLead = true;

  constructor(options: VoterOptions) {
    this.#options = options;
    this.#timing = options.timing;
    this.#promises = new Promises(options.timing, options.startMs, options.rules);
    this.#electionMs = this.#promises.abstainUntilMs;
    this.#ballot = options.ballot ?? EMPTY_BALLOT;
  }

  /** Where it is to outlive a restart: written down before anything that this voter says after the change is sent. */
  get ballot(): Ballot {
    return this.#ballot;
  }

  get term(): number {
    return this.#ballot.term;
  }

  get role(): Role {
    return this.#role;
  }

  /** Present while we are elected; its right may still have to be won. */
  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** Until when this voter abstains, because it may have forgotten something. */
  get abstainUntilMs(): number {
    return this.#promises.abstainUntilMs;
  }

  /** When {@link tick} is due. */
  nextMs(): number {
    if (!this.#options.electorate.includes(this.#options.id.name)) return Number.POSITIVE_INFINITY;
    if (this.#leadership !== undefined) return Math.min(this.#heartbeatMs, this.#leadership.overMs);
    if (this.#role !== 'follower') return this.#roundEndMs;
    return this.#mayLead ? this.#electionMs : Number.POSITIVE_INFINITY;
  }

  /** What is due. */
  tick(nowMs: number): void {
    if (this.#leadership?.isOver(nowMs) === true) this.stepDown(nowMs, '');
    if (!this.#options.electorate.includes(this.#options.id.name)) return;
    if (this.#leadership !== undefined) {
      if (nowMs >= this.#heartbeatMs) this.#beat(this.#leadership, nowMs);
      return;
    }
    if (this.#role !== 'follower' && nowMs >= this.#roundEndMs) this.#failed(nowMs);
    if (this.#role === 'follower' && this.#mayLead && nowMs >= this.#electionMs) this.#stand(nowMs);
  }

  /** `mayLead` false: never stands; `isReluctant`: stands after all others. */
  setWillingness(willing: { readonly mayLead: boolean; readonly isReluctant: boolean }, nowMs: number): void {
    if (willing.mayLead === this.#mayLead && willing.isReluctant === this.#isReluctant) return;
    this.#mayLead = willing.mayLead;
    this.#isReluctant = willing.isReluctant;
    if (!willing.mayLead) this.stepDown(nowMs, '');
    if (this.#leadership === undefined) this.#standLater(nowMs);
  }

  /** The electorate has changed. */
  reelect(nowMs: number): void {
    const { electorate, id, rules } = this.#options;
    if (electorate.config.isReformed === true && rules.epochsOrdered) {
      this.stepDown(nowMs, '');
      this.#promises.abstain(nowMs + REFORM_WAIT_MS + oblivionMs(this.#timing));
    }
    if (!electorate.includes(id.name)) {
      this.stepDown(nowMs, '');
      this.#role = 'follower';
      return;
    }
    this.#leadership?.setVoters(electorate.voters, nowMs);
    this.#heartbeatMs = nowMs;
    if (this.#leadership?.isOver(nowMs) === true) this.stepDown(nowMs, '');
    if (this.#leadership === undefined) {
      this.#role = 'follower';
      this.#standLater(nowMs);
    }
  }

  /**
   * Gives up an office, if we have one: nothing may be granted in this reign from now on. The voters are told, so that they
   * need not keep their promise to the end, and who should follow ('': whoever comes first).
   */
  stepDown(nowMs: number, successor: string): void {
    const { electorate, id, outbox } = this.#options;
    if (this.#leadership === undefined) return;
    const { term } = this.#leadership.reign;
    this.#leadership = undefined;
    this.#role = 'follower';
    this.#promises.release(id.instance, term);
    for (const voter of electorate.voters) {
      if (voter !== id.name) outbox.send(voter, '', { type: 'resign', successor });
    }
    this.#leader = id.name;
    this.#standLater(nowMs);
  }

  /** Takes a message of this epoch from another voter (or one that takes itself for one). */
  receive(message: Message, nowMs: number): void {
    if (!this.#options.electorate.includes(this.#options.id.name)) return;
    const { body } = message;
    if (body.type === 'heartbeat') this.#answerHeartbeat(message, body.nonce, nowMs);
    else if (body.type === 'echo') this.#countEcho(message, body, nowMs);
    else if (body.type === 'preVote') this.#answerPreVote(message, body.round, nowMs);
    else if (body.type === 'preVoteReply') this.#countPreVote(message, body, nowMs);
    else if (body.type === 'vote') this.#answerVote(message, nowMs);
    else if (body.type === 'voteReply') this.#countVote(message, body.granted, nowMs);
    else if (body.type === 'resign') this.#heedResignation(message, body.successor, nowMs);
    else if (body.type === 'heartbeatRefused' && message.term > this.term) this.#follow(message.term, nowMs);
  }

  #stand(nowMs: number): void {
    const { id, outbox, electorate } = this.#options;
    const blockedMs = this.#promises.blockedMs(id.instance, nowMs);
    if (blockedMs > 0) {
      this.#electionMs = nowMs + blockedMs + this.#delayMs();
      return;
    }
    this.#role = 'preCandidate';
    this.#startRound(nowMs);
    for (const voter of electorate.voters) {
      if (voter !== id.name) outbox.send(voter, '', { type: 'preVote', round: this.#round });
    }
    this.#countVotes(nowMs);
  }

  #startRound(nowMs: number): void {
    this.#round++;
    this.#roundEndMs = nowMs + this.#timing.electionRoundMs;
    this.#votes.clear();
    this.#waits.clear();
    this.#votes.add(this.#options.id.name);
  }

  #answerPreVote({ from, term }: Message, round: number, nowMs: number): void {
    const waitMs = this.#promises.blockedMs(from.instance, nowMs);
    const granted = waitMs === 0 && term >= this.term && this.#leadership === undefined;
    // Somebody else is about to be elected: do not get in the way.
    if (granted && this.#role === 'follower') {
      this.#electionMs = Math.max(this.#electionMs, nowMs + this.#timing.electionRoundMs + this.#delayMs());
    }
    this.#options.outbox.send(from.name, from.instance, { type: 'preVoteReply', round, granted, waitMs });
  }

  #countPreVote({ from, term }: Message, { round, granted, waitMs }: PreVoteReply, nowMs: number): void {
    if (this.#role !== 'preCandidate' || round !== this.#round) return;
    if (granted) {
      this.#votes.add(from.name);
      this.#countVotes(nowMs);
      return;
    }
    if (term > this.term) {
      this.#follow(term, nowMs);
      this.#electionMs = nowMs + this.#options.random() * this.#timing.electionJitterMs;
      return;
    }
    this.#waits.set(from.name, waitMs);
    this.#giveWayIfHopeless(nowMs);
  }

  /** Too many have promised to somebody else: come back when enough of those promises have ended. */
  #giveWayIfHopeless(nowMs: number): void {
    const { voters, majority } = this.#options.electorate;
    if (voters.length - this.#waits.size >= majority) return;
    const missing = majority - (voters.length - this.#waits.size);
    const waits = [...this.#waits.values()].sort((a, b) => a - b);
    this.#role = 'follower';
    this.#electionMs = nowMs + outlastMs(this.#timing, waits[missing - 1] ?? 0) + this.#delayMs();
  }

  #answerVote({ from, term }: Message, nowMs: number): void {
    const granted = this.#mayVoteFor(from.instance, term, nowMs);
    if (granted) {
      if (this.#ballot.votedFor === '') this.#ballot = { term, votedFor: from.instance };
      this.#role = 'follower';
      this.#electionMs = Math.max(this.#electionMs, nowMs + this.#timing.electionRoundMs + this.#delayMs());
    }
    this.#options.outbox.send(from.name, from.instance, { type: 'voteReply', granted });
  }

  #mayVoteFor(instance: string, term: number, nowMs: number): boolean {
    // Terms of those for whom we cannot vote anyway must not disturb whom we follow.
    if (term < this.term || this.#promises.blockedMs(instance, nowMs) > 0) return false;
    if (term > this.term) this.#follow(term, nowMs);
    const { votedFor } = this.#ballot;
    return votedFor === '' || votedFor === instance;
  }

  #countVote({ from, term }: Message, granted: boolean, nowMs: number): void {
    if (term > this.term) {
      this.#follow(term, nowMs);
    } else if (this.#role === 'candidate' && term === this.term && granted) {
      this.#votes.add(from.name);
      this.#countVotes(nowMs);
    }
  }

  #countVotes(nowMs: number): void {
    const { electorate, id, outbox } = this.#options;
    const count = () => electorate.voters.filter((voter) => this.#votes.has(voter)).length;
    if (this.#role === 'preCandidate' && count() >= electorate.majority) {
      this.#ballot = { term: this.term + 1, votedFor: id.instance };
      this.#role = 'candidate';
      this.#startRound(nowMs);
      for (const voter of electorate.voters) if (voter !== id.name) outbox.send(voter, '', { type: 'vote' });
    }
    if (this.#role === 'candidate' && count() >= electorate.majority) this.#elected(nowMs);
  }

  #elected(nowMs: number): void {
    const { electorate, id, rules } = this.#options;
    // Nobody can have our promise: we have just voted for ourselves, and were free to.
    if (!this.#promises.make(id.instance, this.term, nowMs)) {
      this.#failed(nowMs);
      return;
    }
    this.#role = 'leader';
    this.#failures = 0;
    this.#leadership = new Leadership({ term: this.term, coordinator: id }, electorate.voters, this.#timing, {
      nowMs,
      rules,
      graceMs: this.#promises.graceMs(nowMs),
    });
    this.#beat(this.#leadership, nowMs);
  }

  #beat(leadership: Leadership, nowMs: number): void {
    const { electorate, id, outbox } = this.#options;
    this.#promises.make(id.instance, this.term, nowMs);
    leadership.settle(id.name, electorate.settledEpoch(nowMs));
    const nonce = leadership.beat(nowMs);
    this.#heartbeatMs = nowMs + this.#timing.heartbeatMs;
    for (const voter of electorate.voters) {
      if (voter !== id.name) outbox.send(voter, '', { type: 'heartbeat', nonce });
    }
  }

  #answerHeartbeat({ from, term }: Message, nonce: number, nowMs: number): void {
    const { outbox, electorate } = this.#options;
    const { instance, name } = from;
    const reign = `${instance} ${term}`;
    const isLate = term < this.term || reign === this.#resigned;
    if (isLate || (term === this.term && this.#leadership !== undefined)) {
      outbox.send(name, instance, { type: 'heartbeatRefused' });
      return;
    }
    // Doubled or overtaken: to answer would bind us for longer, and help nobody.
    if (reign === this.#heardReign && nonce <= this.#heardNonce) return;
    // No word until the promise to somebody else ends; this one is elected and will ask again.
    if (!this.#promises.make(instance, term, nowMs)) return;
    if (term > this.term || this.#role !== 'follower') this.#follow(term, nowMs);
    this.#leader = name;
    this.#heardReign = reign;
    this.#heardNonce = nonce;
    this.#failures = 0;
    this.#electionMs = this.#promises.untilMs + this.#delayMs();
    const settledEpoch = electorate.settledEpoch(nowMs);
    const graceMs = this.#promises.graceMs(nowMs);
    outbox.send(name, instance, { type: 'echo', nonce, settledEpoch, graceMs });
  }

  #countEcho({ from, term }: Message, echo: Echo, nowMs: number): void {
    if (term === this.#leadership?.reign.term) this.#leadership.echo(from.name, echo, nowMs);
  }

  #heedResignation({ from, term }: Message, successor: string, nowMs: number): void {
    if (!this.#promises.release(from.instance, term)) return;
    this.#resigned = `${from.instance} ${term}`;
    this.#leader = from.name;
    this.#standLater(nowMs);
    if (successor === this.#options.id.name) this.#electionMs = nowMs;
  }

  /** Somebody is further: no longer a candidate nor elected. */
  #follow(term: number, nowMs: number): void {
    this.stepDown(nowMs, '');
    this.#role = 'follower';
    if (term > this.term) this.#ballot = { term, votedFor: '' };
  }

  #failed(nowMs: number): void {
    this.#role = 'follower';
    this.#failures = Math.min(this.#failures + 1, LONGEST_BACKOFF);
    this.#electionMs =
      nowMs + this.#delayMs() + this.#options.random() * this.#failures * this.#timing.electionRoundMs;
  }

  #standLater(nowMs: number): void {
    const freeMs = nowMs + this.#promises.blockedMs(this.#options.id.instance, nowMs);
    this.#electionMs = freeMs + this.#delayMs();
  }

  /**
   * How long to let others go first once the way is free. All see that at about the same time, and two who stand at once
   * can keep each other from a majority; so they take turns, and the one that has just failed comes last.
   */
  #delayMs(): number {
    const { electorate, id, random } = this.#options;
    const { voters } = electorate;
    const turn = (name: string) => (voters.indexOf(name) + this.term) % voters.length;
    let place = turn(id.name);
    if (this.#leader === id.name) place = voters.length - 1;
    else if (voters.includes(this.#leader) && turn(this.#leader) < place) place--;
    if (this.#isReluctant) place += voters.length;
    return place * this.#timing.electionStepMs + random() * this.#timing.electionJitterMs;
  }
}
