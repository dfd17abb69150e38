// SPDX-License-Identifier: Apache-2.0
import type { GroupReading } from './group-lease.ts';
import { proposeState } from './group-proposal.ts';
import { type GroupEngine, type GroupRecord, type GroupState, sameEpoch } from './group-record.ts';
import { refusalOfReform } from './group-reform.ts';
import type {
  GroupKnowledge,
  GroupPolicy,
  OwnEntry,
  ProposalInput,
  ProposalReason,
} from './group-situation.ts';
import { NamesakeWatch } from './namesake.ts';

/** What to do with the API now. */
export type GroupAction =
  /** Ask it, past every cache, and call `read`. */
  | { readonly kind: 'read' }
  /** Write this over exactly the version (undefined: create), and call `written` or `read`. */
  | {
      readonly kind: 'write';
      readonly state: GroupState;
      readonly over: string | undefined;
      readonly reasons: readonly ProposalReason[];
    };

/** What follows for this agent. */
export interface GroupStanding {
  /** What it follows; undefined: it knows of no group. */
  readonly record: GroupRecord | undefined;
  /** The engine it may run now; undefined: none. */
  readonly engine: GroupEngine | undefined;
  /**
   * The group is about to change to `raft`: a node may already run, with nothing to own. It votes for nobody and grants
   * nothing, as there are no voters, but it finds out whom it can talk to, and has done its waiting when they are chosen.
   */
  readonly mayWarmUp?: boolean;
  /** Members whose confirmation a change of the engine waits for. */
  readonly waitingFor: readonly string[];
  /** Why the record in the API is not followed. */
  readonly problem: string | undefined;
}

/** What a {@link GroupKeeper} needs. */
export interface GroupKeeperOptions {
  readonly self: { readonly name: string; readonly instance: string };
  readonly policy: GroupPolicy;
  /** Id for a group, should one have to be made: 32 random hex digits. */
  readonly newGroupId: string;
  readonly startMs: number;
}

/** An order of the operator that cannot be carried out is dropped: what it was given for may have passed. */
const ORDER_MS = 30_000;

/** An uncached answer is good for one decision, and not for long. */
const FRESH_MS = 1_000;

/**
 * One agent's view of the group record (rule 4): which record it follows, and what it wants to write. Pure: time is passed
 * in, and the caller talks to the API.
 *
 * What a watch tells is good enough for following, because records are followed upwards only; before a write comes an
 * uncached read, and the write is a compare-and-swap on it.
 */
export class GroupKeeper {
  readonly #options: GroupKeeperOptions;
  #followed: GroupState | undefined;
  #current: GroupReading | undefined;
  #currentSinceMs = 0;
  #epochSinceMs = 0;
  #readMs = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #triedEpoch = 0;
  #reform: { readonly voters: readonly string[]; sinceMs: number | undefined } | undefined;
  #reformRefusal: string | undefined;
  readonly #namesake: NamesakeWatch;
  /** The living agent with our name for which we give way. */
  #stranger: string | undefined;
  /** Last time that something was heard of the group that is followed. */
  #aliveMs: number;

  constructor(options: GroupKeeperOptions) {
    this.#options = options;
    this.#namesake = new NamesakeWatch(options.self.instance);
    this.#aliveMs = options.startMs;
  }

  /** What a watch has shown. It may be late, but not wrong. */
  observe(reading: GroupReading, nowMs: number): void {
    this.#take(reading, nowMs);
  }

  /** What an uncached read has shown. */
  read(reading: GroupReading, nowMs: number): void {
    this.#take(reading, nowMs);
    this.#watchName(nowMs);
    this.#readMs = nowMs;
  }

  /** A write was accepted, and the object has this version now. */
  written(state: GroupState, version: string, nowMs: number): void {
    this.#readMs = Number.NEGATIVE_INFINITY;
    this.#reform = undefined;
    this.#take({ kind: 'found', state, version }, nowMs, true);
    this.#watchName(nowMs);
  }

  /** A write was refused, or nobody knows what became of it: look again before the next. */
  failed(): void {
    this.#readMs = Number.NEGATIVE_INFINITY;
  }

  /** The operator wants these voters, whatever there was before. Holds until it is written, or for half a minute. */
  reform(voters: readonly string[]): void {
    this.#reform = { voters, sinceMs: undefined };
    this.#reformRefusal = undefined;
  }

  /** The order to reform is not there any more, or has been carried out. */
  cancelReform(): void {
    this.#reform = undefined;
  }

  /** What stands in the way of the order to reform, or stood there when it was dropped; undefined: nothing, or no order. */
  get reformRefusal(): string | undefined {
    return this.#reformRefusal;
  }

  /** A coordinator or a voter of the group that is followed was heard, or is this agent itself. */
  alive(nowMs: number): void {
    this.#aliveMs = nowMs;
  }

  /** What to do now; undefined: nothing. Call again after anything was told, and every second or so. */
  next(own: OwnEntry, known: GroupKnowledge, nowMs: number): GroupAction | undefined {
    if (this.#current === undefined) return { kind: 'read' };
    const { self, policy, newGroupId, startMs } = this.#options;
    if (known.isCoordinator) this.#aliveMs = nowMs;
    this.#reconsider(this.#current, nowMs);
    this.#stranger = this.#namesake.stranger(nowMs);
    if (this.#stranger !== undefined) return undefined;
    const input: ProposalInput = {
      nowMs,
      startMs,
      self,
      own,
      policy,
      known,
      current: this.#current,
      currentSinceMs: this.#currentSinceMs,
      epochSinceMs: this.#epochSinceMs,
      followed: this.#followed,
      triedEpoch: this.#triedEpoch,
      newGroupId,
      reform: this.#reform?.voters,
    };
    this.#watchReform(input);
    const proposal = proposeState(input);
    if (proposal === undefined) return undefined;
    if (nowMs > this.#readMs + FRESH_MS) return { kind: 'read' };
    this.#triedEpoch = Math.max(this.#triedEpoch, proposal.state.record.epoch);
    const over = this.#current.kind === 'absent' ? undefined : this.#current.version;
    return { kind: 'write', state: proposal.state, over, reasons: proposal.reasons };
  }

  /** The state that is followed, with its members. */
  get followed(): GroupState | undefined {
    return this.#followed;
  }

  /**
   * Which engine may run here. None while one is being stopped, and the `lease` engine not before this instance is
   * entered: nobody could know that there is something to stop.
   */
  standing(): GroupStanding {
    const state = this.#followed;
    if (state === undefined)
      return { record: undefined, engine: undefined, waitingFor: [], problem: this.#problem };
    const { record, members } = state;
    const { self } = this.#options;
    if (this.#stranger !== undefined) {
      const problem =
        `another agent runs under the name ${self.name} (instance ${this.#stranger}), so this one does nothing: ` +
        'give each its own vip_nodename and restart this one';
      return { record, engine: undefined, waitingFor: [], problem };
    }
    const isEntered = members.get(self.name)?.instance === self.instance;
    const isStopping = record.switching?.stage === 'stop';
    const mayRun = !isStopping && (record.engine === 'raft' || isEntered);
    const mayWarmUp = record.engine === 'lease' && record.switching?.to === 'raft';
    const waitingFor =
      record.switching === undefined
        ? []
        : [...members].filter(([, member]) => member.confirmed !== record.epoch).map(([name]) => name);
    return {
      record,
      engine: mayRun ? record.engine : undefined,
      mayWarmUp,
      waitingFor,
      problem: this.#problem,
    };
  }

  #watchReform(input: ProposalInput): void {
    const order = this.#reform;
    if (order === undefined) return;
    order.sinceMs ??= input.nowMs;
    this.#reformRefusal = refusalOfReform(input, order.voters);
    if (this.#reformRefusal !== undefined && input.nowMs >= order.sinceMs + ORDER_MS)
      this.#reform = undefined;
  }

  #take(reading: GroupReading, nowMs: number, isOwn = false): void {
    if (!sameReading(this.#current, reading)) {
      if (epochOf(this.#current) !== epochOf(reading)) this.#epochSinceMs = nowMs;
      this.#currentSinceMs = nowMs;
    }
    this.#current = reading;
    if (isOwn && reading.kind === 'found') {
      this.#followed = reading.state;
    } else this.#reconsider(reading, nowMs);
  }

  /** Follows what the API has, if that is lawful. */
  #reconsider(reading: GroupReading, nowMs: number): void {
    if (reading.kind !== 'found') {
      this.#problem = reading.kind === 'absent' ? undefined : reading.problem;
      return;
    }
    this.#problem = this.#objection(reading.state.record, nowMs);
    if (this.#problem !== undefined) return;
    const before = this.#followed?.record;
    const { record, members } = reading.state;
    const wasActive = before !== undefined && before.previous === undefined && sameEpoch(before, record);
    this.#followed = wasActive ? { record: before, members } : reading.state;
  }

  /** Only what uncached reads and writes have shown comes in the order in which it happened. */
  #watchName(nowMs: number): void {
    this.#namesake.observe(this.#followed?.members.get(this.#options.self.name)?.instance, nowMs);
    this.#stranger = this.#namesake.stranger(nowMs);
  }

  #objection(record: GroupRecord, nowMs: number): string | undefined {
    const followed = this.#followed?.record;
    if (followed === undefined) return undefined;
    if (sameEpoch(followed, record)) return undefined;
    const isForeign = record.groupId !== followed.groupId;
    // Like a restart: whoever has been alone for so long holds nothing, and has nobody to hold against the others.
    if (isForeign && nowMs >= this.#aliveMs + this.#options.policy.abandonMs) return undefined;
    if (record.epoch <= followed.epoch) {
      return `epoch ${record.epoch} by ${record.writer} after ${followed.epoch} by ${followed.writer}`;
    }
    // Where there are voters, a group does not end because somebody has written another.
    return isForeign && followed.voters.length > 0
      ? `the record is of group ${record.groupId}; this agent follows ${followed.groupId}, which is alive`
      : undefined;
  }
}

function epochOf(reading: GroupReading | undefined): string {
  if (reading?.kind !== 'found') return reading?.kind ?? '';
  const { groupId, epoch, writer } = reading.state.record;
  return `${groupId} ${epoch} ${writer}`;
}

function sameReading(a: GroupReading | undefined, b: GroupReading): boolean {
  if (a === undefined || a.kind === 'absent' || b.kind === 'absent') return a?.kind === b.kind;
  return a.kind === b.kind && a.version === b.version;
}
