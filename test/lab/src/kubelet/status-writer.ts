// SPDX-License-Identifier: Apache-2.0
import { isConflict, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { sameJson } from '../controllers/model/conditions.ts';
import { isNewer } from '../controllers/runtime/view.ts';

const RETRY_MS = 100;
/** Short: when a cut-off node is reachable again, its pods should be ready again soon. */
const RETRY_MAX_MS = 1_000;

/** What {@link StatusWriter} needs. */
export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The status as it should be, given the newest object known. */
  readonly status: (pod: Pod) => NonNullable<Pod['status']>;
}

/** Brings a pod's status in the API to what it should be: one write at a time, each with the newest state. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #closed = new AbortController();
  #pod: Pod;
  #dirty = false;
  #loop: Promise<void> | undefined;

  constructor(pod: Pod, options: StatusWriterOptions) {
    this.#pod = pod;
    this.#options = options;
  }

  /** The newest version known. */
  get pod(): Pod {
    return this.#pod;
  }

  /** Takes in a version from the watch; older ones than our own writes are ignored. */
  observe(pod: Pod): void {
    if (isNewer(pod, this.#pod)) this.#pod = pod;
    this.update();
  }

  /** The state has changed: write soon. */
  update(): void {
    this.#dirty = true;
    this.#loop ??= this.#write().finally(() => {
      this.#loop = undefined;
      if (this.#dirty && !this.#closed.signal.aborted) this.update();
    });
  }

  /** Resolves when nothing is left to write (or the object is gone). */
  async flush(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  /** Writes no more. */
  close(): void {
    this.#closed.abort();
  }

  async #write(): Promise<void> {
    const { client, clock, logger, status } = this.#options;
    // Changes that come together go out together.
    await Promise.resolve();
    let pauseMs = RETRY_MS;
    while (this.#dirty && !this.#closed.signal.aborted) {
      this.#dirty = false;
      const wanted = status(this.#pod);
      if (sameJson({ ...this.#pod.status, ...wanted }, this.#pod.status)) continue;
      const { namespace = '', name = '', uid } = this.#pod.metadata ?? {};
      try {
        const written = await client.patch(
          PODS,
          { namespace, name },
          { metadata: { uid }, status: wanted },
          { type: 'merge', subresource: 'status' },
        );
        if (isNewer(written, this.#pod)) this.#pod = written;
        pauseMs = RETRY_MS;
      } catch (error) {
        // Gone, or replaced by another pod of the same name: nothing of ours to report any more.
        if (isNotFound(error) || isConflict(error)) return;
        logger.warn({ err: error, pod: name, retryInMs: pauseMs }, 'cannot write the status of a pod yet');
        this.#dirty = true;
        await delay(clock, pauseMs, this.#closed.signal);
        pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS);
      }
    }
  }
}
