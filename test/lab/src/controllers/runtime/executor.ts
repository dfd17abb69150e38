// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '@fairlead/shared/kubernetes/client.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { KubeObject, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { apiVersionOf, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import type { Action, AnyResource } from '../model/actions.ts';
import type { Cluster } from './cluster.ts';

/** Calls in flight for one list of actions. */
const PARALLEL = 32;

/** Carries out what planners decided, and lets the views know what was written. */
export class Executor {
  readonly #cluster: Cluster;
  readonly #events: EventRecorder;

  constructor(cluster: Cluster, events: EventRecorder) {
    this.#cluster = cluster;
    this.#events = events;
  }

  /**
   * Carries out actions in order; neighbours that create or delete run side by side. The first failure is thrown after
   * those beside it have ended; what follows is left to the next decision.
   */
  async run(actions: readonly Action[]): Promise<void> {
    let rest = [...actions];
    while (rest.length > 0) {
      const verb = rest[0]?.verb;
      const width = verb === 'create' || verb === 'delete' ? PARALLEL : 1;
      const end = rest.slice(0, width).findIndex((action) => action.verb !== verb);
      const batch = rest.slice(0, end < 0 ? width : end);
      rest = rest.slice(batch.length);
      const results = await Promise.allSettled(batch.map((action) => this.#runOne(action)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
  }

  async #runOne(action: Action): Promise<void> {
    const { client } = this.#cluster;
    switch (action.verb) {
      case 'create':
        this.#wrote(action.resource, await client.create(action.resource, action.object));
        return;
      case 'replace':
        this.#wrote(
          action.resource,
          await client.replace(
            action.resource,
            action.object,
            action.subresource === undefined ? {} : { subresource: action.subresource },
          ),
        );
        return;
      case 'merge':
        await this.#merge(action);
        return;
      case 'delete':
        await this.#remove(action);
        return;
      case 'bind':
        await this.#bind(action.pod, action.nodeName);
        return;
      case 'event': {
        const { about, resource } = action;
        const full = { ...about, kind: resource.kind, apiVersion: apiVersionOf(resource) };
        this.#events.event(full, action.eventType, action.reason, action.message);
      }
    }
  }

  async #merge(action: Extract<Action, { verb: 'merge' }>): Promise<void> {
    const options = {
      type: 'merge' as const,
      ...(action.subresource === undefined ? {} : { subresource: action.subresource }),
    };
    try {
      const written = await this.#cluster.client.patch(
        action.resource,
        refOf(action.target),
        action.body,
        options,
      );
      this.#wrote(action.resource, written);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #remove(action: Extract<Action, { verb: 'delete' }>): Promise<void> {
    const uid = action.target.metadata?.uid;
    try {
      await this.#cluster.client.remove(action.resource, refOf(action.target), {
        ...(uid === undefined ? {} : { uid }),
        ...(action.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: action.gracePeriodSeconds }),
        propagationPolicy: action.propagationPolicy ?? 'Background',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#cluster.existingView(action.resource)?.assumeDeleted(action.target);
  }

  async #bind(pod: KubeObject, nodeName: string): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata ?? {};
    await this.#cluster.client.createSubresource(PODS, { namespace, name }, 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, ...(uid === undefined ? {} : { uid }) },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    });
    const view = this.#cluster.existingView(PODS);
    const known: Pod | undefined = view?.get(namespace, name);
    if (known?.spec !== undefined && !known.spec.nodeName) {
      view?.assume({ ...known, spec: { ...known.spec, nodeName } });
    }
  }

  #wrote(resource: AnyResource, object: KubeObject): void {
    this.#cluster.existingView(resource)?.wrote(object);
  }
}

/** Namespace and name of an object, as the client takes them. */
export function refOf(object: KubeObject): { readonly namespace?: string; readonly name: string } {
  const { namespace, name = '' } = object.metadata ?? {};
  return namespace === undefined ? { name } : { namespace, name };
}
