// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { AnyResource } from '../model/actions.ts';
import type { Item } from './collection.ts';

/** Who owns whom, by uid. */
export class OwnerGraph {
  readonly #items = new Map<string, Item>();
  readonly #children = new Map<string, Set<string>>();

  /** The object of a uid. */
  get(uid: string): Item | undefined {
    return this.#items.get(uid);
  }

  /** Objects that name this one as an owner. */
  dependents(uid: string): Item[] {
    return [...(this.#children.get(uid) ?? [])]
      .map((child) => this.#items.get(child))
      .filter((item) => item !== undefined);
  }

  /** Takes in an object; returns the uids that have to be looked at because of it. */
  put(resource: AnyResource, object: KubeObject): string[] {
    const uid = object.metadata?.uid ?? '';
    this.#unlink(uid);
    this.#items.set(uid, { resource, object });
    for (const owner of object.metadata?.ownerReferences ?? []) {
      const children = this.#children.get(owner.uid) ?? new Set<string>();
      this.#children.set(owner.uid, children.add(uid));
    }
    const ending = object.metadata?.deletionTimestamp !== undefined;
    const owned = (object.metadata?.ownerReferences ?? []).length > 0;
    return [...(owned || ending ? [uid] : []), ...(ending ? (this.#children.get(uid) ?? []) : [])];
  }

  /** Takes out an object; its children may be orphans now, and its owners may have waited for it. */
  remove(object: KubeObject): string[] {
    const uid = object.metadata?.uid ?? '';
    this.#unlink(uid);
    this.#items.delete(uid);
    const owners = (object.metadata?.ownerReferences ?? []).map((owner) => owner.uid);
    return [...(this.#children.get(uid) ?? []), ...owners];
  }

  #unlink(uid: string): void {
    for (const owner of this.#items.get(uid)?.object.metadata?.ownerReferences ?? []) {
      const children = this.#children.get(owner.uid);
      children?.delete(uid);
      if (children?.size === 0) this.#children.delete(owner.uid);
    }
  }
}
