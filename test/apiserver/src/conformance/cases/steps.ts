// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json, type JsonObject, objectOf } from '../../api/objects.ts';
import type { ConformanceCase, PatchStyle, Step } from '../case.ts';

const CORE = '/api/v1/namespaces/{ns}';

/** Collections of the case's namespace, by plural. */
const PATHS: Readonly<Record<string, string>> = {
  deployments: '/apis/apps/v1/namespaces/{ns}/deployments',
  replicasets: '/apis/apps/v1/namespaces/{ns}/replicasets',
  daemonsets: '/apis/apps/v1/namespaces/{ns}/daemonsets',
  leases: '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
  endpointslices: '/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices',
  roles: '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles',
  rolebindings: '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings',
  clusterroles: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  clusterrolebindings: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  nodes: '/api/v1/nodes',
  namespaces: '/api/v1/namespaces',
};

/** Path of a collection. */
export function collection(plural: string): string {
  return PATHS[plural] ?? `${CORE}/${plural}`;
}

/** Creates an object. */
export function create(plural: string, body: Json, query = ''): Step {
  return { method: 'POST', path: collection(plural) + query, body };
}

/** Reads an object. */
export function get(plural: string, name: string): Step {
  return { method: 'GET', path: `${collection(plural)}/${name}` };
}

/** Deletes an object; the name may go on with a query. */
export function remove(plural: string, name: string, options?: Json): Step {
  return {
    method: 'DELETE',
    path: `${collection(plural)}/${name}`,
    ...(options === undefined ? {} : { body: options }),
  };
}

/** Lists a collection, with a query. */
export function list(plural: string, query = '', accept?: string): Step {
  return { method: 'GET', path: collection(plural) + query, ...(accept === undefined ? {} : { accept }) };
}

/** Patches an object; the name may go on with a sub-resource and a query. */
export function patch(plural: string, name: string, style: PatchStyle, body: Json): Step {
  return { method: 'PATCH', path: `${collection(plural)}/${name}`, style, body };
}

/** Replaces an object by what `change` makes of the answer before. */
export function replace(plural: string, name: string, change: (object: JsonObject) => JsonObject): Step {
  return {
    method: 'PUT',
    path: `${collection(plural)}/${name}`,
    body: (previous) => change(isJsonObject(previous) ? previous : {}),
  };
}

/** Applies an object of kind Service. */
export function applyService(name: string, query: string, body: JsonObject): Step {
  const metadata = { name, ...objectOf(body.metadata) };
  return {
    method: 'PATCH',
    path: `${CORE}/services/${name}?${query}`,
    style: 'apply',
    body: { apiVersion: 'v1', kind: 'Service', ...body, metadata },
  };
}

/** A case. */
export function testCase(name: string, ...steps: readonly Step[]): ConformanceCase {
  return { name, steps };
}

/** A Service with one port. */
export function service(name: string, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80 }], ...spec },
  };
}

/** The object with other `spec` fields. */
export function withSpecOf(object: JsonObject, spec: JsonObject): JsonObject {
  return { ...object, spec: { ...objectOf(object.spec), ...spec } };
}
