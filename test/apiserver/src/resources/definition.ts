// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, Json } from '../api/objects.ts';
import type { FieldReaders } from '../selectors/fields.ts';

/** Sub-resources this server knows. */
export type Subresource = 'status' | 'scale' | 'binding' | 'eviction' | 'token' | 'finalize';

/** Verbs on stored objects. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** Which names a kind allows (the validators of k8s.io/apimachinery). */
export type NameRule = 'subdomain' | 'label' | 'path';

/** Everything about a stored resource that is not a rule about its content: what it is called and how it behaves. */
export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
  /** Collection that holds the objects; core and events.k8s.io events share one. */
  readonly storage: string;
  readonly nameRule: NameRule;
  /** The part of an object whose change bumps `metadata.generation`; absent: the kind has no generation. */
  readonly generationOf?: (object: ApiObject) => Json;
  /** PUT creates a missing object. */
  readonly createOnUpdate: boolean;
  /** PUT without resourceVersion is allowed. */
  readonly unconditionalUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  /** Said in a `Warning:` header with every answer. */
  readonly deprecation?: string;
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly fields: FieldReaders;
  /** Stored form to the form of this group version, and back; absent when they are the same. */
  readonly view?: {
    readonly fromStored: (object: ApiObject) => ApiObject;
    readonly toStored: (object: ApiObject) => ApiObject;
  };
}

/** `v1` or `apps/v1`. */
export function groupVersionOf(definition: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}

/** `group/Kind`, the key of strategies: `/Service`, `apps/Deployment`. */
export function kindKey(definition: Pick<ResourceDefinition, 'group' | 'kind'>): string {
  return `${definition.group}/${definition.kind}`;
}
