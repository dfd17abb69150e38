// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { SERVICES } from '@fairlead/shared/kubernetes/resources.ts';

/** When a Service was first seen with its address, and the address. */
export interface Served {
  readonly atMs: number;
  readonly address: string;
}

/** One watch from beginning to end, so that nothing is missed and nothing is seen late because of a reconnect. */
const WATCH_SECONDS = 7_200;

/** What a user would see: addresses as they appear in the Services, through a watch of our own. */
export class ServiceWatch {
  /** By name, in the order of appearance. */
  readonly served = new Map<string, Served>();
  readonly deletedMs = new Map<string, number>();
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #error: unknown;
  readonly #waiting = new Set<() => void>();

  /** Opens the watch; resolves when the server has begun to answer. */
  static async open(admin: KubeClient, namespace: string): Promise<ServiceWatch> {
    const { resourceVersion } = await admin.list(SERVICES, { namespace, limit: 1 });
    const watch = new ServiceWatch();
    await new Promise<void>((resolve, reject) => {
      watch.#running = watch.#read(admin, namespace, resourceVersion, resolve).catch((error: unknown) => {
        if (!watch.#stopping.signal.aborted) watch.#error = error;
        watch.#wake();
        reject(error);
      });
    });
    return watch;
  }

  async #read(
    admin: KubeClient,
    namespace: string,
    resourceVersion: string,
    onOpen: () => void,
  ): Promise<void> {
    const { signal } = this.#stopping;
    const watch = admin.watch(SERVICES, {
      namespace,
      resourceVersion,
      timeoutSeconds: WATCH_SECONDS,
      signal,
      onOpen,
    });
    for await (const { type, object } of watch) this.#take(type, object);
    throw new Error('the server ended the watch of the benchmark');
  }

  #take(type: string, service: Service): void {
    const name = service.metadata?.name ?? '';
    const address = service.metadata?.annotations?.[ANNOTATION.loadBalancerIPs];
    if (type === 'DELETED') {
      this.served.delete(name);
      this.deletedMs.set(name, performance.now());
    } else if (address && !this.served.has(name)) {
      this.served.set(name, { atMs: performance.now(), address });
    } else return;
    this.#wake();
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves true as soon as the condition holds, false when the time is over. Rejects when the watch broke. */
  until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const finish = (end: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        end();
      };
      const check = () => {
        if (this.#error !== undefined) finish(() => reject(this.#error));
        else if (condition()) finish(() => resolve(true));
      };
      const timer = setTimeout(() => finish(() => resolve(false)), timeoutMs);
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits for one Service's address. */
  async addressOf(name: string, timeoutMs: number): Promise<Served> {
    await this.until(() => this.served.has(name), timeoutMs);
    const served = this.served.get(name);
    if (served === undefined) throw new Error(`Service ${name} has no address after ${timeoutMs} ms`);
    return served;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the benchmark is over'));
    await this.#running;
  }
}
