// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { SliceIndex } from '../services/slice-index.ts';
import type { ReconcileLoop } from './loop.ts';
import type { Reconciler } from './reconciler.ts';

/** What {@link EndpointFollower} needs. */
export interface EndpointFollowerOptions {
  readonly reconciler: Pick<Reconciler, 'isFollowing' | 'followEndpoints'>;
  readonly loop: Pick<ReconcileLoop, 'wake' | 'wakeSoon'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Has connections follow endpoints at once; whatever else depends on them has time until the next pass. */
export class EndpointFollower {
  readonly #options: EndpointFollowerOptions;
  readonly #slices = new SliceIndex();

  constructor(options: EndpointFollowerOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  follow(change: Change<EndpointSlice>): void {
    const { reconciler, loop, clock } = this.#options;
    const keys = this.#slices.follow(change);
    // At first thousands come at once.
    if (!reconciler.isFollowing) {
      if (keys.length > 0) loop.wakeSoon();
      return;
    }
    const startMs = clock.monotonicMs();
    for (const key of keys) void this.#follow(key, startMs);
  }

  async #follow(key: string, startMs: number): Promise<void> {
    const { reconciler, loop, clock, logger } = this.#options;
    try {
      const followed = await reconciler.followEndpoints(key, this.#slices.endpointsOf(key));
      const tookMs = clock.monotonicMs() - startMs;
      if (followed !== 'left') logger.debug({ service: key, tookMs }, 'connections follow new endpoints');
      if (followed !== 'done') loop.wakeSoon();
    } catch (error) {
      logger.warn({ err: error, service: key }, 'endpoints cannot be followed; a pass is made');
      loop.wake();
    }
  }
}
