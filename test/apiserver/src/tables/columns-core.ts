// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, type Json, numberOf, objectOf, stringOf } from '../api/objects.ts';
import { AGE, type Column, type Table, text, wide } from './column.ts';
import { ageOf, NONE, UNKNOWN } from './format.ts';
import { summarizePod } from './pod.ts';

const NODE_ROLE = 'node-role.kubernetes.io/';

function count(object: ApiObject, ...keys: readonly string[]): number {
  return keys.reduce((sum, key) => sum + Object.keys(objectOf(object[key])).length, 0);
}

function nodeStatus(node: ApiObject): string {
  const ready = arrayOf(at(node, 'status', 'conditions')).find((item) => at(item, 'type') === 'Ready');
  const word = ready === undefined ? 'Unknown' : at(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return at(node, 'spec', 'unschedulable') === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles(node: ApiObject): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(NODE_ROLE) && key.length > NODE_ROLE.length) roles.add(key.slice(NODE_ROLE.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].sort().join(',') || NONE;
}

function nodeAddress(node: ApiObject, type: string): string {
  const found = arrayOf(at(node, 'status', 'addresses')).find((item) => at(item, 'type') === type);
  return stringOf(at(found, 'address')) || NONE;
}

function nodeInfo(node: ApiObject, key: string): string {
  return stringOf(at(node, 'status', 'nodeInfo', key)) || UNKNOWN;
}

function kernel(node: ApiObject): string {
  const architecture = stringOf(at(node, 'status', 'nodeInfo', 'architecture'));
  return nodeInfo(node, 'kernelVersion') + (architecture === '' ? '' : ` (${architecture})`);
}

function readinessGates(pod: ApiObject): string {
  const gates = arrayOf(at(pod, 'spec', 'readinessGates'));
  if (gates.length === 0) return NONE;
  const conditions = arrayOf(at(pod, 'status', 'conditions'));
  const open = gates.filter((gate) =>
    conditions.some(
      (item) => at(item, 'type') === at(gate, 'conditionType') && at(item, 'status') === 'True',
    ),
  );
  return `${open.length}/${gates.length}`;
}

function eventSource(event: ApiObject): string {
  const component = stringOf(at(event, 'source', 'component')) || stringOf(event.reportingComponent);
  const instance = stringOf(at(event, 'source', 'host')) || stringOf(event.reportingInstance);
  return instance === '' ? component : `${component}, ${instance}`;
}

function firstSeen(event: ApiObject): Json | undefined {
  return event.firstTimestamp ?? event.eventTime;
}

function lastSeen(event: ApiObject): Json | undefined {
  return at(event, 'series', 'lastObservedTime') ?? event.lastTimestamp ?? firstSeen(event);
}

function eventTarget(event: ApiObject): string {
  const kind = stringOf(at(event, 'involvedObject', 'kind')).toLowerCase();
  const name = stringOf(at(event, 'involvedObject', 'name'));
  return name === '' ? kind : `${kind}/${name}`;
}

const EVENT_COLUMNS: readonly Column[] = [
  text('Last Seen', 'When the event was seen last.', (event, now) => ageOf(lastSeen(event), now)),
  text('Type', 'Normal or Warning.', (event) => stringOf(event.type)),
  text('Reason', 'Short, machine readable reason.', (event) => stringOf(event.reason)),
  text('Object', 'What the event is about.', eventTarget),
  wide('Subobject', 'Part of the object.', (event) => stringOf(at(event, 'involvedObject', 'fieldPath'))),
  wide('Source', 'Who reported it.', eventSource),
  text('Message', 'What happened.', (event) => stringOf(event.message).trim()),
  wide('First Seen', 'When the event was seen first.', (event, now) => ageOf(firstSeen(event), now)),
  wide('Count', 'How often it was seen.', (event) =>
    numberOf(at(event, 'series', 'count'), numberOf(event.count) || 1),
  ),
  wide('Name', 'Name of the event.', (event) => event.metadata.name ?? ''),
];

/** Tables of configuration, nodes, pods and events. */
export const CORE_TABLES: readonly Table[] = [
  ['/Event', EVENT_COLUMNS],
  ['events.k8s.io/Event', EVENT_COLUMNS],
  ['/ConfigMap', [text('Data', 'Number of keys.', (object) => count(object, 'data', 'binaryData')), AGE]],
  [
    '/Secret',
    [
      text('Type', 'Type of the secret.', (object) => stringOf(object.type)),
      text('Data', 'Number of keys.', (object) => count(object, 'data')),
      AGE,
    ],
  ],
  ['/Namespace', [text('Status', 'Phase.', (object) => stringOf(at(object, 'status', 'phase'))), AGE]],
  ['/ServiceAccount', [AGE]],
  [
    '/Node',
    [
      text('Status', 'The status of the node.', nodeStatus),
      text('Roles', 'The roles of the node.', nodeRoles),
      AGE,
      text('Version', 'Version of the kubelet.', (node) =>
        stringOf(at(node, 'status', 'nodeInfo', 'kubeletVersion')),
      ),
      wide('Internal-IP', 'Address inside the cluster.', (node) => nodeAddress(node, 'InternalIP')),
      wide('External-IP', 'Address outside of the cluster.', (node) => nodeAddress(node, 'ExternalIP')),
      wide('OS-Image', 'Operating system.', (node) => nodeInfo(node, 'osImage')),
      wide('Kernel-Version', 'Kernel.', kernel),
      wide('Container-Runtime', 'Container runtime.', (node) => nodeInfo(node, 'containerRuntimeVersion')),
    ],
  ],
  [
    '/Pod',
    [
      text('Ready', 'Ready containers of all.', (pod, now) => {
        const { ready, total } = summarizePod(pod, now);
        return `${ready}/${total}`;
      }),
      text('Status', 'How the pod is.', (pod, now) => summarizePod(pod, now).status),
      text('Restarts', 'Restarts of its containers.', (pod, now) => summarizePod(pod, now).restarts),
      AGE,
      wide('IP', 'Address of the pod.', (pod) => stringOf(at(pod, 'status', 'podIP')) || NONE),
      wide('Node', 'Node it runs on.', (pod) => stringOf(at(pod, 'spec', 'nodeName')) || NONE),
      wide(
        'Nominated Node',
        'Node it waits for.',
        (pod) => stringOf(at(pod, 'status', 'nominatedNodeName')) || NONE,
      ),
      wide('Readiness Gates', 'Conditions that count as readiness.', readinessGates),
    ],
  ],
];
