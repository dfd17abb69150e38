// SPDX-License-Identifier: Apache-2.0
import { isConflict, isForbidden, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import { type Service, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { draft } from '@fairlead/shared/kubernetes/wire.ts';
import { WorkQueue } from '@fairlead/shared/kubernetes/work-queue.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { type AddressSources, addressesOf } from '../services/addresses.ts';
import { type AnnouncedWord, conditionsWith } from './announced-condition.ts';
import { ingressOf, sameIngress } from './ingress.ts';

/** What one Service should say about itself. */
export interface WantedStatus {
  /** The Service as last seen; may be older than what the server has. */
  readonly service: Service;
  /** Empty: the status shall name none. */
  readonly addresses: readonly string[];
  /** Annotations that it should have besides `vipHost` while there are addresses. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** What the condition `AddressAnnounced` should say; without one it is taken away. */
  readonly announced?: AnnouncedWord | undefined;
}

/** What {@link StatusWriter} needs. */
export interface StatusWriterOptions {
  readonly client: KubeClient;
  /** Name of this node, for the `vipHost` annotation. */
  readonly node: string;
  /** By which addresses are known. */
  readonly sources?: AddressSources;
  /** Say that kube-proxy has to leave the addresses alone; see `Balancer.isProxy`. Default: it need not. */
  readonly isProxy?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Services written at the same time; the rest waits its turn. */
const CONCURRENCY = 4;

/**
 * Writes where a Service is reached: first the status (what `kubectl get svc` shows and people wait for), then the
 * annotation `vipHost`. Only the node that answers for the addresses asks for it (or one that speaks for a Service that is
 * refused them), and nothing waits for it: an API server
 * that is away delays the text, never the traffic.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WorkQueue;
  #wanted: ReadonlyMap<string, WantedStatus> = new Map();
  /** Keys that RBAC does not let us write, so that each is tried once per change and not forever. */
  #forbidden = false;
  /** What the API server keeps of it: those before 1.30 know no `ipMode`. */
  #saysProxy: boolean;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#saysProxy = options.isProxy === true;
    this.#queue = new WorkQueue({ clock: options.clock, logger: options.logger });
  }

  /** Resolves when `signal` is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run((key) => this.#write(key), { concurrency: CONCURRENCY, signal });
  }

  /** The whole set of Services that this node speaks for: `namespace/name` -> status. Writes those that differ. */
  want(wanted: ReadonlyMap<string, WantedStatus>): void {
    this.#wanted = wanted;
    if (this.#forbidden) return;
    for (const [key, status] of wanted) if (this.#differs(status)) this.#queue.add(key);
  }

  #differs(wanted: WantedStatus): boolean {
    const { service, addresses } = wanted;
    return (
      !sameIngress(service.status?.loadBalancer?.ingress, this.#ingressOf(service, addresses)) ||
      conditionsWith(service, wanted.announced, 0) !== undefined ||
      this.#newAnnotations(service, wanted).length > 0
    );
  }

  #ingressOf(service: Service, addresses: readonly string[]): ReturnType<typeof ingressOf> {
    return ingressOf(service, addresses, this.#saysProxy);
  }

  /** An API server that drops it would be asked again and again. */
  #noteKept({ status }: Service): void {
    const [first] = status?.loadBalancer?.ingress ?? [];
    if (!this.#saysProxy || first === undefined || first.ipMode === 'Proxy') return;
    this.#saysProxy = false;
    this.#options.logger.warn(
      { received: first.ipMode, expected: 'Proxy' },
      'the API server does not keep ipMode (Kubernetes before 1.30): connections from nodes and pods of the cluster go past this data plane',
    );
  }

  /** Annotations of a Service that are not as they should be, with their values. */
  #newAnnotations(service: Service, { addresses, annotations }: WantedStatus): readonly [string, string][] {
    if (addresses.length === 0) return [];
    const wanted = { ...annotations, [ANNOTATION.vipHost]: this.#options.node };
    return Object.entries(wanted).filter(([name, value]) => service.metadata?.annotations?.[name] !== value);
  }

  async #write(key: string): Promise<void> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined || !this.#differs(wanted)) return;
    try {
      await this.#writeBoth(wanted.service, wanted);
    } catch (error) {
      if (isNotFound(error)) return;
      if (isForbidden(error)) {
        this.#forbidden = true;
        const hint = 'grant update on services and services/status, or set disable_service_updates';
        this.#options.logger.warn({ err: error, service: key, hint }, 'Services cannot be written');
        return;
      }
      if (!isConflict(error)) throw error;
      await this.#writeFresh(key);
    }
  }

  /** Our copy was old: read the newest one and decide again. Another conflict goes back through the queue. */
  async #writeFresh(key: string): Promise<void> {
    const { namespace = '', name } = splitKey(key);
    const service = await this.#options.client.get(SERVICES, { namespace, name });
    const wanted = this.#wanted.get(key);
    const isSame = service.metadata?.uid === wanted?.service.metadata?.uid;
    // Gone, of another type, or no longer ours in the meantime: the next pass says what to do.
    if (wanted === undefined || !isSame || service.spec?.type !== 'LoadBalancer') return;
    // So it is when the Service names others by now, or is refused the ones it names.
    const named = (one: Service) => addressesOf(one, this.#options.sources).addresses.join();
    if (named(service) !== named(wanted.service)) return;
    await this.#writeBoth(service, wanted);
  }

  async #writeBoth(from: Service, wanted: WantedStatus): Promise<void> {
    const { client, clock } = this.#options;
    const { addresses } = wanted;
    let service = from;
    const ingress = this.#ingressOf(service, addresses);
    const conditions = conditionsWith(service, wanted.announced, clock.wallMs());
    if (conditions !== undefined || !sameIngress(service.status?.loadBalancer?.ingress, ingress)) {
      const next = draft(service);
      next.status = {
        ...next.status,
        loadBalancer: { ingress: structuredClone(ingress) as [] },
        ...(conditions === undefined ? {} : { conditions: structuredClone(conditions) as [] }),
      };
      service = await client.replace(SERVICES, next as Service, { subresource: 'status' });
      this.#noteKept(service);
    }
    const annotations = this.#newAnnotations(service, wanted);
    if (annotations.length === 0) return;
    const next = draft(service);
    next.metadata = {
      ...next.metadata,
      annotations: { ...next.metadata?.annotations, ...Object.fromEntries(annotations) },
    };
    await client.replace(SERVICES, next as Service);
  }
}
