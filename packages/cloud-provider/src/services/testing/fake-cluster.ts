// SPDX-License-Identifier: Apache-2.0
import { ApiError, NetworkError } from '@fairlead/shared/kubernetes/client.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { keyOf, type Service, splitKey } from '@fairlead/shared/kubernetes/objects.ts';
import type { Change } from '@fairlead/shared/kubernetes/reflector.ts';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { Holdings } from '../../allocator/holdings.ts';
import { parsePools } from '../../pools/parse.ts';
import { createIpamMetrics } from '../metrics.ts';
import { Reconciler } from '../reconciler.ts';
import { restOf } from '../rest.ts';
import type { ClassMode } from '../service-state.ts';

/** How the next write fares: refused before it counts, or counted and its answer lost. */
export type WriteFault = 'conflict' | 'server error' | 'answer lost' | 'not reached' | 'forbidden';

/**
 * The part of an API server that the reconciler sees, in memory: versions, compare-and-swap, finalizers, a watch that
 * lags as long as the test wants, and writes that fail as the test says.
 */
export class FakeCluster {
  /** What the server has. */
  readonly #services = new Map<string, Service>();
  /** What the reflector has. */
  readonly #seen = new Map<string, Service>();
  readonly #undelivered: Change<Service>[] = [];
  readonly #listeners = new Set<(change: Change<Service>) => void>();
  readonly faults: WriteFault[] = [];
  /** The same for writes of the status. */
  readonly statusFaults: WriteFault[] = [];
  /** Successful writes by the reconciler, those of the status aside. */
  writes = 0;
  /** Successful writes of the status. */
  statusWrites = 0;
  gets = 0;
  /** Told of each write of the reconciler before it counts, and of the states that it knew when it sent it. */
  onWrite: (before: Service, after: Service, known: readonly Service[]) => void = () => {};
  /** While false, changes pile up and the watch shows nothing. */
  watchFlows = true;
  #version = 100;

  /** Taken at each write. Tests with many Services leave it out. */
  knowledge: () => readonly Service[] = () => [];
  /** The last state of each Service that an answer to the reconciler showed. */
  readonly answers = new Map<string, Service>();

  readonly store = {
    get: (namespace: string | undefined, name: string) => this.#seen.get(`${namespace}/${name}`),
    values: () => this.#seen.values(),
    size: 0,
  };

  /** The client that the reconciler gets. */
  readonly client = {
    get: async (_resource: unknown, ref: { namespace?: string; name: string }): Promise<never> => {
      this.gets++;
      await Promise.resolve();
      const found = this.#services.get(`${ref.namespace}/${ref.name}`);
      if (found === undefined) throw new ApiError(404, 'NotFound', 'not found');
      this.answers.set(keyOf(found), found);
      return found as never;
    },
    replace: async (
      _resource: unknown,
      object: unknown,
      options: { readonly subresource?: 'status' } = {},
    ): Promise<never> => {
      const known = this.knowledge();
      await Promise.resolve();
      return this.#replace(object as Service, options.subresource === 'status', known) as never;
    },
  };

  subscribe(listener: (change: Change<Service>) => void): void {
    this.#listeners.add(listener);
    for (const object of this.#seen.values()) listener({ type: 'added', object });
  }

  get(name: string, namespace = 'default'): Service | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  all(): readonly Service[] {
    return [...this.#services.values()];
  }

  /** What a LIST shows. */
  async *list(): AsyncIterable<Service> {
    await Promise.resolve();
    for (const each of this.all()) this.answers.set(keyOf(each), each);
    yield* this.all();
  }

  /** Creates or replaces a Service as a user does. */
  put(service: Service): void {
    this.#commit(service);
  }

  /** Changes a Service as a user or agent does; no effect when it is gone. */
  edit(name: string, change: (service: Service) => Service, namespace = 'default'): void {
    const found = this.get(name, namespace);
    if (found !== undefined) this.#commit(change(found));
  }

  /** Deletes a Service: at once without finalizers, else it lingers. */
  remove(name: string, namespace = 'default'): void {
    const found = this.get(name, namespace);
    if (found === undefined) return;
    this.#commit({ ...found, metadata: { ...found.metadata, deletionTimestamp: '2026-03-01T00:00:00Z' } });
  }

  /** Shows the reflector the next changes, all by default. */
  deliver(count = this.#undelivered.length): void {
    for (const change of this.#undelivered.splice(0, count)) {
      const key = keyOf(change.object);
      if (change.type === 'deleted') this.#seen.delete(key);
      else this.#seen.set(key, change.object);
      for (const listener of this.#listeners) listener(change);
    }
  }

  #replace(object: Service, isStatus: boolean, known: readonly Service[]): Service {
    const fault = (isStatus ? this.statusFaults : this.faults).shift();
    if (fault === 'conflict') throw new ApiError(409, 'Conflict', 'injected conflict');
    if (fault === 'server error') throw new ApiError(500, 'InternalError', 'injected');
    if (fault === 'forbidden') throw new ApiError(403, 'Forbidden', 'services is forbidden');
    if (fault === 'not reached') throw new NetworkError('connect', false, 'injected');
    const { namespace, name } = splitKey(keyOf(object));
    const current = this.#services.get(`${namespace}/${name}`);
    if (current === undefined) throw new ApiError(404, 'NotFound', 'not found');
    if (current.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
      throw new ApiError(409, 'Conflict', 'the object has been modified');
    }
    if (isStatus) this.statusWrites++;
    else this.writes++;
    // As the real one: either write takes the metadata, neither takes the other's part.
    const { spec, status } = isStatus
      ? { ...object, spec: current.spec }
      : { ...object, status: current.status };
    const after = { ...object, ...(spec && { spec }), ...(status && { status }) };
    if (!isStatus) this.onWrite(current, after, known);
    const stored = this.#commit(after);
    if (fault === 'answer lost') throw new NetworkError('response', true, 'injected');
    this.answers.set(keyOf(stored), stored);
    return stored;
  }

  #commit(written: Service): Service {
    const service = withoutLoadBalancerParts(written);
    const key = keyOf(service);
    const previous = this.#services.get(key);
    this.#version++;
    const uid = previous?.metadata?.uid ?? `uid-${this.#version}`;
    const object = {
      ...service,
      metadata: { ...service.metadata, uid, resourceVersion: String(this.#version) },
    };
    const gone =
      object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    if (gone) this.#services.delete(key);
    else this.#services.set(key, object);
    if (gone) this.#undelivered.push({ type: 'deleted', object });
    else this.#undelivered.push(previous ? { type: 'updated', object, previous } : { type: 'added', object });
    if (this.watchFlows) queueMicrotask(() => this.deliver());
    return object;
  }
}

/** The API server drops what only a LoadBalancer may have when the type changes, conditions and spec.loadBalancerIP not. */
function withoutLoadBalancerParts(service: Service): Service {
  if (service.spec?.type === 'LoadBalancer') return service;
  const { loadBalancerClass: _class, ...spec } = service.spec ?? {};
  return { ...service, spec, status: { ...service.status, loadBalancer: {} } };
}

/** An Event as `kubectl describe` would show it. */
export interface SeenEvent {
  readonly about: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** A reconciler at work on a fake cluster. */
export interface Rig {
  readonly cluster: FakeCluster;
  readonly reconciler: Reconciler;
  readonly holdings: Holdings;
  readonly events: SeenEvent[];
  metrics(): Promise<string>;
  setPools(data: Record<string, string> | undefined): void;
  /** Begins a term of leadership; with `relist` it reads all Services past the watch first. */
  lead(mayWrite?: () => boolean, relist?: boolean): void;
  /** Ends the term and waits for what is under way. */
  stop(): Promise<void>;
}

/** What a rig may differ in. */
export interface RigOptions {
  readonly cluster?: FakeCluster;
  readonly data?: Record<string, string>;
  readonly mode?: ClassMode;
  readonly restMs?: number;
  readonly concurrency?: number;
  readonly clock?: Clock;
}

/** Puts a reconciler on a fake cluster; it leads only after `lead()`. */
export function createRig(options: RigOptions = {}): Rig {
  const {
    cluster = new FakeCluster(),
    mode = { kind: 'classless' },
    restMs = 0,
    concurrency = 4,
    clock = systemClock,
  } = options;
  const holdings = new Holdings({ restOf: (address) => restOf(reconciler.pools, address, restMs) });
  const registry = createRegistry({ program: 'test', version: '0' });
  const seen: SeenEvent[] = [];
  const events: EventRecorder = {
    event: (about, type, reason, message) => seen.push({ about: keyOf(about), type, reason, message }),
    flush: () => Promise.resolve(),
  };
  const metrics = createIpamMetrics(registry, {
    holdings,
    pools: () => reconciler.pools,
    waitingByPool: () => reconciler.waitingByPool(),
    leading: () => true,
  });
  const reconciler = new Reconciler({
    client: cluster.client,
    services: cluster.store,
    holdings,
    mode,
    configMap: () => 'kube-system/kubevip',
    events,
    metrics,
    logger: silentLogger,
    clock,
    writeTimeoutMs: 1_000,
  });
  cluster.subscribe((change) => reconciler.observe(change));
  if (options.data !== undefined) reconciler.setPools(parsePools(options.data));
  let controller = new AbortController();
  let term: Promise<void> = Promise.resolve();
  return {
    cluster,
    reconciler,
    holdings,
    events: seen,
    metrics: () => registry.metrics(),
    setPools: (data) => reconciler.setPools(parsePools(data)),
    lead: (mayWrite = () => true, relist = false) => {
      controller = new AbortController();
      const { signal } = controller;
      const newest = () => cluster.list();
      term = reconciler.lead({ mayWrite, signal, concurrency, ...(relist && { newest }) });
    },
    stop: () => {
      controller.abort();
      return term;
    },
  };
}
