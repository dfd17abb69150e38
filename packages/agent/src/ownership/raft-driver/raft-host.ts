// SPDX-License-Identifier: Apache-2.0
import { randomInt } from 'node:crypto';
import { suspendedMs } from '../../system/libc.ts';
import type { Message } from '../raft/messages.ts';
import { RaftNode } from '../raft/node.ts';
import type { NodeEvent, NodeInput, NodeOutput } from '../raft/node-api.ts';
import { Placement } from '../raft/placement.ts';
import { timingProblem } from '../raft/timing.ts';
import { BallotFile } from './ballot-file.ts';
import { KernelView } from './kernel-view.ts';
import type { RaftCommand, RaftReport, RaftSetup, RaftStatus } from './raft-port.ts';
import { RaftTraffic } from './raft-traffic.ts';
import { RenewalWatch } from './renewal-watch.ts';

/** Datagrams taken in one turn, so that a flood does not starve the rest of the thread. */
const MAX_DATAGRAMS_PER_TURN = 256;
/** Between two words about the state, when something has happened, and at rest. */
const STATUS_MS = 100;
const IDLE_STATUS_MS = 1_000;
/** A clock that has stood still for less than this has not made anything older. */
const SUSPENSION_MS = 5;
/** The sooner of two times that may not be. */
const NEVER = Number.POSITIVE_INFINITY;
const NONE: ReadonlySet<string> = new Set();

/** What a {@link RaftHost} needs of the thread that it lives in. */
export interface HostOptions {
  readonly monotonicMs: () => number;
  readonly post: (report: RaftReport) => void;
  /** What is granted, or until when, has changed. */
  readonly onGrants: () => void;
}

/** One run of one node. */
interface Run {
  readonly setup: RaftSetup;
  readonly node: RaftNode;
  readonly traffic: RaftTraffic;
  readonly ballots: BallotFile | undefined;
  /** Why nothing can be said at the moment: the disk does not take the ballot. */
  ballotProblem: string | undefined;
  readonly renewals: RenewalWatch;
  readonly kernel: KernelView;
  readonly lastHeardMs: Map<string, number>;
  wakeAtMs: number;
  listeningSinceMs: number;
  withoutCoordinatorSinceMs: number | undefined;
  highestEpoch: number;
  highestEpochMs: number;
  /** As whoever answers was told last: it looks at each address, so not without need. */
  told: { readonly granted: ReadonlySet<string>; readonly untilMs: number };
  /** As the main thread was told last. */
  posted: ReadonlySet<string>;
  statusAtMs: number;
  isStatusDue: boolean;
}

/**
 * Drives a {@link RaftNode} in the announcing thread: its socket, its clock, and the main thread's words. Asked before each
 * frame whether this node may answer. Without a run nothing is granted.
 */
export class RaftHost {
  readonly #options: HostOptions;
  #run: Run | undefined;
  #suspendedMs = suspendedMs();

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Until when this node may answer for the address; a time in the past when it may not. */
  untilMs(address: string, nowMs: number): number {
    const node = this.#run?.node;
    return node?.mayAnswer(address, nowMs) === true ? node.grantedUntilMs : Number.NEGATIVE_INFINITY;
  }

  /** What can be read when there are messages. */
  get descriptors(): readonly number[] {
    const fd = this.#run?.traffic.descriptor;
    return fd === undefined ? [] : [fd];
  }

  /** When {@link turn} has something to do at the latest. */
  get nextAtMs(): number {
    if (this.#run === undefined) return NEVER;
    const { wakeAtMs, traffic, statusAtMs, isStatusDue } = this.#run;
    return Math.min(wakeAtMs, traffic.retryMs, statusAtMs + (isStatusDue ? STATUS_MS : IDLE_STATUS_MS));
  }

  /** The main thread has moved its counter. */
  mainAlive(): void {
    this.#step({ type: 'mainAlive' });
  }

  /** What is due, and what has arrived. */
  turn(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#noticeSuspension();
    run.traffic.keepOpen(this.#options.monotonicMs());
    run.traffic.receive(MAX_DATAGRAMS_PER_TURN, {
      message: (message) => this.#receive(run, message),
      foreign: (epoch) => this.#hearEpoch(run, epoch),
    });
    const nowMs = this.#options.monotonicMs();
    // The end of a grant is no step of its own when something else came first.
    if (nowMs >= run.wakeAtMs || this.#effective(run, nowMs).size !== run.posted.size)
      this.#step({ type: 'tick' });
    this.#postStatus(run);
  }

  handle(command: RaftCommand): void {
    switch (command.type) {
      case 'start':
        this.#start(command.setup);
        break;
      case 'stop':
        this.#stop();
        break;
      case 'keys':
        this.#run?.traffic.setKeys(command.keys);
        break;
      case 'endpoints':
        this.#run?.traffic.setEndpoints(command.endpoints);
        this.#step({ type: 'peers', names: [...command.endpoints.keys()] });
        break;
      case 'onNode':
        this.#run?.kernel.reported(command.addresses, command.version);
        this.#step({ type: 'onNode', addresses: this.#run?.kernel.addresses ?? NONE });
        break;
      default:
        this.#step(command);
    }
  }

  /** Ends without a word. */
  close(): void {
    this.#run?.traffic.close();
    this.#run?.ballots?.close();
    this.#run = undefined;
    this.#options.onGrants();
  }

  #start(setup: RaftSetup): void {
    this.close();
    const problem = timingProblem(setup.timing);
    if (problem !== undefined) throw new Error(`the times of the raft engine: ${problem}`);
    const ballots = setup.ballotFile === undefined ? undefined : BallotFile.open(setup.ballotFile);
    const startMs = this.#options.monotonicMs();
    const node = new RaftNode({
      id: setup.id,
      groupId: setup.groupId,
      timing: setup.timing,
      random: () => randomInt(2 ** 32) / 2 ** 32,
      createPlacement: () => new Placement(setup.placement),
      startMs,
      ...(setup.minority !== undefined && { minority: setup.minority }),
      ...(ballots !== undefined && { ballot: ballots.ballot }),
    });
    this.#run = {
      setup,
      node,
      traffic: new RaftTraffic(setup, startMs),
      ballots,
      ballotProblem: undefined,
      renewals: new RenewalWatch(setup.timing.renewMs, setup.timing.grantMs),
      kernel: new KernelView(),
      lastHeardMs: new Map(),
      wakeAtMs: startMs,
      listeningSinceMs: startMs,
      withoutCoordinatorSinceMs: startMs,
      highestEpoch: 0,
      highestEpochMs: startMs,
      told: { granted: NONE, untilMs: Number.NEGATIVE_INFINITY },
      posted: NONE,
      statusAtMs: Number.NEGATIVE_INFINITY,
      isStatusDue: true,
    };
  }

  #stop(): void {
    this.#step({ type: 'stop' });
    this.close();
    this.#options.post({ type: 'stopped' });
  }

  #receive(run: Run, message: Message): void {
    const nowMs = this.#options.monotonicMs();
    run.lastHeardMs.set(message.from.name, nowMs);
    this.#hearEpoch(run, message.epoch);
    run.renewals.received(message, nowMs);
    this.#step({ type: 'message', message });
  }

  #hearEpoch(run: Run, epoch: number): void {
    if (epoch < run.highestEpoch) return;
    run.highestEpoch = epoch;
    run.highestEpochMs = this.#options.monotonicMs();
  }

  #noticeSuspension(): void {
    const ms = suspendedMs();
    if (ms - this.#suspendedMs > SUSPENSION_MS) this.#step({ type: 'timeLost' });
    this.#suspendedMs = Math.max(this.#suspendedMs, ms);
  }

  #step(input: NodeInput): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#follow(run, run.node.step(this.#options.monotonicMs(), input));
    const nowMs = this.#options.monotonicMs();
    const granted = this.#effective(run, nowMs);
    if (granted === run.posted) return;
    const isNews = granted.size > 0 || run.posted.size > 0;
    const lapsed = granted.size === 0 && run.node.granted.size > 0;
    run.posted = granted;
    // The end of a grant by time, too.
    this.#options.onGrants();
    if (isNews) {
      const version = run.kernel.granted(granted);
      this.#options.post({ type: 'granted', grants: { version, addresses: granted, lapsed } });
    }
    // Also when nothing is to be done: what was granted and is refused counts as on the node until it hears otherwise.
    this.#follow(run, run.node.step(nowMs, { type: 'onNode', addresses: run.kernel.addresses }));
  }

  /** What may be answered for at this moment. The same set as long as nothing changes. */
  #effective({ node }: Run, nowMs: number): ReadonlySet<string> {
    return nowMs < node.grantedUntilMs ? node.granted : NONE;
  }

  #follow(run: Run, { messages, events, wakeAtMs }: NodeOutput): void {
    run.wakeAtMs = wakeAtMs;
    // What is not said counts as lost on the way: the protocol asks again, and so does this.
    const isKept = messages.length === 0 || this.#keepBallot(run);
    for (const message of isKept ? messages : []) {
      run.renewals.sent(message, this.#options.monotonicMs());
      run.traffic.send(message);
    }
    for (const event of events) this.#tell(run, event);
    const { granted, grantedUntilMs } = run.node;
    if (granted === run.told.granted && grantedUntilMs === run.told.untilMs) return;
    run.told = { granted, untilMs: grantedUntilMs };
    this.#options.onGrants();
  }

  /** Raft's rule: a vote is on disk before anybody hears of it. */
  #keepBallot(run: Run): boolean {
    try {
      run.ballots?.write(run.node.ballot);
      run.ballotProblem = undefined;
      return true;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      run.ballotProblem = `the vote cannot be written to ${run.setup.ballotFile}: ${words}`;
      run.isStatusDue = true;
      return false;
    }
  }

  #tell(run: Run, event: NodeEvent): void {
    const atMs = this.#options.monotonicMs();
    if (event.type === 'reignBegan') run.listeningSinceMs = atMs;
    run.isStatusDue = true;
    this.#options.post({ type: 'event', event, atMs });
  }

  #postStatus(run: Run): void {
    const nowMs = this.#options.monotonicMs();
    const status = run.node.status(nowMs);
    const { grantMs } = run.setup.timing;
    const isLed =
      (status.rightUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs ||
      (status.reign !== undefined && nowMs - status.heardMs < grantMs);
    if (isLed === (run.withoutCoordinatorSinceMs !== undefined)) {
      run.withoutCoordinatorSinceMs = isLed ? undefined : nowMs;
      run.isStatusDue = true;
    }
    if (nowMs < run.statusAtMs + (run.isStatusDue ? STATUS_MS : IDLE_STATUS_MS)) return;
    run.statusAtMs = nowMs;
    run.isStatusDue = false;
    this.#options.post({ type: 'status', status: this.#statusOf(run, nowMs) });
  }

  #statusOf(run: Run, nowMs: number): RaftStatus {
    const { setup, node, traffic, renewals, lastHeardMs } = run;
    return {
      ...node.status(nowMs),
      id: setup.id,
      groupId: setup.groupId,
      atMs: nowMs,
      grantedUntilMs: node.grantedUntilMs,
      lastHeardMs,
      withoutCoordinatorSinceMs: run.withoutCoordinatorSinceMs,
      listeningSinceMs: run.listeningSinceMs,
      highestEpoch: run.highestEpoch,
      highestEpochMs: run.highestEpochMs,
      traffic: { ...traffic.counts, renewalsLate: renewals.late, renewalsLost: renewals.lost },
      problem: traffic.problem ?? run.ballotProblem,
    };
  }
}
