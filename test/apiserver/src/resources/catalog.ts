// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, type Json, stringOf } from '../api/objects.ts';
import type { FieldReaders } from '../selectors/fields.ts';
import type { NameRule, ResourceDefinition, Subresource, Verb } from './definition.ts';
import { coreToEvents, eventsToCore } from './event-views.ts';

const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

interface Options {
  readonly namespaced?: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly Subresource[];
  readonly storage?: string;
  readonly nameRule?: NameRule;
  readonly generationOf?: (object: ApiObject) => Json;
  readonly createOnUpdate?: boolean;
  readonly unconditionalUpdate?: boolean;
  readonly returnsDeleted?: boolean;
  readonly verbs?: readonly Verb[];
  readonly fields?: readonly string[] | FieldReaders;
  readonly view?: ResourceDefinition['view'];
  readonly deprecation?: string;
}

function define(
  groupVersion: string,
  plural: string,
  kind: string,
  options: Options = {},
): ResourceDefinition {
  const [group = '', version = ''] = groupVersion.includes('/')
    ? groupVersion.split('/')
    : ['', groupVersion];
  return {
    group,
    version,
    plural,
    kind,
    singular: kind.toLowerCase(),
    namespaced: options.namespaced ?? true,
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    verbs: options.verbs ?? ALL_VERBS,
    subresources: options.subresources ?? [],
    storage: options.storage ?? (group === '' ? plural : `${plural}.${group}`),
    nameRule: options.nameRule ?? 'subdomain',
    ...(options.generationOf ? { generationOf: options.generationOf } : {}),
    createOnUpdate: options.createOnUpdate ?? false,
    unconditionalUpdate: options.unconditionalUpdate ?? true,
    returnsDeleted: options.returnsDeleted ?? false,
    fields: readersOf(options.fields ?? [], options.namespaced ?? true),
    ...(options.view ? { view: options.view } : {}),
    ...(options.deprecation ? { deprecation: options.deprecation } : {}),
  };
}

function readersOf(fields: readonly string[] | FieldReaders, namespaced: boolean): FieldReaders {
  // Cluster-scoped kinds without fields of their own take the selector of all kinds, namespace included.
  const hasNamespace = namespaced || Object.keys(fields).length === 0;
  const readers: Record<string, (object: ApiObject) => string> = {
    'metadata.name': (object) => object.metadata.name ?? '',
    ...(hasNamespace ? { 'metadata.namespace': (object: ApiObject) => object.metadata.namespace ?? '' } : {}),
  };
  if (!isNames(fields)) return { ...readers, ...fields };
  for (const field of fields) {
    const path = field.split('.');
    readers[field] = (object) => textOf(at(object, ...path));
  }
  return readers;
}

function isNames(fields: readonly string[] | FieldReaders): fields is readonly string[] {
  return Array.isArray(fields);
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const spec = (object: ApiObject): Json => object.spec ?? null;

/** Field selectors of events; always read from the stored (core/v1) form, whatever the two groups call them. */
function eventFields(about: string, reporter: string): FieldReaders {
  const parts = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
  return {
    ...Object.fromEntries(
      parts.map((key) => [
        `${about}.${key}`,
        (object: ApiObject) => textOf(at(object, 'involvedObject', key)),
      ]),
    ),
    reason: (object) => stringOf(object.reason),
    type: (object) => stringOf(object.type),
    [reporter]: (object) => stringOf(object.reportingComponent),
    source: (object) => stringOf(at(object, 'source', 'component')) || stringOf(object.reportingComponent),
  };
}

const POD_FIELDS: FieldReaders = {
  'spec.nodeName': (object) => stringOf(at(object, 'spec', 'nodeName')),
  'spec.restartPolicy': (object) => stringOf(at(object, 'spec', 'restartPolicy')),
  'spec.schedulerName': (object) => stringOf(at(object, 'spec', 'schedulerName')),
  'spec.serviceAccountName': (object) => stringOf(at(object, 'spec', 'serviceAccountName')),
  'spec.hostNetwork': (object) => String(at(object, 'spec', 'hostNetwork') === true),
  'status.phase': (object) => stringOf(at(object, 'status', 'phase')),
  'status.podIP': (object) => stringOf(at(object, 'status', 'podIP')),
  'status.nominatedNodeName': (object) => stringOf(at(object, 'status', 'nominatedNodeName')),
};

const EVENTS = { shortNames: ['ev'], storage: 'events', createOnUpdate: true } as const;

/** Every stored resource this server serves. Where a kind differs from the usual, the real API server does too. */
export const RESOURCES: readonly ResourceDefinition[] = [
  define('v1', 'configmaps', 'ConfigMap', { shortNames: ['cm'] }),
  define('v1', 'endpoints', 'Endpoints', {
    shortNames: ['ep'],
    createOnUpdate: true,
    deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  }),
  define('v1', 'events', 'Event', { ...EVENTS, fields: eventFields('involvedObject', 'reportingComponent') }),
  define('v1', 'namespaces', 'Namespace', {
    namespaced: false,
    shortNames: ['ns'],
    subresources: ['finalize', 'status'],
    nameRule: 'label',
    returnsDeleted: true,
    verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
    fields: ['status.phase'],
  }),
  define('v1', 'nodes', 'Node', {
    namespaced: false,
    shortNames: ['no'],
    subresources: ['status'],
    fields: { 'spec.unschedulable': (object) => String(at(object, 'spec', 'unschedulable') === true) },
  }),
  define('v1', 'pods', 'Pod', {
    shortNames: ['po'],
    categories: ['all'],
    subresources: ['binding', 'eviction', 'status'],
    generationOf: spec,
    returnsDeleted: true,
    fields: POD_FIELDS,
  }),
  define('v1', 'secrets', 'Secret', { fields: ['type'] }),
  define('v1', 'serviceaccounts', 'ServiceAccount', {
    shortNames: ['sa'],
    subresources: ['token'],
    returnsDeleted: true,
  }),
  define('v1', 'services', 'Service', {
    shortNames: ['svc'],
    categories: ['all'],
    subresources: ['status'],
    nameRule: 'label',
    createOnUpdate: true,
    returnsDeleted: true,
    fields: ['spec.clusterIP', 'spec.type'],
  }),
  define('apps/v1', 'daemonsets', 'DaemonSet', {
    shortNames: ['ds'],
    categories: ['all'],
    subresources: ['status'],
    generationOf: spec,
  }),
  define('apps/v1', 'deployments', 'Deployment', {
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: ['scale', 'status'],
    generationOf: spec,
  }),
  define('apps/v1', 'replicasets', 'ReplicaSet', {
    shortNames: ['rs'],
    categories: ['all'],
    subresources: ['scale', 'status'],
    generationOf: spec,
    fields: { 'status.replicas': (object) => textOf(at(object, 'status', 'replicas') ?? 0) },
  }),
  define('batch/v1', 'jobs', 'Job', {
    categories: ['all'],
    subresources: ['status'],
    generationOf: spec,
    fields: { 'status.successful': (object) => textOf(at(object, 'status', 'succeeded') ?? 0) },
  }),
  define('coordination.k8s.io/v1', 'leases', 'Lease', { createOnUpdate: true, unconditionalUpdate: false }),
  define('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', {
    generationOf: (object) => [
      object.addressType ?? null,
      object.endpoints ?? null,
      object.ports ?? null,
      { ...object.metadata.labels },
    ],
  }),
  define('events.k8s.io/v1', 'events', 'Event', {
    ...EVENTS,
    fields: eventFields('regarding', 'reportingController'),
    view: { fromStored: coreToEvents, toStored: eventsToCore },
  }),
  define('networking.k8s.io/v1', 'ipaddresses', 'IPAddress', { namespaced: false, shortNames: ['ip'] }),
  define('networking.k8s.io/v1', 'servicecidrs', 'ServiceCIDR', {
    namespaced: false,
    subresources: ['status'],
  }),
  define('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', {
    namespaced: false,
    nameRule: 'path',
    createOnUpdate: true,
  }),
  define('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', {
    namespaced: false,
    nameRule: 'path',
    createOnUpdate: true,
  }),
  define('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', {
    nameRule: 'path',
    createOnUpdate: true,
  }),
  define('rbac.authorization.k8s.io/v1', 'roles', 'Role', { nameRule: 'path', createOnUpdate: true }),
];

const BY_PATH = new Map(RESOURCES.map((item) => [`${item.group}/${item.version}/${item.plural}`, item]));

/** The definition behind a request path, `undefined` when no such resource is served. */
export function findResource(group: string, version: string, plural: string): ResourceDefinition | undefined {
  return BY_PATH.get(`${group}/${version}/${plural}`);
}

/** The definition of a resource that must exist; for use inside the server. */
export function resource(group: string, plural: string): ResourceDefinition {
  const found = RESOURCES.find((item) => item.group === group && item.plural === plural);
  if (found === undefined) throw new Error(`no resource ${plural} in group "${group}" is defined`);
  return found;
}
