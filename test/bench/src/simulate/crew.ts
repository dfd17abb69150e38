// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BatchOrder, BatchResult } from './batch.ts';

/** Threads that do runs. */
export class Crew {
  readonly #workers: readonly Worker[];

  constructor(threads: number) {
    const program = new URL('./worker.ts', import.meta.url);
    this.#workers = Array.from({ length: threads }, () => new Worker(program));
  }

  /**
   * Hands out orders until `next` has no more, and tells what came of each. Resolves when all have been done; rejects when
   * a thread fails.
   */
  async work(
    next: () => BatchOrder | undefined,
    done: (order: BatchOrder, result: BatchResult) => void,
  ): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let order = next(); order !== undefined; order = next()) {
          const answer = once(worker, 'message');
          worker.postMessage(order);
          const [result] = (await answer) as [BatchResult];
          done(order, result);
        }
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
