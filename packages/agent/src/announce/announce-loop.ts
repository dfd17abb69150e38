// SPDX-License-Identifier: Apache-2.0
import { networkInterfaces } from 'node:os';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { UNTIL_WITHDRAWN } from '../ownership/engine.ts';
import { RaftHost } from '../ownership/raft-driver/raft-host.ts';
import { clearEvent, pollReadable, SystemCallError } from '../system/libc.ts';
import { NetlinkWatch } from '../system/netlink-watch.ts';
import type { Grant } from './grant.ts';
import { LinkPort } from './link-port.ts';
import { MainWatch } from './main-watch.ts';

import type { NeighbourMessage } from './neighbour-protocol.ts';
import { Responder, type Transmission } from './responder.ts';
import { StatsBook } from './stats-book.ts';
import type { AddressProblem, FromWorker, ToWorker, WorkerSetup } from './worker-protocol.ts';

const { monotonicMs } = systemClock;

/** Longest wait in one turn: bounds how late a stalled main thread or a changed link is noticed. */
const MAX_WAIT_MS = 200;
/** How often links are looked at again and counters reported. */
const UPKEEP_INTERVAL_MS = 1000;
/** Frames taken from one socket in one turn, so that a flood on one link does not starve the rest. */
const MAX_FRAMES_PER_TURN = 64;

/**
 * The thread's body: waits for frames, messages and deadlines with one poll, and asks the responder what to do.
 * Thin on purpose; every decision is in {@link Responder}, {@link MainWatch} and the neighbour protocols.
 */
export class AnnounceLoop {
  readonly #setup: WorkerSetup;
  readonly #post: (message: FromWorker) => void;
  readonly #beat: Int32Array;
  readonly #responder: Responder;
  readonly #watch: MainWatch;
  readonly #stats = new StatsBook();
  readonly #ports = new Map<string, LinkPort>();
  readonly #links = NetlinkWatch.ofLinks();
  readonly #raft: RaftHost;
  /** Held addresses whose deadline the raft node knows. */
  readonly #raftHeld = new Map<string, Grant>();
  /** Deadlines of these may have changed. */
  #areRaftGrantsDue = false;
  #lastBeat = 0;
  #openDescriptors = '';
  #ownMacs: ReadonlySet<string> = new Set();
  #upkeepAtMs = 0;
  /** Link -> what is wrong with it, as last reported. */
  readonly #troubles = new Map<string, string | undefined>();

  constructor(setup: WorkerSetup, post: (message: FromWorker) => void) {
    this.#setup = setup;
    this.#post = post;
    this.#beat = new Int32Array(setup.beat);
    this.#responder = new Responder(setup.timing);
    this.#watch = new MainWatch(Atomics.load(this.#beat, 0), monotonicMs());
    this.#raft = new RaftHost({
      monotonicMs,
      post: (report) => this.#post({ type: 'raft', report }),
      onGrants: () => {
        this.#areRaftGrantsDue = true;
      },
    });
  }

  /** Handles one message of the main thread. */
  handle(message: ToWorker): 'continue' | 'stop' {
    switch (message.type) {
      case 'hold':
        this.#post({ type: 'done', id: message.id, problems: this.#hold(message.grants) });
        return 'continue';
      case 'deadlines':
        this.#responder.setDeadlines(
          message.grants.filter(({ untilMs }) => untilMs !== UNTIL_WITHDRAWN),
          monotonicMs(),
        );
        return 'continue';
      case 'raft':
        this.#raft.handle(message.command);
        this.#followRaft();
        return 'continue';
      case 'release':
        for (const address of message.addresses) this.#raftHeld.delete(address);
        this.#responder.release(message.addresses);
        for (const port of this.#ports.values()) port.forget(message.addresses);
        this.#stats.forget(message.addresses);
        this.#post({ type: 'done', id: message.id, problems: [] });
        return 'continue';
      case 'stop':
        this.#responder.releaseAll(monotonicMs());
        this.#raft.close();
        this.#links.close();
        for (const port of this.#ports.values()) port.close();
        this.#post({ type: 'counters', counters: this.#stats.snapshot() });
        this.#post({ type: 'done', id: message.id, problems: [] });
        return 'stop';
    }
  }

  /** One round: deadlines first, then what is due, then a wait for frames or a wake-up. */
  turn(): void {
    this.#checkMainThread();
    this.#raft.turn();
    this.#followRaft();
    this.#dropExpired();
    this.#sendDue();
    if (monotonicMs() >= this.#upkeepAtMs) this.#upkeep();
    const ports = [...this.#ports.values()];
    const readable = this.#wait(ports);
    if (readable.includes(this.#setup.wakeFd)) clearEvent(this.#setup.wakeFd);
    if (readable.includes(this.#links.fd) && this.#links.drain()) this.#linksChanged();
    // After a thaw the sockets hold frames from before: expired grants go first, and each answer is checked again.
    this.#checkMainThread();
    this.#raft.turn();
    this.#followRaft();
    this.#dropExpired();
    for (const port of ports) {
      if (port.descriptors().some((fd) => readable.includes(fd))) this.#receive(port);
    }
  }

  #wait(ports: readonly LinkPort[]): readonly number[] {
    const own = [this.#links.fd, ...this.#raft.descriptors, ...ports.flatMap((port) => port.descriptors())];
    const text = own.join(' ');
    if (text !== this.#openDescriptors) {
      this.#openDescriptors = text;
      this.#post({ type: 'descriptors', fds: own });
    }
    const nowMs = monotonicMs();
    const untilMs = Math.min(this.#responder.nextAtMs(nowMs), this.#raft.nextAtMs, this.#upkeepAtMs);
    // Rounded up: waking a fraction too early would spin.
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(untilMs - nowMs)));
    return pollReadable([this.#setup.wakeFd, ...own], waitMs);
  }

  /** Deadlines of the raft node, to whoever answers. What was withdrawn is silent at once; it comes off the node later. */
  #followRaft(): void {
    if (!this.#areRaftGrantsDue) return;
    this.#areRaftGrantsDue = false;
    if (this.#raftHeld.size === 0) return;
    const nowMs = monotonicMs();
    const live: Grant[] = [];
    const withdrawn: string[] = [];
    for (const [address, grant] of this.#raftHeld) {
      const untilMs = this.#raftUntilMs(grant, nowMs);
      if (untilMs > nowMs) live.push({ ...grant, untilMs });
      else withdrawn.push(address);
    }
    this.#responder.setDeadlines(live, nowMs);
    this.#responder.release(withdrawn);
    for (const address of withdrawn) this.#raftHeld.delete(address);
  }

  #linksChanged(): void {
    this.#post({ type: 'linksChanged' });
    this.#lookAtLinks();
  }

  #hold(grants: readonly Grant[]): readonly AddressProblem[] {
    const problems: AddressProblem[] = [];
    const served: Grant[] = [];
    for (const wanted of grants) {
      const grant = this.#withDeadline(wanted);
      if (grant === undefined) {
        problems.push({ address: wanted.address, problem: 'it is not granted any more', isWithdrawn: true });
        continue;
      }
      try {
        this.#portOf(grant.interface).serve(grant.address);
        served.push(grant);
        if (wanted.untilMs === UNTIL_WITHDRAWN) this.#raftHeld.set(grant.address, wanted);
        else this.#raftHeld.delete(grant.address);
      } catch (error) {
        problems.push({ address: grant.address, problem: wordsOf(error) });
      }
    }
    this.#responder.hold(served, monotonicMs());
    // The first announcement leaves before the acknowledgement does.
    this.#sendDue();
    return problems;
  }

  #withDeadline(grant: Grant): Grant | undefined {
    if (grant.untilMs !== UNTIL_WITHDRAWN) return grant;
    const nowMs = monotonicMs();
    const untilMs = this.#raftUntilMs(grant, nowMs);
    return untilMs > nowMs ? { ...grant, untilMs } : undefined;
  }

  #raftUntilMs(
    { address, ownedAs = address, notAfterMs = Number.POSITIVE_INFINITY }: Grant,
    nowMs: number,
  ): number {
    return Math.min(notAfterMs, this.#raft.untilMs(ownedAs, nowMs));
  }

  #portOf(link: string): LinkPort {
    let port = this.#ports.get(link);
    if (port === undefined) {
      port = new LinkPort(link);
      this.#ports.set(link, port);
      this.#learnOwnMacs();
    }
    return port;
  }

  #checkMainThread(): void {
    const nowMs = monotonicMs();
    const beat = Atomics.load(this.#beat, 0);
    if (beat !== this.#lastBeat) this.#raft.mainAlive();
    this.#lastBeat = beat;
    if (!this.#watch.isStalled(beat, nowMs) || this.#responder.size === 0) return;
    const addresses = this.#responder.releaseAll(nowMs);
    this.#raftHeld.clear();
    this.#stats.letGo += 1;
    this.#post({ type: 'lost', addresses, reason: 'mainStalled' });
  }

  #dropExpired(): void {
    const addresses = this.#responder.expire(monotonicMs());
    if (addresses.length > 0) this.#post({ type: 'lost', addresses, reason: 'grantExpired' });
  }

  #sendDue(): void {
    for (const transmission of this.#responder.due(monotonicMs())) this.#transmit(transmission);
  }

  #receive(port: LinkPort): void {
    try {
      port.receive(MAX_FRAMES_PER_TURN, (message) => this.#react(port, message));
    } catch (error) {
      // ENETDOWN is how a packet socket tells that the link went down; it works again when the link is back.
      if (!(error instanceof SystemCallError)) throw error;
      this.#upkeepAtMs = 0;
    }
  }

  #react(port: LinkPort, message: NeighbourMessage): void {
    const reaction = this.#responder.receive(port.link, message, this.#ownMacs, monotonicMs());
    if (reaction.answer !== undefined) this.#transmit(reaction.answer);
    if (reaction.foreignClaim !== undefined) {
      const { address, mac } = reaction.foreignClaim;
      const count = this.#stats.countClaim(address, monotonicMs());
      if (count !== undefined) this.#post({ type: 'claim', address, interface: port.link, mac, count });
    }
  }

  /** Sends the frames of one transmission; the clock is read before each of them. */
  #transmit(transmission: Transmission): void {
    const port = this.#ports.get(transmission.interface);
    if (port === undefined) return;
    for (const frame of port.framesOf(transmission)) {
      if (monotonicMs() >= transmission.notAfterMs) {
        this.#stats.framesSuppressed += 1;
        continue;
      }
      try {
        port.send(frame);
        this.#stats.countSent(transmission, monotonicMs());
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
        this.#stats.framesFailed += 1;
      }
    }
  }

  #upkeep(): void {
    this.#upkeepAtMs = monotonicMs() + UPKEEP_INTERVAL_MS;
    this.#lookAtLinks();
    this.#learnOwnMacs();
    if (this.#stats.takeChanged()) this.#post({ type: 'counters', counters: this.#stats.snapshot() });
  }

  #lookAtLinks(): void {
    for (const port of this.#ports.values()) {
      const { cameBack, problem } = port.refresh();
      if (cameBack) this.#responder.announceAgain(port.link, monotonicMs());
      if (problem === this.#troubles.get(port.link)) continue;
      this.#troubles.set(port.link, problem);
      this.#post({ type: 'link', interface: port.link, ...(problem === undefined ? {} : { problem }) });
    }
  }

  #learnOwnMacs(): void {
    const macs = new Set<string>();
    for (const entries of Object.values(networkInterfaces())) {
      for (const entry of entries ?? []) macs.add(entry.mac.toLowerCase());
    }
    // Links without any address are missing in that list.
    for (const port of this.#ports.values()) if (port.mac !== undefined) macs.add(port.mac);
    this.#ownMacs = macs;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
