// SPDX-License-Identifier: Apache-2.0
import type { KubeClient, ObjectRef } from '@fairlead/shared/kubernetes/client.ts';
import type { KubeObject, Pod, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS, type Resource, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { type Narrator, shellQuote } from './narrator.ts';

/** How often the API is asked while the demo waits; well below anything it measures. */
const POLL_INTERVAL_MS = 20;

/** What every chapter of the demo acts on. */
export class Stage {
  readonly lab: Lab;
  readonly client: KubeClient;
  readonly narrator: Narrator;

  constructor(lab: Lab, client: KubeClient, narrator: Narrator) {
    this.lab = lab;
    this.client = client;
    this.narrator = narrator;
  }

  /** Runs kubectl the way a user would, and shows it; rejects when it fails. */
  async kubectl(args: readonly string[], options: { readonly stdin?: string } = {}): Promise<string> {
    this.narrator.command(shellQuote(['kubectl', ...args]));
    const result = await this.lab.kubectl(args, options);
    this.narrator.answer(result.stdout + result.stderr);
    if (result.code !== 0)
      throw new Error(`kubectl ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
    return result.stdout;
  }

  /** Asks the API until the object satisfies the condition; rejects at the time limit, saying what it saw last. */
  async until<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    holds: (object: T) => boolean,
    timeoutMs: number,
  ): Promise<T> {
    let last: T | undefined;
    return await this.poll(`${resource.plural}/${ref.name}`, timeoutMs, async () => {
      last = await this.client.get(resource, ref).catch(() => undefined);
      return last !== undefined && holds(last) ? last : undefined;
    });
  }

  /** Calls `look` until it finds something; rejects at the time limit. */
  async poll<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`${what}: not there after ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
    }
  }

  /** Pods of the echo application that are ready and not on their way out. */
  async readyPods(): Promise<readonly Pod[]> {
    const { items } = await this.client.list(PODS, { namespace: 'default', labelSelector: 'app=echo-app' });
    return items.filter((pod) => pod.metadata?.deletionTimestamp === undefined && isReady(pod));
  }

  /** Waits for exactly that many ready pods. */
  async waitForPods(count: number): Promise<readonly Pod[]> {
    return await this.narrator.waiting(
      `waiting for ${count} ready pods`,
      this.poll(`${count} ready pods`, 60_000, async () => {
        const pods = await this.readyPods();
        return pods.length === count ? pods : undefined;
      }),
    );
  }

  /** Waits for the Service's address in its status. */
  async externalIp(service: ObjectRef, timeoutMs: number): Promise<string> {
    const found = await this.until(SERVICES, service, (object) => addressOf(object) !== undefined, timeoutMs);
    return addressOf(found) ?? '';
  }
}

/** First address in the status of a Service. */
export function addressOf(service: Service): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

/** Is the pod's Ready condition true? */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
