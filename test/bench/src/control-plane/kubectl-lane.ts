// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trio } from '@fairlead/test-e2e/control-plane/trio.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { Attempt } from './failing-span.ts';

/** One kubectl; not `ok` without an answer within 900 ms. */
export interface KubectlAttempt extends Attempt {
  /** Of the program; undefined when a signal ended it. */
  readonly code: number | undefined;
  /** From its start until it had ended; the start of the program counts. */
  readonly tookMs: number;
}

/** More than this only keep a busy machine from ever answering; what is answered in time never has so many. */
const MOST_AT_ONCE = 12;
/** Less than the second after which a lost SYN is repeated: who was answered then was not answered during the outage. */
const PATIENCE_MS = 900;
/** A machine that needs longer has too much else to do for a measurement. */
const LAST_ANSWER_MS = 30_000;
/** One small object from the data, and nothing of discovery. */
const QUESTION = ['get', '--raw', '/api/v1/namespaces/default'];

/** Runs kubectl through the address again and again, until it is stopped. */
export class KubectlLane {
  readonly #trio: Trio;
  readonly #attempts: Promise<KubectlAttempt>[] = [];
  readonly #ended: Promise<void>;
  readonly #intervalMs: number;
  #underWay = 0;
  #isStopping = false;
  /** The one that ended last was. */
  #isAnswered = true;

  private constructor(trio: Trio, intervalMs: number) {
    this.#trio = trio;
    this.#intervalMs = intervalMs;
    this.#ended = this.#run();
  }

  /** @param intervalMs a new kubectl that often, however the others fare; each costs tens of milliseconds of processor time */
  static start(trio: Trio, intervalMs: number): KubectlLane {
    return new KubectlLane(trio, intervalMs);
  }

  /** Goes on until one is answered, for the outage needs an end, and waits for those under way; what became of all. */
  async stop(): Promise<readonly KubectlAttempt[]> {
    const giveUpMs = monotonicMs() + LAST_ANSWER_MS;
    while (!this.#isAnswered && monotonicMs() < giveUpMs) await sleep(this.#intervalMs);
    this.#isStopping = true;
    await this.#ended;
    return await Promise.all(this.#attempts);
  }

  async #run(): Promise<void> {
    let nextMs = monotonicMs();
    while (!this.#isStopping) {
      if (this.#underWay < MOST_AT_ONCE) this.#attempts.push(this.#attempt());
      nextMs = Math.max(nextMs + this.#intervalMs, monotonicMs());
      await sleep(Math.max(0, nextMs - monotonicMs()));
    }
  }

  async #attempt(): Promise<KubectlAttempt> {
    const startMs = monotonicMs();
    this.#underWay += 1;
    const { code } = await this.#trio.kubectl(QUESTION);
    this.#underWay -= 1;
    const tookMs = monotonicMs() - startMs;
    const ok = code === 0 && tookMs <= PATIENCE_MS;
    this.#isAnswered = ok;
    return { startMs, code, tookMs, ok };
  }
}
