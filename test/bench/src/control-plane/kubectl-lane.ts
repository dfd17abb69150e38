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

/** A new one that often, however the others fare. A kubectl costs tens of milliseconds of processor time. */
const INTERVAL_MS = 100;
/** Less than the second after which a lost SYN is repeated: who was answered then was not answered during the outage. */
const PATIENCE_MS = 900;
/** One small object from the data, and nothing of discovery. */
const QUESTION = ['get', '--raw', '/api/v1/namespaces/default'];

/** Runs kubectl through the address again and again, until it is stopped. */
export class KubectlLane {
  readonly #trio: Trio;
  readonly #attempts: Promise<KubectlAttempt>[] = [];
  readonly #ended: Promise<void>;
  #isStopping = false;

  private constructor(trio: Trio) {
    this.#trio = trio;
    this.#ended = this.#run();
  }

  static start(trio: Trio): KubectlLane {
    return new KubectlLane(trio);
  }

  /** Waits for those under way; what became of all. */
  async stop(): Promise<readonly KubectlAttempt[]> {
    this.#isStopping = true;
    await this.#ended;
    return await Promise.all(this.#attempts);
  }

  async #run(): Promise<void> {
    let nextMs = monotonicMs();
    while (!this.#isStopping) {
      this.#attempts.push(this.#attempt());
      nextMs = Math.max(nextMs + INTERVAL_MS, monotonicMs());
      await sleep(Math.max(0, nextMs - monotonicMs()));
    }
  }

  async #attempt(): Promise<KubectlAttempt> {
    const startMs = monotonicMs();
    const { code } = await this.#trio.kubectl(QUESTION);
    const tookMs = monotonicMs() - startMs;
    return { startMs, code, tookMs, ok: code === 0 && tookMs <= PATIENCE_MS };
  }
}
