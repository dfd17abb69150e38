// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { type ConditionWord, withCondition, withoutCondition } from './conditions.ts';
import { wordOf } from './decide.ts';
import type { Assignment, Decision, Refusal, Release } from './decision.ts';
import type { Reservations } from './reservations.ts';
import { isBeingDeleted } from './service-state.ts';
import type { Teller } from './teller.ts';
import type { Waiters } from './waiters.ts';
import { withAssignment, withoutAssignment } from './write.ts';
import type { ServiceWriter, StatusOutcome, WriteOutcome } from './writer.ts';

/** What the {@link Executor} works with. */
export interface ExecutorOptions {
  readonly reservations: Reservations;
  readonly waiters: Waiters;
  readonly writer: ServiceWriter;
  readonly teller: Teller;
  readonly clock: Clock;
  /** The reflector's state of a Service. */
  readonly stored: (key: string) => Service | undefined;
  /** When the Service was first seen without an address; monotonic. */
  readonly wantedSinceMs: (key: string) => number | undefined;
  /** Has the Service looked at again after this time. */
  readonly lookAgainAfter: (key: string, delayMs: number) => void;
}

/** A status that changed under us is looked at again when the watch shows the change, after this time at the latest. */
const STATUS_RETRY_MS = 1_000;

/** Carries decisions out: the order of writes, and what is told, remembered and waited for around them. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Does what has been decided. `conflict`: the Service has changed meanwhile, and has to be decided on anew. */
  async carryOut(service: Service, decision: Decision): Promise<'done' | 'conflict'> {
    const key = keyOf(service);
    if (decision.kind === 'assign') return this.#assign(service, decision);
    this.#options.reservations.dropPromise(key);
    if (decision.kind === 'refuse') return this.#refuse(service, decision);
    this.#options.waiters.remove(key);
    this.#options.teller.settled(key);
    if (decision.kind === 'release') return this.#release(service, decision.only);
    return 'done';
  }

  async #assign(service: Service, assignment: Assignment): Promise<'done' | 'conflict'> {
    const key = keyOf(service);
    const wanted = withAssignment(service, assignment);
    // What a failed write sets free goes to others, or it would be promised to this one again at once.
    this.#options.waiters.remove(key);
    let current = service;
    if (wanted === undefined) {
      this.#options.reservations.dropPromise(key);
    } else {
      this.#options.teller.ensuring(service);
      // The watch may show the write before its answer is here.
      const sinceMs = this.#options.wantedSinceMs(key);
      const outcome = await this.#write(service, wanted, assignment.addresses);
      if (outcome.kind !== 'written') return outcome.kind === 'conflict' ? 'conflict' : 'done';
      current = outcome.service;
      const waitedMs = sinceMs === undefined ? undefined : this.#options.clock.monotonicMs() - sinceMs;
      this.#options.teller.assigned(service, assignment, waitedMs);
    }
    this.#waitFor(service, assignment);
    if (assignment.refusedEdit === undefined) this.#options.teller.settled(key);
    else this.#options.teller.refused(current, assignment.refusedEdit);
    const word = wordOf(current, assignment);
    if (word !== undefined) await this.#writeCondition(current, word);
    return 'done';
  }

  async #refuse(service: Service, refusal: Refusal): Promise<'done' | 'conflict'> {
    const { reason, message } = refusal;
    this.#waitFor(service, refusal);
    let current = service;
    if (refusal.withdraw !== undefined) {
      const wanted = withoutAssignment(service, 'everything');
      const outcome = wanted && (await this.#write(service, wanted, []));
      if (outcome?.kind === 'conflict') return 'conflict';
      if (outcome?.kind === 'dropped') return 'done';
      current = outcome?.service ?? service;
    }
    this.#options.teller.refused(service, refusal);
    await this.#writeCondition(current, { status: 'False', reason, message });
    return 'done';
  }

  /** The condition goes first: as long as the rest is there, the next instance knows that there is something to do. */
  async #release(service: Service, only: Release): Promise<'done' | 'conflict'> {
    let current = service;
    // One that is being deleted is gone with the finalizer, or keeps what it says until others let it go.
    const spoken = isBeingDeleted(service) ? undefined : withoutCondition(service);
    if (spoken !== undefined) {
      const outcome = await this.#writeStatus(spoken);
      if (outcome.kind !== 'written' && outcome.kind !== 'later') return 'done';
      if (outcome.kind === 'written') current = outcome.service;
    }
    const wanted = withoutAssignment(current, only);
    if (wanted === undefined) return 'done';
    const outcome = await this.#write(current, wanted, []);
    if (outcome.kind !== 'written') return outcome.kind === 'conflict' ? 'conflict' : 'done';
    this.#options.teller.released(service);
    return 'done';
  }

  /** What the Service still lacks, and when it has to be looked at again without anybody having changed anything. */
  #waitFor(service: Service, decision: Assignment | Refusal): void {
    const { clock } = this.#options;
    const key = keyOf(service);
    // It may have gone while it was being written.
    if (decision.need === undefined || this.#options.stored(key) === undefined)
      this.#options.waiters.remove(key);
    else this.#options.waiters.add(service, decision.need);
    this.#options.waiters.wakeAt(decision.coolingUntilMs);
    if (decision.kind === 'refuse' || decision.drains.length === 0) return;
    const endMs = Math.min(...decision.drains.map(({ untilMs }) => untilMs));
    this.#options.lookAgainAfter(key, Math.max(1, endMs - clock.wallMs()));
  }

  /** A write that the server refuses for good is told to the user, too. */
  async #write(before: Service, after: Service, addresses: readonly Address[]): Promise<WriteOutcome> {
    try {
      return await this.#options.writer.replace(before, after, addresses);
    } catch (error) {
      this.#options.teller.writeFailed(before, error);
      throw error;
    }
  }

  async #writeCondition(service: Service, word: ConditionWord): Promise<void> {
    const wanted = withCondition(service, word, this.#options.clock.wallMs());
    if (wanted !== undefined) await this.#writeStatus(wanted);
  }

  /**
   * Agents write the status at about the same time. After a conflict the watch shows their change, and with it this
   * Service comes up again.
   */
  async #writeStatus(wanted: Service): Promise<StatusOutcome> {
    const outcome = await this.#options.writer.replaceStatus(wanted);
    if (outcome.kind === 'conflict') this.#options.lookAgainAfter(keyOf(wanted), STATUS_RETRY_MS);
    if (outcome.kind === 'later') this.#options.lookAgainAfter(keyOf(wanted), outcome.afterMs);
    return outcome;
  }
}
