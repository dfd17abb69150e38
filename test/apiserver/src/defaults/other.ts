// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  isJsonObject,
  type JsonObject,
  objectOf,
  stringOf,
  withMeta,
} from '../api/objects.ts';
import { changeItems, changeObject, withDefaults } from './merge.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** A namespace carries its own name as a label. */
export function defaultNamespace(object: ApiObject): ApiObject {
  const { name, labels } = object.metadata;
  if (name === undefined || name === '') return object;
  return withMeta(object, { labels: { ...labels, 'kubernetes.io/metadata.name': name } });
}

/** What can be allocated on a node is its capacity, unless said otherwise. */
export function defaultNode(node: ApiObject): ApiObject {
  const object = withPodCidrs(node);
  const status = objectOf(object.status);
  if (!isJsonObject(status.capacity) || isJsonObject(status.allocatable)) return object;
  return { ...object, status: { ...status, allocatable: status.capacity } };
}

/** `podCIDR` and the first of `podCIDRs` are one; where they differ, the single one is what a client changed. */
function withPodCidrs(object: ApiObject): ApiObject {
  const spec = objectOf(object.spec);
  const single = stringOf(spec.podCIDR);
  const list = arrayOf(spec.podCIDRs);
  if (single !== '' && single !== list[0]) return { ...object, spec: { ...spec, podCIDRs: [single] } };
  if (single === '' && list.length > 0) return { ...object, spec: { ...spec, podCIDR: list[0] } };
  return object;
}

/** `stringData` becomes `data`; the type is Opaque unless said otherwise. */
export function defaultSecret(object: ApiObject): ApiObject {
  const { stringData, ...rest } = withDefaults(object, { type: 'Opaque' });
  const secret = { ...rest, metadata: object.metadata };
  if (!isJsonObject(stringData)) return secret;
  const encoded = Object.entries(stringData).map(([key, value]): [string, string] => [
    key,
    Buffer.from(stringOf(value)).toString('base64'),
  ]);
  return { ...secret, data: { ...objectOf(object.data), ...Object.fromEntries(encoded) } };
}

/** Ports of Endpoints are TCP unless said otherwise. */
export function defaultEndpoints(object: ApiObject): ApiObject {
  const result = changeItems(object, 'subsets', (subset) =>
    changeItems(subset, 'ports', (port) => withDefaults(port, { protocol: 'TCP' })),
  );
  return { ...result, metadata: object.metadata };
}

/** Ports of EndpointSlices have a name, if an empty one, and are TCP unless said otherwise. */
export function defaultEndpointSlice(object: ApiObject): ApiObject {
  const result = changeItems(object, 'ports', (port) => withDefaults(port, { name: '', protocol: 'TCP' }));
  return { ...result, metadata: object.metadata };
}

/** API groups of roles and subjects in bindings. */
export function defaultBinding(object: ApiObject): ApiObject {
  const withRole = changeObject(object, 'roleRef', (role) => withDefaults(role, { apiGroup: RBAC_GROUP }));
  const result = changeItems(withRole, 'subjects', defaultSubject);
  return { ...result, metadata: object.metadata };
}

function defaultSubject(subject: JsonObject): JsonObject {
  const grouped = subject.kind === 'User' || subject.kind === 'Group';
  return grouped ? withDefaults(subject, { apiGroup: RBAC_GROUP }) : subject;
}
