// SPDX-License-Identifier: Apache-2.0
import type { LeaseTiming } from './lease-timing.ts';

/** What the client says; the dialects of DHCPv4 and DHCPv6 put it into their words. */
export type ClientMessage =
  /** Who has an address, best this one? DISCOVER, Solicit. */
  | { readonly kind: 'solicit'; readonly wanted: string | undefined }
  /** I take this offer. REQUEST, Request. */
  | { readonly kind: 'request'; readonly address: string; readonly server: string }
  /** I had this address, may I go on? REQUEST of INIT-REBOOT, Rebind. */
  | { readonly kind: 'reboot'; readonly address: string }
  /** To the server that gave the lease. */
  | { readonly kind: 'renew'; readonly address: string; readonly server: string }
  /** To any server. */
  | { readonly kind: 'rebind'; readonly address: string }
  /** Somebody else has it. */
  | { readonly kind: 'decline'; readonly address: string; readonly server: string }
  | { readonly kind: 'release'; readonly address: string; readonly server: string };

/** Something to do. */
export type LeaseAction =
  | {
      readonly kind: 'send';
      readonly message: ClientMessage;
      /** Transaction id: 24 bits, which is what DHCPv6 has room for. */
      readonly xid: number;
      /** Time since the exchange began. */
      readonly elapsedMs: number;
    }
  /** Ask the link whether anybody has the address. */
  | { readonly kind: 'probe'; readonly address: string };

/** An offer or a lease. */
export interface GrantMessage {
  readonly kind: 'offer' | 'ack';
  readonly xid: number;
  readonly address: string;
  readonly server: string;
  /** Infinity: for ever. */
  readonly durationMs: number;
  /** T1 and T2 as far as the server set them. */
  readonly renewAfterMs: number | undefined;
  readonly rebindAfterMs: number | undefined;
}

/** What a server said to us, whatever the version. */
export type ServerMessage =
  | GrantMessage
  | { readonly kind: 'nak'; readonly xid: number; readonly server: string; readonly reason: string };

/** A lease that a server gave, by the local monotonic clock. */
export interface MachineLease {
  readonly address: string;
  readonly server: string;
  readonly durationMs: number;
  readonly renewAtMs: number;
  readonly rebindAtMs: number;
  readonly untilMs: number;
}

/** An address from before: what an earlier owner left, or only a wish. */
export interface EarlierLease {
  readonly address: string;
  readonly server: string;
  readonly durationMs: number;
  /** How long it still runs; 0 or less: it has ended, and the address is only asked for. */
  readonly leftMs: number;
}

/** States of RFC 2131 figure 5, and the check for conflicts between REQUESTING and BOUND. */
export type LeaseState =
  | 'off'
  | 'selecting'
  | 'requesting'
  | 'probing'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'rebooting'
  /** The address was declined; RFC 2131 asks for a pause. */
  | 'paused';

/** What a machine depends on besides time. */
export interface LeaseMachineOptions {
  readonly timing: LeaseTiming;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** DHCPv6 asks for a new transaction id when an offer is taken; DHCPv4 wants that of the offer. */
  readonly newXidForRequest: boolean;
}

/**
 * The client of RFC 2131 and RFC 8415 for one address, without their formats: time, chance and messages come in, actions
 * come out. The rule above all: {@link LeaseMachine.lease} never tells of an address whose lease has ended, and the lease
 * counts from when it was asked for.
 */
export class LeaseMachine {
  readonly #options: LeaseMachineOptions;
  #state: LeaseState = 'off';
  #lease: MachineLease | undefined;
  #wanted: string | undefined;
  #offer: GrantMessage | undefined;
  /** Taken but not yet checked for conflicts. */
  #candidate: MachineLease | undefined;
  #message: ClientMessage | undefined;
  #xid = 0;
  /** When the exchange began, and when the message of the present transaction id was first sent. */
  #exchangeFromMs = 0;
  #sentFromMs = 0;
  #sent = 0;
  /** When something is to be done next, whatever the lease says. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** Attempts to get an answer that failed since there was one. */
  #unanswered = 0;
  #refusal: string | undefined;

  constructor(options: LeaseMachineOptions) {
    this.#options = options;
  }

  get state(): LeaseState {
    return this.#state;
  }

  /** Messages since the last useful answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** What a server refused, or who has the address that it gave; undefined once there is a lease. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Whether an answer or a conflict may come in: somebody has to listen. */
  get isListening(): boolean {
    return this.#state !== 'off' && this.#state !== 'bound' && this.#state !== 'paused';
  }

  /** The lease that may be used at this moment. */
  lease(nowMs: number): MachineLease | undefined {
    return this.#lease !== undefined && this.#lease.untilMs > nowMs ? this.#lease : undefined;
  }

  /** When {@link tick} has something to do; Infinity when never. */
  get nextAtMs(): number {
    if (this.#state === 'off') return Number.POSITIVE_INFINITY;
    const lease = this.#lease;
    if (lease === undefined) return this.#dueMs;
    const turnMs =
      this.#state === 'bound'
        ? lease.renewAtMs
        : this.#state === 'renewing'
          ? lease.rebindAtMs
          : lease.untilMs;
    return Math.min(this.#dueMs, turnMs, lease.untilMs);
  }

  /** Begins: with an earlier lease that still runs the address may be used at once, and is confirmed meanwhile. */
  start(nowMs: number, earlier?: EarlierLease): readonly LeaseAction[] {
    this.#wanted = earlier?.address;
    if (earlier === undefined || earlier.leftMs <= 0) return this.#solicit(nowMs);
    const { address, server, durationMs } = earlier;
    // Clocks of two nodes differ; no difference makes a lease longer than it was when given.
    const untilMs = nowMs + Math.min(earlier.leftMs, durationMs);
    this.#lease = { address, server, durationMs, renewAtMs: nowMs, rebindAtMs: untilMs, untilMs };
    return this.#begin('rebooting', { kind: 'reboot', address }, nowMs);
  }

  /** A message of a server, already known to be for this client. */
  receive(message: ServerMessage, nowMs: number): readonly LeaseAction[] {
    if (this.#expire(nowMs)) return this.#solicit(nowMs);
    if (message.xid !== this.#xid || !this.isListening) return [];
    if (message.kind === 'nak') return this.#refused(message.reason, message.server, nowMs);
    if (message.kind === 'offer') return this.#offered(message, nowMs);
    return this.#acknowledged(message, nowMs);
  }

  /** Somebody else was heard to have an address. */
  conflict(address: string, who: string, nowMs: number): readonly LeaseAction[] {
    const candidate = this.#candidate;
    if (this.#state !== 'probing' || candidate?.address !== address) return [];
    this.#refusal = `${who} already has ${address}, which server ${candidate.server} gave`;
    this.#unanswered += 1;
    this.#candidate = undefined;
    this.#wanted = undefined;
    this.#state = 'paused';
    this.#dueMs = nowMs + this.#options.timing.declinePauseMs;
    this.#newExchange(nowMs);
    return [this.#send({ kind: 'decline', address, server: candidate.server }, nowMs)];
  }

  /** Does what is due. */
  tick(nowMs: number): readonly LeaseAction[] {
    if (this.#state === 'off') return [];
    if (this.#expire(nowMs)) return this.#solicit(nowMs);
    const lease = this.#lease;
    if (lease !== undefined) {
      const { address, server } = lease;
      if (this.#state === 'bound' && nowMs >= lease.renewAtMs) {
        return nowMs >= lease.rebindAtMs
          ? this.#begin('rebinding', { kind: 'rebind', address }, nowMs)
          : this.#begin('renewing', { kind: 'renew', address, server }, nowMs);
      }
      if (this.#state === 'renewing' && nowMs >= lease.rebindAtMs) {
        return this.#begin('rebinding', { kind: 'rebind', address }, nowMs);
      }
    }
    return nowMs >= this.#dueMs ? this.#again(nowMs) : [];
  }

  /** Gives the address back, or stops asking for one. */
  release(nowMs: number): readonly LeaseAction[] {
    const lease = this.lease(nowMs) ?? this.#candidate;
    this.stop();
    if (lease === undefined) return [];
    this.#newExchange(nowMs);
    return [this.#send({ kind: 'release', address: lease.address, server: lease.server }, nowMs)];
  }

  /** Forgets everything without a word. */
  stop(): void {
    this.#state = 'off';
    this.#lease = undefined;
    this.#candidate = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** Whether a lease has just ended. */
  #expire(nowMs: number): boolean {
    if (this.#lease === undefined || this.#lease.untilMs > nowMs) return false;
    this.#wanted = this.#lease.address;
    this.#refusal = `the lease for ${this.#lease.address} ended before server ${this.#lease.server} renewed it`;
    this.#lease = undefined;
    return this.#state !== 'probing';
  }

  #solicit(nowMs: number): readonly LeaseAction[] {
    this.#offer = undefined;
    return this.#begin('selecting', { kind: 'solicit', wanted: this.#wanted }, nowMs);
  }

  #begin(state: LeaseState, message: ClientMessage, nowMs: number): readonly LeaseAction[] {
    this.#state = state;
    this.#message = message;
    const isAnswer = state === 'requesting' && !this.#options.newXidForRequest;
    if (!isAnswer) this.#newExchange(nowMs);
    this.#sent = 0;
    this.#sentFromMs = nowMs;
    return this.#transmit(nowMs);
  }

  /** Sends the message of the present state, and plans when to send it again. */
  #transmit(nowMs: number): readonly LeaseAction[] {
    const message = this.#message;
    if (message === undefined) return [];
    this.#sent += 1;
    this.#dueMs = nowMs + this.#pauseMs(nowMs);
    return [this.#send(message, nowMs)];
  }

  #send(message: ClientMessage, nowMs: number): LeaseAction {
    return { kind: 'send', message, xid: this.#xid, elapsedMs: nowMs - this.#exchangeFromMs };
  }

  #newExchange(nowMs: number): void {
    this.#exchangeFromMs = nowMs;
    this.#newXid();
  }

  #newXid(): void {
    this.#xid = Math.floor(this.#options.random() * 0x100_0000);
  }

  /** Doubling pauses with jitter; while a lease is being renewed, a part of the time that is left (RFC 2131, 4.4.5). */
  #pauseMs(nowMs: number): number {
    const { timing, random } = this.#options;
    const jitter = 1 + (random() * 2 - 1) * timing.jitter;
    const lease = this.#lease;
    if (lease !== undefined && (this.#state === 'renewing' || this.#state === 'rebinding')) {
      const endMs = this.#state === 'renewing' ? lease.rebindAtMs : lease.untilMs;
      const shortestMs = Math.min(timing.renewPauseMs, Math.max(timing.firstPauseMs, lease.durationMs / 10));
      return Math.max(shortestMs, (endMs - nowMs) / 2) * jitter;
    }
    return Math.min(timing.longestPauseMs, timing.firstPauseMs * 2 ** Math.min(this.#sent - 1, 30)) * jitter;
  }

  /** What follows when nobody answered, when offers have been waited for, and when a check or a pause is over. */
  #again(nowMs: number): readonly LeaseAction[] {
    switch (this.#state) {
      case 'probing':
        return this.#probe(nowMs);
      case 'paused':
        return this.#solicit(nowMs);
      case 'selecting':
        if (this.#offer !== undefined) return this.#take(this.#offer, nowMs);
        break;
      case 'requesting':
        if (this.#sent >= this.#options.timing.requestAttempts) {
          this.#unanswered += 1;
          return this.#solicit(nowMs);
        }
        break;
      case 'renewing':
      case 'rebinding':
      case 'rebooting':
        // Each of these messages gets its own id, so that an answer tells when its lease began.
        this.#newXid();
        this.#sentFromMs = nowMs;
    }
    this.#unanswered += 1;
    return this.#transmit(nowMs);
  }

  #offered(offer: GrantMessage, nowMs: number): readonly LeaseAction[] {
    if (this.#state !== 'selecting') return [];
    if (this.#wanted === undefined || offer.address === this.#wanted) return this.#take(offer, nowMs);
    // Another server may have the address that we would rather have.
    if (this.#offer === undefined) {
      this.#offer = offer;
      this.#dueMs = nowMs + this.#options.timing.offerWaitMs;
    }
    return [];
  }

  #take({ address, server }: GrantMessage, nowMs: number): readonly LeaseAction[] {
    return this.#begin('requesting', { kind: 'request', address, server }, nowMs);
  }

  #acknowledged(ack: GrantMessage, nowMs: number): readonly LeaseAction[] {
    if (this.#state === 'selecting' || this.#state === 'probing') return [];
    const lease = this.#leaseOf(ack);
    // It came so late, or is so short, that it is over.
    if (lease.untilMs <= nowMs) return [];
    this.#unanswered = 0;
    if (this.#lease?.address === lease.address) {
      this.#bind(lease);
      return [];
    }
    // A new address is used only when nobody else is heard to have it; an old one has lost its lease with this answer.
    this.#lease = undefined;
    this.#candidate = lease;
    this.#state = 'probing';
    this.#sent = 0;
    return this.#probe(nowMs);
  }

  #leaseOf(ack: GrantMessage): MachineLease {
    const limitMs = this.#options.timing.leaseLimitMs;
    const durationMs = Math.min(ack.durationMs, limitMs);
    // What the server says about T1 and T2 counts only while it makes sense (RFC 8415, 21.4).
    const isShortened = durationMs < ack.durationMs;
    const rebindMs = sensible(isShortened ? undefined : ack.rebindAfterMs, durationMs, durationMs * 0.875);
    const renewMs = sensible(
      isShortened ? undefined : ack.renewAfterMs,
      rebindMs,
      Math.min(rebindMs, durationMs / 2),
    );
    return {
      address: ack.address,
      server: ack.server,
      durationMs,
      renewAtMs: this.#sentFromMs + renewMs,
      rebindAtMs: this.#sentFromMs + rebindMs,
      untilMs: this.#sentFromMs + durationMs,
    };
  }

  #probe(nowMs: number): readonly LeaseAction[] {
    const { probes, probeIntervalMs } = this.#options.timing;
    const candidate = this.#candidate;
    if (candidate === undefined) return this.#solicit(nowMs);
    if (this.#sent >= probes) {
      this.#candidate = undefined;
      this.#bind(candidate);
      return [];
    }
    this.#sent += 1;
    this.#dueMs = nowMs + probeIntervalMs;
    return [{ kind: 'probe', address: candidate.address }];
  }

  #bind(lease: MachineLease): void {
    this.#lease = lease;
    this.#wanted = lease.address;
    this.#state = 'bound';
    this.#refusal = undefined;
    this.#unanswered = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #refused(reason: string, server: string, nowMs: number): readonly LeaseAction[] {
    // A server that has nothing to offer does not speak for the others.
    if (this.#state === 'selecting') {
      this.#refusal = `server ${server} refused: ${reason}`;
      return [];
    }
    if (this.#state === 'probing') return [];
    this.#refusal = `server ${server} refused: ${reason}`;
    this.#unanswered += 1;
    this.#lease = undefined;
    // Asking at once again after each refusal could go round and round without a pause.
    if (this.#state !== 'requesting') return this.#solicit(nowMs);
    this.#wanted = undefined;
    this.#state = 'paused';
    this.#dueMs = nowMs + this.#options.timing.firstPauseMs;
    return [];
  }
}

/** A time that the server set, when it is positive and not beyond its limit. */
function sensible(givenMs: number | undefined, limitMs: number, defaultMs: number): number {
  return givenMs !== undefined && givenMs > 0 && givenMs <= limitMs ? givenMs : defaultMs;
}
