// SPDX-License-Identifier: Apache-2.0
import type { Ballot } from './ballot.ts';
import { Coordinator } from './coordinator.ts';
import { type Role, Voter } from './election.ts';
import { Electorate } from './electorate.ts';
import { Member } from './member.ts';
import type { AgentId, Availability, Body, GroupConfig, Knowledge, Message, Reign } from './messages.ts';
import type { NodeEvent, NodeInput, NodeOptions, NodeOutput, NodeStatus } from './node-api.ts';
import type { Outbox } from './outbox.ts';
import type { PlacementGroup } from './placement-group.ts';
import { ALL_RULES, type Rules } from './rules.ts';
import type { RaftTiming } from './timing.ts';

/** Between two words about the epoch to the same agent. */
const CONFIG_NEWS_INTERVAL_MS = 20;

/** As long as there are no voters: between two rounds of asking who hears us, and how many are asked in one. */
const HELLO_MS = 250;
const HELLOS = 32;

/** One agent: member always, voter when the group record says so, coordinator when elected. Pure. */
export class RaftNode {
  readonly #options: NodeOptions;
  readonly #timing: RaftTiming;
  readonly #rules: Rules;
  readonly #electorate: Electorate;
  readonly #voter: Voter;
  readonly #member: Member;
  readonly #outbox: Outbox;
  #coordinator: Coordinator | undefined;
  #reign: Reign | undefined;
  #sequence = 0;
  #messages: Message[] = [];
  #events: NodeEvent[] = [];
  /** To ourselves. */
  readonly #inner: Message[] = [];
  readonly #toldConfig = new Map<string, number>();
  #peers: readonly string[] = [];
  /** Agent -> when it last answered to this instance of ours. */
  readonly #reachedMs = new Map<string, number>();
  #helloMs: number;
  #nextHello = 0;
  #groups: readonly PlacementGroup[] | undefined;
  #mainAliveMs: number;
  #isStalled = false;
  #isLinkUp = true;
  #isUpToDate = true;
  #isDraining = false;
  #isStopped = false;
  #changes = 0;
  #role: Role = 'follower';
  #isKeeping = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#timing = options.timing;
    this.#rules = options.rules ?? ALL_RULES;
    this.#electorate = new Electorate(options.timing, this.#rules);
    this.#mainAliveMs = options.startMs;
    this.#helloMs = options.startMs;
    const outbox: Outbox = { send: (to, toInstance, body) => this.#send(to, toInstance, body) };
    const parts = { ...options, electorate: this.#electorate, outbox, rules: this.#rules };
    this.#outbox = outbox;
    this.#voter = new Voter(parts);
    this.#member = new Member(parts);
  }

  /** May this node answer for the address now? Ask before each frame, with a clock read just then. */
  mayAnswer(address: string, nowMs: number): boolean {
    return this.#member.mayAnswer(address, nowMs);
  }

  /** What this node may answer for, until {@link grantedUntilMs}. */
  get granted(): ReadonlySet<string> {
    return this.#member.addresses;
  }

  /** The same for all addresses; in the past when there is none. */
  get grantedUntilMs(): number {
    return this.#member.untilMs;
  }

  /** Changes before the messages of the same step are sent; the same object as long as it says the same. */
  get ballot(): Ballot {
    return this.#voter.ballot;
  }

  /** Answers without a grant, because no coordinator can be heard. */
  get isKeeping(): boolean {
    return this.#member.isKeeping;
  }

  /** Who votes, as far as this node knows. */
  get config(): GroupConfig {
    return this.#electorate.config;
  }

  status(nowMs: number): NodeStatus {
    const { leadership } = this.#voter;
    const settled = new Map(leadership?.settledEpochs);
    settled.set(this.#options.id.name, this.#electorate.settledEpoch(nowMs));
    return {
      role: this.#voter.role,
      term: this.#voter.term,
      rightUntilMs: this.#coordinator === undefined ? undefined : leadership?.rightUntilMs,
      reign: this.#member.reign,
      heardMs: this.#member.heardMs,
      config: this.#electorate.config,
      settledEpochs: settled,
      availability: this.#member.availability,
      isKeeping: this.#member.isKeeping,
      reachedMs: this.#reachedMs,
      owners: this.#member.news.owners,
      members: this.#member.news.members,
      silences: this.#member.news.silences,
      isDrained: this.#isDraining && this.#member.isClear && !this.#canHandOver,
    };
  }

  /** Takes one input at this time of the local monotonic clock. */
  step(nowMs: number, input: NodeInput): NodeOutput {
    if (input.type === 'mainAlive') this.#mainAliveMs = nowMs;
    this.#tick(nowMs);
    if (!this.#isStopped) this.#take(input, nowMs);
    this.#followOffice(nowMs);
    this.#finish(nowMs);
    this.#watchKeeping();
    const changed = this.#member.changes !== this.#changes;
    this.#changes = this.#member.changes;
    const output = { messages: this.#messages, changed, wakeAtMs: this.#nextMs(), events: this.#events };
    this.#messages = [];
    this.#events = [];
    return output;
  }

  #tick(nowMs: number): void {
    if (this.#isStopped) return;
    this.#voter.tick(nowMs);
    this.#followOffice(nowMs);
    this.#coordinator?.tick(nowMs);
    this.#member.tick(nowMs);
    this.#watchAvailability(nowMs);
    if (nowMs >= this.#helloMs && this.#hasNoVoters) this.#sayHello(nowMs);
  }

  get #hasNoVoters(): boolean {
    return this.#electorate.voters.length === 0;
  }

  /** Who hears whom must be known before anybody can be chosen to vote. */
  #sayHello(nowMs: number): void {
    this.#helloMs = nowMs + HELLO_MS;
    const { length } = this.#peers;
    for (let count = Math.min(HELLOS, length); count > 0; count--) {
      const name = this.#peers[this.#nextHello++ % length];
      if (name !== undefined && name !== this.#options.id.name) this.#send(name, '', { type: 'seek' });
    }
  }

  /** What was put off to the end of the step, and what we have to say to ourselves. */
  #finish(nowMs: number): void {
    do {
      for (let message = this.#inner.shift(); message !== undefined; message = this.#inner.shift()) {
        this.#deliver(message, nowMs);
        this.#followOffice(nowMs);
      }
      this.#coordinator?.flush(nowMs, this.#voter.leadership?.rightUntilMs ?? Number.NEGATIVE_INFINITY);
      this.#member.flush(nowMs);
    } while (this.#inner.length > 0);
    for (const move of this.#coordinator?.takeMoves() ?? []) this.#events.push({ type: 'moved', move });
    this.#considerResigning(nowMs);
    this.#followOffice(nowMs);
  }

  #nextMs(): number {
    if (this.#isStopped) return Number.POSITIVE_INFINITY;
    const stallMs = this.#isStalled ? Number.POSITIVE_INFINITY : this.#stallMs;
    const coordinatorMs = this.#coordinator?.nextMs() ?? Number.POSITIVE_INFINITY;
    const helloMs = this.#hasNoVoters ? this.#helloMs : Number.POSITIVE_INFINITY;
    return Math.min(this.#voter.nextMs(), this.#member.nextMs(), coordinatorMs, stallMs, helloMs);
  }

  /** When the main thread counts as stalled, if it stays silent. */
  get #stallMs(): number {
    return this.#mainAliveMs + this.#timing.mainStallMs;
  }

  #take(input: NodeInput, nowMs: number): void {
    switch (input.type) {
      case 'message':
        this.#receive(input.message, nowMs);
        break;
      case 'config':
        this.#adopt(input.config, nowMs);
        break;
      case 'groups':
        this.#groups = input.groups;
        this.#coordinator?.setGroups(input.groups);
        this.#member.setKnowledge(this.#knowledge);
        this.#watchAvailability(nowMs);
        break;
      case 'informed':
        this.#isUpToDate = input.isInformed;
        this.#member.setKnowledge(this.#knowledge);
        this.#watchAvailability(nowMs);
        break;
      case 'peers':
        this.#peers = input.names;
        this.#helloMs = Math.min(this.#helloMs, nowMs);
        break;
      case 'onNode':
        this.#member.setOnNode(input.addresses);
        break;
      case 'refused':
        this.#member.setRefused(input.addresses);
        break;
      case 'link':
        this.#isLinkUp = input.isUp;
        this.#watchAvailability(nowMs);
        break;
      case 'drain':
        this.#isDraining = input.isOn;
        this.#watchAvailability(nowMs);
        break;
      case 'timeLost':
        this.#voter.stepDown(nowMs, '');
        this.#member.loseTime();
        break;
      case 'stop':
        this.#stop(nowMs);
        break;
      case 'mainAlive':
      case 'tick':
        break;
    }
  }

  #stop(nowMs: number): void {
    this.#member.setAvailability('gone');
    this.#member.setOnNode(new Set());
    this.#finish(nowMs);
    this.#voter.stepDown(nowMs, this.#successor()?.name ?? '');
    this.#isStopped = true;
  }

  #watchAvailability(nowMs: number): void {
    if (this.#member.availability === 'gone') return;
    this.#isStalled = nowMs >= this.#stallMs;
    const isStalled = this.#rules.gapsNoticed && this.#isStalled;
    let availability: Availability = 'available';
    if (isStalled || !this.#isLinkUp) availability = 'unavailable';
    else if (this.#isDraining) availability = 'draining';
    if (availability !== this.#member.availability) this.#events.push({ type: 'availability', availability });
    this.#member.setAvailability(availability);
    const isReluctant = availability !== 'available' || this.#knowledge !== 'current';
    this.#voter.setWillingness({ mayLead: !isStalled, isReluctant }, nowMs);
  }

  #watchKeeping(): void {
    const { isKeeping } = this.#member;
    if (isKeeping === this.#isKeeping) return;
    this.#isKeeping = isKeeping;
    this.#events.push({ type: 'keeping', isOn: isKeeping });
  }

  #receive(message: Message, nowMs: number): void {
    const { id, groupId } = this.#options;
    const { from, to, toInstance, epoch } = message;
    if (message.groupId !== groupId || to !== id.name) return;
    if (from.name === id.name) {
      if (from.instance !== id.instance) this.#events.push({ type: 'twin', instance: from.instance });
      return;
    }
    if (toInstance !== '' && toInstance !== id.instance) return;
    if (toInstance !== '') this.#reachedMs.set(from.name, nowMs);
    if (message.body.type === 'config') {
      this.#adopt(message.body.config, nowMs);
      if (epoch < this.#electorate.config.epoch) this.#tellConfig(from, nowMs);
    } else if (epoch === this.#electorate.config.epoch || !this.#rules.epochsOrdered) {
      this.#deliver(message, nowMs);
    } else {
      this.#tellConfig(from, nowMs);
    }
  }

  /** To somebody with another epoch: a lower one is news to it, a higher one makes it tell us. */
  #tellConfig(to: AgentId, nowMs: number): void {
    if (nowMs - (this.#toldConfig.get(to.name) ?? Number.NEGATIVE_INFINITY) < CONFIG_NEWS_INTERVAL_MS) return;
    this.#toldConfig.set(to.name, nowMs);
    this.#send(to.name, to.instance, { type: 'config', config: this.#electorate.config });
  }

  #adopt(config: GroupConfig, nowMs: number): void {
    if (!this.#electorate.adopt(config, nowMs)) return;
    this.#events.push({ type: 'configAdopted', config });
    this.#voter.reelect(nowMs);
    // What we asked under the old epoch may be ignored, and others may not know of the new one.
    this.#member.renewSoon();
    for (const name of this.#coordinator?.members.keys() ?? []) {
      if (name !== this.#options.id.name) this.#send(name, '', { type: 'config', config });
    }
  }

  #deliver(message: Message, nowMs: number): void {
    const { body } = message;
    switch (body.type) {
      case 'renew':
        this.#hear(message, nowMs);
        break;
      case 'grant':
        this.#member.takeGrant(message, body, nowMs);
        break;
      case 'announce': {
        const before = this.#member.reign;
        this.#member.heedAnnouncement(message, body.unknownBinding, nowMs);
        const { reign } = this.#member;
        if (reign !== undefined && reign !== before) this.#events.push({ type: 'bound', reign });
        break;
      }
      case 'news':
        if (isOf(this.#member.reign, message)) this.#member.news.take(body, nowMs);
        break;
      case 'seek':
        if (this.#coordinator !== undefined) this.#announce(message.from.name);
        else if (this.#hasNoVoters && message.toInstance === '') {
          this.#send(message.from.name, message.from.instance, { type: 'seek' });
        }
        break;
      case 'config':
        break;
      case 'heartbeat':
        this.#member.noteCoordinator(nowMs);
        this.#voter.receive(message, nowMs);
        break;
      default:
        this.#voter.receive(message, nowMs);
    }
  }

  #hear(message: Message, nowMs: number): void {
    const { body, from } = message;
    if (body.type !== 'renew' || this.#coordinator === undefined || this.#reign === undefined) return;
    const { term, coordinator } = this.#reign;
    if (body.reign.term === term && body.reign.coordinator.instance === coordinator.instance) {
      this.#coordinator.heed(message, body, nowMs);
    } else this.#announce(from.name);
  }

  #announce(to: string): void {
    this.#send(to, '', { type: 'announce', unknownBinding: 0 });
  }

  /** Begins a reign when the right is won, and ends it with the office. */
  #followOffice(nowMs: number): void {
    const { leadership, role, term } = this.#voter;
    if (role !== this.#role) {
      this.#role = role;
      this.#events.push({ type: 'role', role, term });
    }
    if (this.#reign !== undefined && leadership?.reign !== this.#reign) {
      this.#events.push({ type: 'reignEnded', reign: this.#reign });
      this.#reign = undefined;
      this.#coordinator = undefined;
    }
    if (this.#reign !== undefined || leadership?.rightSinceMs === undefined) return;
    this.#reign = leadership.reign;
    this.#beginReign(leadership.reign, leadership.silentUntilMs, nowMs);
  }

  #beginReign(reign: Reign, silentUntilMs: number, nowMs: number): void {
    const { news } = this.#member;
    this.#coordinator = new Coordinator({
      timing: this.#timing,
      outbox: this.#outbox,
      placement: this.#options.createPlacement(),
      startMs: nowMs,
      silentUntilMs,
      // As of now: the first news of this reign empties the view.
      knownMembers: new Map(news.members),
      knownLosses: new Map(news.losses),
    });
    if (this.#groups !== undefined) this.#coordinator.setGroups(this.#groups);
    this.#events.push({ type: 'reignBegan', reign, graceMs: Math.max(0, silentUntilMs - nowMs) });
    const names = new Set([this.#options.id.name, ...this.#peers, ...this.#electorate.voters]);
    for (const name of news.members.keys()) names.add(name);
    for (const name of names) this.#announce(name);
  }

  get #knowledge(): Knowledge {
    if (this.#groups === undefined) return 'none';
    return this.#isUpToDate ? 'current' : 'old';
  }

  #considerResigning(nowMs: number): void {
    if (this.#coordinator === undefined) return;
    if (this.#knowledge === 'current' && !this.#isDraining) return;
    const successor = this.#successor();
    // Better an office that leaves soon than none.
    if (successor === undefined) return;
    // Who has not heard yet what it was given would have to wait for it as for the grant of a stranger.
    if (!this.#coordinator.isSettled) return;
    const isDrained = this.#isDraining && this.#member.isClear;
    if (isDrained || rankOf(successor.knowledge) > rankOf(this.#knowledge)) {
      this.#voter.stepDown(nowMs, successor.name);
    }
  }

  get #canHandOver(): boolean {
    return this.#coordinator !== undefined && this.#successor() !== undefined;
  }

  /** The voter to follow us: of those that know most the one heard most recently. */
  #successor(): { readonly name: string; readonly knowledge: Knowledge } | undefined {
    let best: { readonly name: string; readonly knowledge: Knowledge; readonly heardMs: number } | undefined;
    for (const name of this.#electorate.voters) {
      const member = this.#coordinator?.members.get(name);
      if (name === this.#options.id.name || member?.condition !== 'ready' || member.state !== 'up') continue;
      const { knowledge, heardMs } = member;
      const difference = best === undefined ? 1 : rankOf(knowledge) - rankOf(best.knowledge);
      if (difference > 0 || (difference === 0 && heardMs > (best?.heardMs ?? 0)))
        best = { name, knowledge, heardMs };
    }
    return best;
  }

  #send(to: string, toInstance: string, body: Body): void {
    const { id, groupId } = this.#options;
    const message: Message = {
      groupId,
      epoch: this.#electorate.config.epoch,
      term: this.#voter.term,
      from: id,
      to,
      toInstance,
      sequence: ++this.#sequence,
      body,
    };
    if (to === id.name) this.#inner.push(message);
    else this.#messages.push(message);
  }
}

function rankOf(knowledge: Knowledge): number {
  return ['none', 'old', 'current'].indexOf(knowledge);
}

function isOf(reign: Reign | undefined, { from, term }: Message): boolean {
  return reign?.term === term && reign.coordinator.instance === from.instance;
}
