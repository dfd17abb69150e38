// SPDX-License-Identifier: Apache-2.0
import { parseTypes } from './parse.ts';
import { CONFIGURATION_TYPES } from './tables/configuration.ts';
import { CONTAINER_TYPES } from './tables/container.ts';
import { JOB_TYPES } from './tables/job.ts';
import { META_TYPES } from './tables/meta.ts';
import { NODE_TYPES } from './tables/node.ts';
import { POD_TYPES } from './tables/pod.ts';
import { SERVICE_TYPES } from './tables/service.ts';
import { VOLUME_TYPES } from './tables/volume.ts';
import { WORKLOAD_TYPES } from './tables/workload.ts';
import type { StructType } from './types.ts';

/** Every type of the kinds we serve, by name. */
export const TYPES = parseTypes(
  META_TYPES,
  SERVICE_TYPES,
  NODE_TYPES,
  VOLUME_TYPES,
  CONTAINER_TYPES,
  POD_TYPES,
  WORKLOAD_TYPES,
  JOB_TYPES,
  CONFIGURATION_TYPES,
);

const CORE = [
  'Namespace',
  'Node',
  'Pod',
  'Service',
  'Endpoints',
  'ConfigMap',
  'Secret',
  'Event',
  'ServiceAccount',
];
const APPS = ['Deployment', 'ReplicaSet', 'DaemonSet'];
const RBAC = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

const NAMES = new Map<string, string>([
  ...CORE.map((kind): [string, string] => [`/${kind}`, kind]),
  ...APPS.map((kind): [string, string] => [`apps/${kind}`, kind]),
  ...RBAC.map((kind): [string, string] => [`rbac.authorization.k8s.io/${kind}`, kind]),
  ['batch/Job', 'Job'],
  ['discovery.k8s.io/EndpointSlice', 'EndpointSlice'],
  ['coordination.k8s.io/Lease', 'Lease'],
  ['events.k8s.io/Event', 'EventsEvent'],
]);

/** The type of a kind, named `group/Kind` (`/Service`, `apps/Deployment`); `undefined` for a kind without a table. */
export function schemaOf(kind: string): StructType | undefined {
  const name = NAMES.get(kind);
  return name === undefined ? undefined : TYPES.get(name);
}
