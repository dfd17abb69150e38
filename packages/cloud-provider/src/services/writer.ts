// SPDX-License-Identifier: Apache-2.0
import type { Address } from '@fairlead/shared/address/address.ts';
import {
  ApiError,
  isConflict,
  isForbidden,
  isNotFound,
  type KubeClient,
  NetworkError,
} from '@fairlead/shared/kubernetes/client.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { IpamMetrics } from './metrics.ts';
import type { Reservations } from './reservations.ts';

/** What the {@link ServiceWriter} needs. */
export interface ServiceWriterOptions {
  readonly client: Pick<KubeClient, 'replace'>;
  readonly reservations: Reservations;
  readonly metrics: IpamMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Limit of one write: short enough that a write of ours cannot land when another leads. */
  readonly writeTimeoutMs: number;
  /** Asked before each write: is it still ours to write? */
  readonly mayWrite: () => boolean;
}

/** What became of a write. An outcome that is not known is thrown. */
export type WriteOutcome =
  | { readonly kind: 'written'; readonly service: Service }
  /** The Service has changed since it was read. */
  | { readonly kind: 'conflict' }
  /** There is nothing to write to, or it is not for us (any more) to write. */
  | { readonly kind: 'dropped' };

/** What became of a write of the status: also, that it is to be tried again after this time. */
export type StatusOutcome = WriteOutcome | { readonly kind: 'later'; readonly afterMs: number };

/** A role that does not allow to write the status may be mended: it is asked again this much later. */
const FORBIDDEN_PAUSE_MS = 300_000;

/** The two writes that the cloud provider makes: a Service, and its status. */
export class ServiceWriter {
  readonly #options: ServiceWriterOptions;
  #statusForbiddenUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServiceWriterOptions) {
    this.#options = options;
  }

  /** One PUT, which leaves the Service with these addresses. They count as held from before the request on. */
  async replace(before: Service, after: Service, addresses: readonly Address[]): Promise<WriteOutcome> {
    const { client, clock, metrics, mayWrite, reservations, writeTimeoutMs } = this.#options;
    const key = keyOf(before);
    if (!mayWrite()) {
      reservations.dropPromise(key);
      return { kind: 'dropped' };
    }
    reservations.begin(before, addresses, clock.monotonicMs());
    try {
      const service = await client.replace(SERVICES, after, { timeoutMs: writeTimeoutMs });
      metrics.writes.inc({ outcome: 'ok' });
      reservations.answered(service);
      return { kind: 'written', service };
    } catch (error) {
      if (certainlyNotDone(error)) reservations.failed(key);
      return this.#failed(key, error);
    }
  }

  /**
   * One PUT of the status. It brings no address about, so nothing has to be reserved; but what it answers is remembered as
   * the newest state, so that nobody decides from an older one.
   */
  async replaceStatus(after: Service): Promise<StatusOutcome> {
    const { client, clock, metrics, mayWrite, reservations, writeTimeoutMs } = this.#options;
    if (!mayWrite()) return { kind: 'dropped' };
    const afterMs = this.#statusForbiddenUntilMs - clock.monotonicMs();
    if (afterMs > 0) return { kind: 'later', afterMs };
    try {
      const options = { timeoutMs: writeTimeoutMs, subresource: 'status' } as const;
      const service = await client.replace(SERVICES, after, options);
      metrics.writes.inc({ outcome: 'ok' });
      reservations.answered(service);
      return { kind: 'written', service };
    } catch (error) {
      if (isForbidden(error)) return this.#statusForbidden(error);
      return this.#failed(keyOf(after), error);
    }
  }

  #failed(key: string, error: unknown): WriteOutcome {
    this.#options.metrics.writes.inc({ outcome: isConflict(error) ? 'conflict' : 'error' });
    if (isConflict(error)) return { kind: 'conflict' };
    if (!isNotFound(error)) throw error;
    this.#options.reservations.gone(key);
    return { kind: 'dropped' };
  }

  #statusForbidden(error: ApiError): StatusOutcome {
    const { clock, logger, metrics } = this.#options;
    metrics.writes.inc({ outcome: 'error' });
    this.#statusForbiddenUntilMs = clock.monotonicMs() + FORBIDDEN_PAUSE_MS;
    logger.warn(
      { error: error.message },
      'conditions are switched off: our role does not allow to update services/status; everything else works',
    );
    return { kind: 'later', afterMs: FORBIDDEN_PAUSE_MS };
  }
}

/** Whether the server cannot have carried out the request. After a 5xx or a lost answer it may have. */
function certainlyNotDone(error: unknown): boolean {
  if (error instanceof ApiError) return error.statusCode < 500;
  return error instanceof NetworkError && error.phase === 'connect';
}
