// SPDX-License-Identifier: Apache-2.0
import { isConflict, isForbidden, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { isAlreadyExists } from '@fairlead/shared/kubernetes/errors.ts';
import { isOlderVersion } from '@fairlead/shared/kubernetes/object-store.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change, Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { LeaseName } from '../../config/lease-name.ts';
import type { LeaseWatch } from '../lease-engine.ts';
import { type GroupAction, GroupKeeper, type GroupStanding } from '../raft/group-keeper.ts';
import { type GroupReading, readGroupLease, writeGroupLease } from '../raft/group-lease.ts';
import type { GroupState } from '../raft/group-record.ts';
import type { GroupKnowledge, GroupPolicy, OwnEntry } from '../raft/group-situation.ts';
import type { AgentId } from '../raft/messages.ts';
import { formatReformOrder, reformOrderOf, withoutOldOrder } from './reform-order.ts';
import { type RecordRight, Refusals } from './refusals.ts';

/** What a {@link GroupDriver} needs. */
export interface GroupDriverOptions {
  readonly client: KubeClient;
  /** The Lease with the group record. */
  readonly lease: LeaseName;
  readonly self: AgentId;
  readonly policy: GroupPolicy;
  /** Id for a group, should one have to be made: 32 random hex digits. */
  readonly newGroupId: string;
  /** A watch of Leases that there is anyway; used where it covers the record. */
  readonly leases: LeaseWatch | undefined;
  /** What this agent says of itself; looked at each time. */
  readonly own: () => Omit<OwnEntry, 'isLeaving'>;
  /** What this agent knows of the others; looked at each time. */
  readonly known: () => GroupKnowledge;
  /** Is there word of the group that is followed? */
  readonly isGroupHeard: () => boolean;
  readonly clock: Clock;
  /** [0, 1). */
  readonly random: () => number;
  /** After so long a refusal by RBAC is believed. Default 30,000. */
  readonly refusalMs?: number;
  readonly logger: Logger;
}

/** Something may be due because time has passed. */
const LOOK_MS = 1_000;
/** Where Leases may not be watched. */
const POLL_MS = 5_000;
/** RBAC says no. A server that has just started says so of everything until it has read its roles. */
const REFUSAL_MS = 30_000;
/** Roles get repaired. */
const FORBIDDEN_PAUSE_MS = 60_000;
/** After a failed call. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 8_000;
/** After losing a race for the record: first wait, doubled with each loss. */
const CONFLICT_MS = 20;
const MAX_CONFLICT_MS = 500;
const CALL_LIMIT_MS = 4_000;
/** A read and a write, and once more for what follows from them. */
const MAX_STEPS = 4;

/**
 * One agent's hand on the group record in the API: a thin shell around {@link GroupKeeper}. Watches the one Lease, asks past
 * every cache before it writes, writes by compare-and-swap. No failure of the API stops it; without the API it goes on
 * with what it knows.
 */
export class GroupDriver {
  readonly #options: GroupDriverOptions;
  readonly #keeper: GroupKeeper;
  readonly #listeners = new Set<() => void>();
  /** What an uncached read or a write of ours has shown last: what is written next is based on it. */
  #object: Lease | undefined;
  #version = '';
  #reflector: Reflector<Lease> | undefined;
  #unsubscribe: (() => void) | undefined;
  #timer: Timer | undefined;
  #watchTimer: Timer | undefined;
  #isPolling = false;
  #polledMs = Number.NEGATIVE_INFINITY;
  #mustRead = false;
  #isBusy = false;
  #isAgain = false;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #conflicts = 0;
  readonly #refusals: Refusals;
  /** The order to reform that is being followed; '': none. */
  #order = '';
  #refusedOrder: string | undefined;
  #isLeaving = false;
  #isStopped = false;
  #shown = '';

  constructor(options: GroupDriverOptions) {
    this.#options = options;
    const { self, policy, newGroupId, clock, refusalMs = REFUSAL_MS } = options;
    this.#refusals = new Refusals(refusalMs);
    this.#keeper = new GroupKeeper({ self, policy, newGroupId, startMs: clock.monotonicMs() });
  }

  start(): void {
    const { leases, lease } = this.#options;
    if (leases?.covers(lease.namespace, lease.name)) this.#subscribeTo(leases.reflector);
    else void this.#watch();
    this.#look();
  }

  /** No call is begun after this. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#watchTimer?.cancel();
    this.#unsubscribe?.();
    await this.#reflector?.stop();
  }

  /** What follows for this agent. */
  standing(): GroupStanding {
    const standing = this.#keeper.standing();
    const { believed } = this.#refusals;
    if (believed === undefined) return standing;
    const { record, engine } = standing;
    // Whoever may not enter itself cannot take part in a change; with Leases alone it can do what kube-vip does. But what
    // is not known must not be Leases by guess, where others may run `raft`.
    const mayLease =
      record === undefined
        ? this.#options.policy.engine === 'lease'
        : record.engine === 'lease' && record.switching === undefined;
    return { ...standing, engine: engine ?? (mayLease ? 'lease' : undefined), problem: this.#hint(believed) };
  }

  /** The record that is followed, with its members. */
  state(): GroupState | undefined {
    return this.#keeper.followed;
  }

  /** {@link standing} or {@link state} has changed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What this agent says or knows has changed. */
  wake(): void {
    this.#kick();
  }

  /**
   * Takes this agent out of the record, for at most `limitMs`. A voter stays: others cannot know whether it comes back, and
   * it is replaced when it does not.
   */
  async leave(limitMs: number): Promise<void> {
    const { self, clock } = this.#options;
    const followed = this.#keeper.followed;
    if (followed?.record.voters.includes(self.name) !== false || this.#refusals.believed !== undefined)
      return;
    this.#isLeaving = true;
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    const isOut = () => this.#keeper.followed?.members.has(self.name) !== true;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, limitMs);
      const look = () => {
        if (!isOut()) return;
        timer.cancel();
        resolve();
      };
      this.onChange(look);
      look();
      this.#kick();
    });
  }

  async #watch(): Promise<void> {
    const { client, lease, clock, logger } = this.#options;
    const { namespace, name } = lease;
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    try {
      await client.list(LEASES, { ...selection, limit: 1, timeoutMs: CALL_LIMIT_MS });
    } catch (error) {
      if (isForbidden(error)) {
        const hint = `allow list and watch on leases in ${namespace}; until then the group record is polled`;
        if (!this.#isPolling) logger.warn({ err: error, hint }, 'the group record cannot be watched');
        this.#isPolling = true;
        this.#watchTimer = clock.setTimer(() => void this.#watch(), FORBIDDEN_PAUSE_MS);
        return this.#kick();
      }
      // The reflector goes on trying.
    }
    if (this.#isStopped) return;
    this.#isPolling = false;
    this.#reflector = createReflector<Lease>({ client, resource: LEASES, ...selection, clock, logger });
    this.#subscribeTo(this.#reflector);
    this.#reflector.start();
  }

  #subscribeTo(reflector: Reflector<Lease>): void {
    const { lease } = this.#options;
    this.#unsubscribe = reflector.subscribe((change) => {
      const { name, namespace: where } = change.object.metadata ?? {};
      if (name === lease.name && where === lease.namespace) this.#observe(change);
    });
  }

  #observe({ type, object }: Change<Lease>): void {
    const version = object.metadata?.resourceVersion ?? '';
    // Late words of a watch say nothing new; a server whose data is from a backup does, and an uncached read tells.
    if (isOlderVersion(version, this.#version)) this.#mustRead = true;
    else {
      const reading = type === 'deleted' ? readGroupLease(undefined) : readGroupLease(object);
      this.#keeper.observe(reading, this.#options.clock.monotonicMs());
      this.#heedOrder(type === 'deleted' ? undefined : object);
      this.#show();
    }
    this.#kick();
  }

  #look(): void {
    this.#timer = this.#options.clock.setTimer(() => this.#look(), LOOK_MS);
    this.#kick();
  }

  #kick(): void {
    if (this.#isStopped) return;
    if (this.#isBusy) {
      this.#isAgain = true;
      return;
    }
    this.#isBusy = true;
    void this.#turn()
      .catch((error: unknown) =>
        this.#options.logger.error({ err: error }, 'the group record: a step failed'),
      )
      .finally(() => {
        this.#isBusy = false;
        if (!this.#isAgain) return;
        this.#isAgain = false;
        this.#kick();
      });
  }

  async #turn(): Promise<void> {
    const { clock, isGroupHeard } = this.#options;
    for (let step = 0; step < MAX_STEPS && !this.#isStopped; step++) {
      const nowMs = clock.monotonicMs();
      if (isGroupHeard()) this.#keeper.alive(nowMs);
      const action = this.#next(nowMs);
      this.#show();
      this.#tellRefusal();
      if (action === undefined || nowMs < this.#pausedUntilMs) return;
      if (action.kind === 'read') await this.#read();
      else await this.#write(action);
      this.#show();
    }
  }

  #next(nowMs: number): GroupAction | undefined {
    const isPollDue = this.#isPolling && nowMs >= this.#polledMs + POLL_MS;
    if (this.#mustRead || isPollDue) return { kind: 'read' };
    const { own, known } = this.#options;
    return this.#keeper.next({ ...own(), isLeaving: this.#isLeaving }, known(), nowMs);
  }

  async #read(): Promise<void> {
    const { client, lease: ref, clock } = this.#options;
    this.#polledMs = clock.monotonicMs();
    try {
      const lease = await client
        .get(LEASES, ref, { urgent: true, timeoutMs: CALL_LIMIT_MS })
        .catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
      this.#mustRead = false;
      this.#took(lease, 'read');
      this.#keeper.read(readGroupLease(lease), clock.monotonicMs());
      this.#heedOrder(lease);
    } catch (error) {
      this.#failed(error, 'read');
    }
  }

  async #write({ state, over, reasons }: Extract<GroupAction, { kind: 'write' }>): Promise<void> {
    const { client, lease: ref, clock, logger } = this.#options;
    const options = { urgent: true, timeoutMs: CALL_LIMIT_MS } as const;
    const base = over === undefined ? undefined : this.#object;
    if (over !== undefined && base?.metadata?.resourceVersion !== over) {
      // A watch was faster than the read that this is based on.
      this.#keeper.failed();
      return;
    }
    const object = withoutOldOrder(writeGroupLease(base, ref, state), state.record.epoch);
    try {
      const written =
        base === undefined
          ? await client.create(LEASES, object, options)
          : await client.replace(LEASES, object, options);
      this.#took(written, 'write');
      const reading: GroupReading = readGroupLease(written);
      if (reading.kind !== 'found') throw new Error(`the server made of the record: ${reading.kind}`);
      const { epoch, engine, voters, switching } = reading.state.record;
      logger.info({ reasons, epoch, engine, voters, switching }, 'group record written');
      this.#conflicts = 0;
      this.#keeper.written(reading.state, reading.version, clock.monotonicMs());
    } catch (error) {
      this.#keeper.failed();
      this.#failed(error, 'write');
    }
  }

  #hint(right: RecordRight): string {
    const { namespace } = this.#options.lease;
    const verb = right === 'read' ? 'read' : 'written';
    return `the group record may not be ${verb}: allow get, create and update on leases in ${namespace}`;
  }

  #took(lease: Lease | undefined, by: RecordRight): void {
    this.#object = lease;
    this.#version = lease?.metadata?.resourceVersion ?? this.#version;
    this.#failures = 0;
    this.#refusals.allowed(by);
  }

  #failed(error: unknown, what: RecordRight): void {
    const { clock, logger, random } = this.#options;
    const nowMs = clock.monotonicMs();
    if (isConflict(error) || isAlreadyExists(error)) {
      // Somebody was faster. All agents enter at once when a cluster starts, so they have to get out of each other's way.
      const waitMs = Math.min(CONFLICT_MS * 2 ** this.#conflicts++, MAX_CONFLICT_MS);
      this.#pause(nowMs, waitMs * (0.5 + random()));
      return;
    }
    this.#keeper.failed();
    if (isForbidden(error)) {
      if (this.#refusals.refused(what, nowMs)) {
        logger.warn({ err: error, hint: this.#hint(what) }, 'no group without its record');
      }
      if (this.#refusals.believed === what) {
        this.#pausedUntilMs = nowMs + FORBIDDEN_PAUSE_MS;
        return;
      }
    }
    const waitMs = Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
    logger.debug(
      { err: error, waitMs },
      `the group record could not be ${what === 'read' ? 'read' : 'written'}`,
    );
    this.#pausedUntilMs = nowMs + waitMs * (0.5 + random());
  }

  /** Shorter than the time to the next look. */
  #pause(nowMs: number, ms: number): void {
    this.#pausedUntilMs = nowMs + ms;
    this.#options.clock.setTimer(() => this.#kick(), ms);
  }

  /** An order counts for the epoch that the operator has seen, and for those whom it names. */
  #heedOrder(lease: Lease | undefined): void {
    const { self, logger } = this.#options;
    const order = reformOrderOf(lease);
    const isOurs =
      order !== undefined &&
      order.epoch === this.#keeper.followed?.record.epoch &&
      order.voters.includes(self.name);
    const text = isOurs ? formatReformOrder(order) : '';
    if (text === this.#order) return;
    this.#order = text;
    if (isOurs) {
      logger.warn({ voters: order.voters, epoch: order.epoch }, 'ordered to reform the group');
      this.#keeper.reform(order.voters);
    } else this.#keeper.cancelReform();
  }

  #tellRefusal(): void {
    const refusal = this.#order === '' ? undefined : this.#keeper.reformRefusal;
    if (refusal !== undefined && refusal !== this.#refusedOrder) {
      this.#options.logger.warn({ reason: refusal }, 'the group is not reformed');
    }
    this.#refusedOrder = refusal;
  }

  /** Tells listeners when there is something to see. */
  #show(): void {
    const { record, engine, waitingFor, problem } = this.standing();
    const members = [...(this.#keeper.followed?.members ?? [])];
    const shown = JSON.stringify([record, engine, waitingFor, problem, members]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const listener of this.#listeners) listener();
  }
}
