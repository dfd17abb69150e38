// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { namespaceValues } from './cluster-values.ts';
import type { ContainerSpec, PodFacts } from './container-env.ts';
import { containerFolder, planContainer, TERMINATION_LOG } from './container-plan.ts';
import { ContainerRuntime } from './container-runtime.ts';
import { primaryFirst } from './node-object.ts';
import type { KubeletOptions } from './options.ts';
import type { PodAddresses, PodAddressPool } from './pod-addresses.ts';
import {
  createPodNetwork,
  deletePodNetwork,
  type PodNetworkPlan,
  planPodNetwork,
  podNetworkStands,
} from './pod-network.ts';
import type { PodRecord, PodRecords } from './pod-record.ts';
import { podStatus } from './pod-status.ts';
import { StatusWriter } from './status-writer.ts';
import { PodVolumes } from './volumes.ts';

/** What all pods of a kubelet share. */
export interface PodHost {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly options: KubeletOptions;
  readonly certificate: string;
  readonly addresses: PodAddressPool;
  readonly records: PodRecords;
}

/** How a pod differs from one of the API: static pods have no object there. */
export interface PodRuntimeOptions {
  readonly isStatic: boolean;
  readonly record: PodRecord | undefined;
  /** Called once, when nothing of the pod is left on the node. */
  readonly onGone: () => void;
}

const PREPARE_RETRY_MS = 100;
const PREPARE_RETRY_MAX_MS = 5_000;
const DEFAULT_GRACE_SECONDS = 30;

/** One pod on this node, from its network to its removal. */
export class PodRuntime {
  readonly #host: PodHost;
  readonly #options: PodRuntimeOptions;
  readonly #writer: StatusWriter;
  readonly #uid: string;
  readonly #startedMs: number;
  readonly #ending = new AbortController();
  readonly #containers: readonly ContainerRuntime[];
  readonly #initContainers: readonly ContainerRuntime[];
  readonly #volumes: PodVolumes;
  #network: { readonly plan: PodNetworkPlan; readonly number: number } | undefined;
  #networkReady = false;
  #initialized: boolean;
  #running: Promise<void> | undefined;
  #end: Promise<void> | undefined;
  #graceMs = Number.POSITIVE_INFINITY;
  #removed = false;

  constructor(host: PodHost, pod: Pod, options: PodRuntimeOptions) {
    this.#host = host;
    this.#options = options;
    this.#uid = pod.metadata?.uid ?? '';
    const { record } = options;
    this.#startedMs = record?.startedMs ?? host.clock.wallMs();
    this.#initialized = record?.initialized ?? (pod.spec?.initContainers ?? []).length === 0;
    const { client, clock, logger } = host;
    this.#writer = new StatusWriter(pod, { client, clock, logger, status: (newest) => this.#status(newest) });
    this.#volumes = new PodVolumes({
      client,
      clock,
      logger,
      values: namespaceValues(client, pod.metadata?.namespace ?? ''),
      certificate: host.certificate,
      folder: host.records.folder(this.#uid),
      facts: () => this.#facts(),
    });
    const policy = pod.spec?.restartPolicy ?? 'Always';
    this.#containers = (pod.spec?.containers ?? []).map((spec) => this.#container(spec, policy));
    this.#initContainers = (pod.spec?.initContainers ?? []).map((spec) =>
      this.#container(spec, spec.restartPolicy ?? (policy === 'Always' ? 'OnFailure' : policy)),
    );
  }

  /** Starts (or adopts) the pod. */
  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#host.logger.error({ err: error, pod: this.#name }, 'a pod broke the kubelet');
    });
  }

  /** Takes in a new version of the object: status differences are written, a deletion is begun. */
  observe(pod: Pod): void {
    if (!this.#options.isStatic) this.#writer.observe(pod);
    if (pod.metadata?.deletionTimestamp !== undefined) {
      void this.terminate((pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1_000);
    }
  }

  /** Ends the pod. A later call with less grace shortens the end: its containers are killed when that is over. */
  terminate(graceMs: number): Promise<void> {
    const kill = () => {
      for (const container of this.#all) container.kill();
    };
    if (this.#end !== undefined && graceMs < this.#graceMs) this.#host.clock.setTimer(kill, graceMs);
    this.#graceMs = Math.min(this.#graceMs, graceMs);
    this.#end ??= this.#terminate(graceMs).catch((error: unknown) => {
      this.#host.logger.error({ err: error, pod: this.#name }, 'removing a pod failed');
      this.#options.onGone();
    });
    return this.#end;
  }

  get #all(): readonly ContainerRuntime[] {
    return [...this.#initContainers, ...this.#containers];
  }

  get #name(): string {
    return this.#writer.pod.metadata?.name ?? '';
  }

  get #hostNetwork(): boolean {
    return this.#writer.pod.spec?.hostNetwork === true;
  }

  #container(spec: ContainerSpec, restartPolicy: string): ContainerRuntime {
    const { clock, options, events, records } = this.#host;
    const folder = containerFolder(records.folder(this.#uid), spec.name);
    return new ContainerRuntime({
      spec,
      podUid: this.#uid,
      restartPolicy,
      backoff: { baseMs: options.restartBackoffMs, maxMs: options.restartBackoffMaxMs },
      clock,
      podIp: () => this.#podIps()[0] ?? '127.0.0.1',
      terminationLog: join(folder, TERMINATION_LOG),
      record: this.#options.record?.containers[spec.name],
      plan: () =>
        planContainer({
          container: spec,
          facts: this.#facts(),
          values: namespaceValues(this.#host.client, this.#writer.pod.metadata?.namespace ?? ''),
          volumes: this.#volumes,
          imagesFile: options.images,
          apiServer: options.apiServer,
          node: options.node,
          netns: this.#network?.plan.netns,
          folder,
        }),
      onChange: () => this.#changed(),
      onEvent: (type, reason, message) => {
        if (this.#options.isStatic) return;
        events.event({ ...this.#writer.pod, apiVersion: 'v1', kind: 'Pod' }, type, reason, message);
      },
    });
  }

  async #run(): Promise<void> {
    await this.#prepare();
    if (this.#ending.signal.aborted) return;
    if (!this.#initialized && !(await this.#runInitContainers())) return;
    await Promise.all(this.#containers.map((container) => container.run()));
  }

  /** Network and volumes; whatever is missing (a service account, a ConfigMap) may still come. */
  async #prepare(): Promise<void> {
    const { clock, logger } = this.#host;
    const { signal } = this.#ending;
    for (
      let pauseMs = PREPARE_RETRY_MS;
      !signal.aborted;
      pauseMs = Math.min(pauseMs * 2, PREPARE_RETRY_MAX_MS)
    ) {
      const results = await Promise.allSettled([this.#makeNetwork(), this.#volumes.prepare()]);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed === undefined) return;
      logger.warn(
        { err: failed.reason, pod: this.#name, retryInMs: pauseMs },
        'a pod cannot be prepared yet',
      );
      await delay(clock, pauseMs, signal);
    }
  }

  async #makeNetwork(): Promise<void> {
    if (this.#networkReady) return;
    if (!this.#hostNetwork) {
      this.#network ??= this.#planNetwork();
      const standing = this.#options.record !== undefined && (await podNetworkStands(this.#network.plan));
      if (!standing) await createPodNetwork(this.#network.plan);
    }
    this.#networkReady = true;
    this.#changed();
  }

  #planNetwork(): { readonly plan: PodNetworkPlan; readonly number: number } {
    const { addresses, options } = this.#host;
    const number = this.#options.record?.network?.addressNumber;
    const taken: PodAddresses = number === undefined ? addresses.take() : addresses.reserve(number);
    return {
      plan: planPodNetwork(options.node, this.#name, this.#uid, taken.addresses),
      number: taken.number,
    };
  }

  /** One after the other; false when one failed for good. Those that restart for ever are only waited for to start. */
  async #runInitContainers(): Promise<boolean> {
    for (const [index, container] of this.#initContainers.entries()) {
      const spec = this.#writer.pod.spec?.initContainers?.[index];
      const run = container.run();
      await (spec?.restartPolicy === 'Always' ? container.startedOnce : run);
      const ended = container.snapshot().state.terminated;
      if (this.#ending.signal.aborted || (ended !== undefined && ended.exitCode !== 0)) return false;
    }
    this.#initialized = true;
    this.#changed();
    return true;
  }

  async #terminate(graceMs: number): Promise<void> {
    const { client, records, addresses } = this.#host;
    this.#ending.abort();
    await Promise.all(this.#all.map((container) => container.stop(graceMs)));
    await this.#running;
    this.#volumes.close();
    // The address stays in the last status: consumers must be able to match the endpoint that went away.
    if (!this.#options.isStatic) {
      this.#writer.update();
      await this.#writer.flush();
    }
    this.#writer.close();
    if (this.#network !== undefined) {
      await deletePodNetwork(this.#network.plan);
      addresses.release(this.#network.number);
    }
    this.#removed = true;
    records.remove(this.#uid);
    if (!this.#options.isStatic) await this.#deleteObject(client);
    this.#options.onGone();
  }

  async #deleteObject(client: KubeClient): Promise<void> {
    const { namespace = '', name = '' } = this.#writer.pod.metadata ?? {};
    for (let pauseMs = PREPARE_RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, PREPARE_RETRY_MAX_MS)) {
      try {
        await client.remove(PODS, { namespace, name }, { uid: this.#uid, gracePeriodSeconds: 0 });
        return;
      } catch (error) {
        // Another pod may have the name by now; that is as good as gone.
        if (
          isNotFound(error) ||
          (error instanceof Error && 'statusCode' in error && error.statusCode === 409)
        )
          return;
        this.#host.logger.warn({ err: error, pod: name }, 'cannot delete a pod that has ended yet');
        await delay(this.#host.clock, pauseMs);
      }
    }
  }

  #changed(): void {
    if (this.#removed) return;
    this.#record();
    if (!this.#options.isStatic) this.#writer.update();
  }

  #record(): void {
    const containers = Object.fromEntries(
      this.#all.flatMap((container) => {
        const record = container.record();
        return record === undefined ? [] : [[container.snapshot().name, record]];
      }),
    );
    const { namespace = '', name = '' } = this.#writer.pod.metadata ?? {};
    this.#host.records.write({
      uid: this.#uid,
      namespace,
      name,
      startedMs: this.#startedMs,
      initialized: this.#initialized,
      containers,
      ...(this.#network === undefined
        ? {}
        : {
            network: {
              netns: this.#network.plan.netns,
              hostLink: this.#network.plan.hostLink,
              addressNumber: this.#network.number,
            },
          }),
    });
  }

  #podIps(): string[] {
    if (this.#hostNetwork) return primaryFirst(this.#host.options.nodeIps);
    if (!this.#networkReady) return [];
    return (this.#network?.plan.addresses ?? []).map((entry) => entry.address);
  }

  #facts(): PodFacts {
    return {
      pod: this.#writer.pod,
      podIps: this.#podIps(),
      hostIps: primaryFirst(this.#host.options.nodeIps),
    };
  }

  #status(newest: Pod): NonNullable<Pod['status']> {
    return podStatus({
      pod: newest,
      initContainers: this.#initContainers.map((container) => container.snapshot()),
      containers: this.#containers.map((container) => container.snapshot()),
      initialized: this.#initialized,
      podIps: this.#podIps(),
      hostIps: primaryFirst(this.#host.options.nodeIps),
      networkReady: this.#networkReady,
      startedMs: this.#startedMs,
      nowMs: this.#host.clock.wallMs(),
    });
  }
}
