// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { keyOf, type Lease } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { LEASES } from '@fairlead/shared/kubernetes/resources.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import type { HolderHistory } from './usurped.ts';

/** Follows all Leases and remembers who held each of them when, as far as a watch shows. */
export class LeaseRecord {
  readonly #reflector: Reflector<Lease>;
  readonly #histories = new Map<string, { readonly atMs: number; readonly holder: string }[]>();

  constructor(client: KubeClient) {
    this.#reflector = createReflector<Lease>({
      client,
      resource: LEASES,
      clock: systemClock,
      logger: silentLogger,
    });
    this.#reflector.subscribe(({ type, object }) => {
      const holder = type === 'deleted' ? '' : (object.spec?.holderIdentity ?? '');
      const history = this.#histories.get(keyOf(object)) ?? [];
      if (history.at(-1)?.holder !== holder) history.push({ atMs: monotonicMs(), holder });
      this.#histories.set(keyOf(object), history);
    });
    this.#reflector.start();
  }

  /** Of the Lease `namespace/name`. */
  history(key: string): HolderHistory {
    return this.#histories.get(key) ?? [];
  }

  /** Who holds the Lease `namespace/name` now; `''`: nobody. */
  holder(key: string): string {
    return this.history(key).at(-1)?.holder ?? '';
  }

  async stop(): Promise<void> {
    await this.#reflector.stop();
  }
}
