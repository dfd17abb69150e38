// SPDX-License-Identifier: Apache-2.0
import type { ListOptions, ObjectRef, PatchOptions, Selection } from './client.ts';
import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';

/**
 * Path of a collection (`name` absent) or of one object.
 *
 * @throws TypeError when a namespaced object is named without a namespace: the API has no such path
 */
export function resourcePath(
  resource: Resource<KubeObject>,
  where: { readonly namespace?: string; readonly name?: string },
  subresource?: string,
): string {
  const { group, version, plural, namespaced } = resource;
  if (namespaced && where.name !== undefined && !where.namespace) {
    throw new TypeError(
      `${plural} ${JSON.stringify(where.name)}: a namespace is needed to name one of these`,
    );
  }
  const parts = group === '' ? ['/api', version] : ['/apis', group, version];
  if (namespaced && where.namespace) parts.push('namespaces', encodeURIComponent(where.namespace));
  parts.push(plural);
  if (where.name !== undefined) parts.push(encodeURIComponent(where.name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}

/** Where a POST of `object` goes, or where it lives. */
export function refOf(object: KubeObject): ObjectRef {
  const { namespace, name } = object.metadata ?? {};
  return { ...(namespace && { namespace }), name: name ?? '' };
}

/** `?a=b&c=d`, without what is undefined; '' when nothing is left. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** The selector part of a query. */
export function selectors(selection: Selection): Record<string, string | undefined> {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}

/** Query of a list. */
export function listQuery(options: ListOptions): string {
  return query({
    ...selectors(options),
    limit: options.limit,
    continue: options.continueToken,
    resourceVersion: options.resourceVersion,
  });
}

/** Media type of each kind of patch. Apply patches are YAML, of which JSON is a part. */
export const PATCH_TYPE: Readonly<Record<PatchOptions['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
