// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { isFinished } from '../controllers/model/pods.ts';
import { adoptProcess } from './container-process.ts';
import { deletePodNetwork, podNamespaces } from './pod-network.ts';
import type { PodRecord } from './pod-record.ts';
import { type PodHost, PodRuntime } from './pod-runtime.ts';
import { readStaticPods } from './static-pods.ts';

/** How often the folder of static pods is read. */
const STATIC_POLL_MS = 1_000;
/** Grace of a pod whose object is gone without a word: someone forced it. */
const FORCED_GRACE_MS = 1_000;

/** Runs the pods that the API server (and the manifest folder) assigns to this node. */
export class Kubelet {
  readonly #host: PodHost;
  readonly #pods = new Map<string, PodRuntime>();
  readonly #static = new Map<string, PodRuntime>();
  readonly #records = new Map<string, PodRecord>();
  readonly #reflector: Reflector<Pod>;

  constructor(host: PodHost) {
    this.#host = host;
    this.#reflector = createReflector({
      client: host.client,
      resource: PODS,
      fieldSelector: `spec.nodeName=${host.options.node}`,
      logger: host.logger,
      clock: host.clock,
    });
  }

  /** Reads what a predecessor left, then follows the API; resolves when the first list is in. */
  async start(signal: AbortSignal): Promise<void> {
    for (const record of this.#host.records.readAll()) {
      this.#records.set(record.uid, record);
      if (record.network !== undefined) this.#host.addresses.reserve(record.network.addressNumber);
    }
    await this.#sweepNamespaces();
    this.#watchManifests(signal);
    this.#reflector.subscribe((change) => {
      if (change.type === 'deleted') this.#lost(change.object);
      else this.#seen(change.object);
    });
    this.#reflector.start();
    await this.#reflector.synced(signal);
    await this.#sweepRecords();
  }

  /** Stops following the API; pods keep running unless told otherwise. */
  async stop(options: { readonly endPods: boolean }): Promise<void> {
    await this.#reflector.stop();
    if (!options.endPods) return;
    const all = [...this.#pods.values(), ...this.#static.values()];
    await Promise.all(all.map((pod) => pod.terminate(FORCED_GRACE_MS)));
  }

  #seen(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const known = this.#pods.get(uid);
    if (known !== undefined) {
      known.observe(pod);
      return;
    }
    const ending = pod.metadata?.deletionTimestamp !== undefined;
    if (isFinished(pod) && !ending) return;
    const record = this.#records.get(uid);
    this.#records.delete(uid);
    if (ending && record === undefined) {
      this.#letGo(pod);
      return;
    }
    const runtime = new PodRuntime(this.#host, pod, {
      isStatic: false,
      record,
      onGone: () => this.#pods.delete(uid),
    });
    this.#pods.set(uid, runtime);
    runtime.start();
    if (ending) runtime.observe(pod);
  }

  /** The object is gone: whatever still runs goes at once. */
  #lost(pod: Pod): void {
    void this.#pods.get(pod.metadata?.uid ?? '')?.terminate(FORCED_GRACE_MS);
  }

  /** A pod that is to end and of which nothing runs here. */
  #letGo(pod: Pod): void {
    const { namespace = '', name = '', uid } = pod.metadata ?? {};
    const options = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { uid }) };
    this.#host.client.remove(PODS, { namespace, name }, options).catch((error: unknown) => {
      if (isNotFound(error)) return;
      this.#host.logger.warn({ err: error, pod: name }, 'cannot delete a pod that does not run here');
    });
  }

  /** Pod namespaces that no record knows: a predecessor was killed while it made them. */
  async #sweepNamespaces(): Promise<void> {
    const known = new Set([...this.#records.values()].map((record) => record.network?.netns));
    for (const netns of podNamespaces(`${this.#host.options.node}-`)) {
      if (!known.has(netns)) await deletePodNetwork({ netns, hostLink: 'none' });
    }
  }

  /** Records whose pods the API server no longer has. */
  async #sweepRecords(): Promise<void> {
    for (const record of this.#records.values()) {
      for (const { pid, startTicks } of Object.values(record.containers)) {
        adoptProcess(pid, startTicks, this.#host.clock)?.kill();
      }
      if (record.network !== undefined) {
        await deletePodNetwork(record.network);
        this.#host.addresses.release(record.network.addressNumber);
      }
      this.#host.records.remove(record.uid);
    }
    this.#records.clear();
  }

  #watchManifests(signal: AbortSignal): void {
    const { manifestDir, node } = this.#host.options;
    if (manifestDir === undefined) return;
    const look = () => {
      if (signal.aborted) return;
      try {
        this.#runStatic(readStaticPods(manifestDir, node));
      } catch (error) {
        this.#host.logger.warn({ err: error, manifestDir }, 'cannot read the static pods');
      }
      this.#host.clock.setTimer(look, STATIC_POLL_MS);
    };
    look();
  }

  #runStatic(pods: readonly Pod[]): void {
    const wanted = new Map(pods.map((pod) => [pod.metadata?.uid ?? '', pod]));
    for (const [uid, runtime] of this.#static) if (!wanted.has(uid)) void runtime.terminate(30_000);
    for (const [uid, pod] of wanted) {
      if (this.#static.has(uid)) continue;
      const record = this.#records.get(uid);
      this.#records.delete(uid);
      const runtime = new PodRuntime(this.#host, pod, {
        isStatic: true,
        record,
        onGone: () => this.#static.delete(uid),
      });
      this.#static.set(uid, runtime);
      runtime.start();
    }
  }
}
