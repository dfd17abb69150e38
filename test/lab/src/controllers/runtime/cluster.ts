// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { type Resource, resourceName } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { View } from './view.ts';

const SWEEP_INTERVAL_MS = 5_000;

/** What {@link Cluster} needs. */
export interface ClusterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The cluster as the controllers see it: one shared view per resource that any of them asked for. */
export class Cluster {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #views = new Map<string, { readonly view: unknown; readonly handle: ViewHandle }>();

  constructor(options: ClusterOptions) {
    this.client = options.client;
    this.clock = options.clock;
    this.logger = options.logger;
  }

  /** The view of a resource; the first caller makes it. All have to ask before {@link start}. */
  view<T extends KubeObject>(resource: Resource<T>): View<T> {
    const key = resourceName(resource);
    const known = this.#views.get(key);
    // One view per resource: the key determines the type.
    if (known !== undefined) return known.view as View<T>;
    const { client, logger, clock } = this;
    const view = new View<T>(createReflector<T>({ client, resource, logger, clock }), clock);
    this.#views.set(key, {
      view,
      handle: {
        start: () => view.start(),
        stop: () => view.stop(),
        synced: (signal) => view.synced(signal),
        sweep: () => view.sweep(),
      },
    });
    return view;
  }

  /** The view of a resource if any controller watches it: for the executor, which only notes its writes. */
  existingView<T extends KubeObject>(resource: Resource<T>): View<T> | undefined {
    return this.#views.get(resourceName(resource))?.view as View<T> | undefined;
  }

  /** Starts all reflectors and waits for their first lists. */
  async start(signal: AbortSignal): Promise<void> {
    const handles = [...this.#views.values()].map(({ handle }) => handle);
    for (const handle of handles) handle.start();
    await Promise.all(handles.map((handle) => handle.synced(signal)));
    const sweep = () => {
      for (const handle of handles) handle.sweep();
      if (!signal.aborted) this.clock.setTimer(sweep, SWEEP_INTERVAL_MS);
    };
    sweep();
  }

  /** Stops all reflectors. */
  async stop(): Promise<void> {
    await Promise.all([...this.#views.values()].map(({ handle }) => handle.stop()));
  }
}

interface ViewHandle {
  start(): void;
  stop(): Promise<void>;
  synced(signal: AbortSignal): Promise<void>;
  sweep(): void;
}
