// SPDX-License-Identifier: Apache-2.0
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { KubeObject, Namespace } from '@fairlead/shared/kubernetes/objects.ts';
import { keyOf } from '@fairlead/shared/kubernetes/objects.ts';
import { defineResource, NAMESPACES, resourceName } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, type AnyResource, NO_PLAN } from '../model/actions.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Controller } from '../runtime/manager.ts';

/** Next look while contents of a namespace are on their way out (pods take their grace period). */
const AGAIN_AFTER_MS = 250;
/** Typed as the one sub-resource that callers usually write; `finalize` is the namespace controller's own. */
const FINALIZE: string = 'finalize';

/** A resource list as discovery answers it; only what is read here. */
interface DiscoveredResources {
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** Resources of one group version that live in namespaces and can be listed and deleted. */
export function deletableResources(group: string, version: string, list: DiscoveredResources): AnyResource[] {
  return (list.resources ?? [])
    .filter(
      (entry) =>
        entry.namespaced &&
        !entry.name.includes('/') &&
        entry.verbs.includes('list') &&
        entry.verbs.includes('delete'),
    )
    .map((entry) => defineResource<KubeObject>(group, version, entry.name, entry.kind));
}

/** The namespace without the finalizer that holds it until it is empty. */
export function finalized(namespace: Namespace): Namespace {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((entry) => entry !== 'kubernetes');
  return { ...namespace, spec: { ...namespace.spec, finalizers } };
}

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController(cluster: Cluster): Controller {
  const namespaces = cluster.view(NAMESPACES);
  const { client } = cluster;
  return {
    name: 'namespace',
    concurrency: 2,
    attach(enqueue) {
      namespaces.subscribe(({ object }) => {
        if (object.metadata?.deletionTimestamp !== undefined) enqueue(keyOf(object));
      });
    },
    async reconcile(name) {
      const namespace = namespaces.get('', name);
      if (namespace?.metadata?.deletionTimestamp === undefined) return NO_PLAN;
      if (!(namespace.spec?.finalizers ?? []).includes('kubernetes')) return NO_PLAN;
      const contents = await contentsOf(client, name);
      if (contents.length === 0) {
        await finalize(client, namespace);
        return NO_PLAN;
      }
      const actions: Action[] = contents
        .filter(({ target }) => target.metadata?.deletionTimestamp === undefined)
        .map(({ resource, target }) => ({ verb: 'delete', resource, target }));
      return { actions, againAfterMs: AGAIN_AFTER_MS };
    },
  };
}

async function finalize(client: KubeClient, namespace: Namespace): Promise<void> {
  try {
    await client.replace(NAMESPACES, finalized(namespace), { subresource: FINALIZE as 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function contentsOf(
  client: KubeClient,
  namespace: string,
): Promise<{ readonly resource: AnyResource; readonly target: KubeObject }[]> {
  const found: { resource: AnyResource; target: KubeObject }[] = [];
  for (const resource of await discover(client)) {
    const list = await client.list(resource, { namespace });
    found.push(...list.items.map((target) => ({ resource, target })));
  }
  return found;
}

/** Asked anew for each round: groups may have come since. One version per resource is enough. */
async function discover(client: KubeClient): Promise<AnyResource[]> {
  const read = async (path: string): Promise<unknown> => JSON.parse(await client.getText(path));
  const groups = (await read('/apis')) as {
    readonly groups?: readonly {
      readonly name: string;
      readonly preferredVersion?: { readonly version: string };
    }[];
  };
  const wanted = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...(groups.groups ?? []).map(({ name, preferredVersion }) => {
      const version = preferredVersion?.version ?? 'v1';
      return { group: name, version, path: `/apis/${name}/${version}` };
    }),
  ];
  const resources = new Map<string, AnyResource>();
  for (const { group, version, path } of wanted) {
    const list = (await read(path)) as DiscoveredResources;
    for (const resource of deletableResources(group, version, list)) {
      // events.k8s.io shows the same objects as core events.
      if (group === 'events.k8s.io') continue;
      resources.set(resourceName(resource), resource);
    }
  }
  return [...resources.values()];
}
