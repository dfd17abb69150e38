// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, numberOf } from '../api/objects.ts';
import { AGE, type Column, integer, type Table, text, wide } from './column.ts';
import { containerTexts, formatLabels, formatSelector } from './format.ts';

function status(object: ApiObject, key: string): number {
  return numberOf(at(object, 'status', key));
}

const CONTAINERS: readonly Column[] = [
  wide('Containers', 'Names of the containers.', (object) =>
    containerTexts(at(object, 'spec', 'template'), 'name'),
  ),
  wide('Images', 'Images of the containers.', (object) =>
    containerTexts(at(object, 'spec', 'template'), 'image'),
  ),
  wide('Selector', 'Pods that belong to it.', (object) => formatSelector(at(object, 'spec', 'selector'))),
];

/** Tables of the apps group. */
export const WORKLOAD_TABLES: readonly Table[] = [
  [
    'apps/Deployment',
    [
      text(
        'Ready',
        'Ready pods of those wanted.',
        (object) => `${status(object, 'readyReplicas')}/${numberOf(at(object, 'spec', 'replicas'))}`,
      ),
      text('Up-to-date', 'Pods of the present template.', (object) => status(object, 'updatedReplicas')),
      text('Available', 'Pods available for long enough.', (object) => status(object, 'availableReplicas')),
      AGE,
      ...CONTAINERS,
    ],
  ],
  [
    'apps/ReplicaSet',
    [
      integer('Desired', 'Pods wanted.', (object) => numberOf(at(object, 'spec', 'replicas'))),
      integer('Current', 'Pods there are.', (object) => status(object, 'replicas')),
      integer('Ready', 'Pods ready.', (object) => status(object, 'readyReplicas')),
      AGE,
      ...CONTAINERS,
    ],
  ],
  [
    'apps/DaemonSet',
    [
      integer('Desired', 'Nodes that should run it.', (object) => status(object, 'desiredNumberScheduled')),
      integer('Current', 'Nodes that have a pod.', (object) => status(object, 'currentNumberScheduled')),
      integer('Ready', 'Nodes with a ready pod.', (object) => status(object, 'numberReady')),
      integer('Up-to-date', 'Nodes with the present template.', (object) =>
        status(object, 'updatedNumberScheduled'),
      ),
      integer('Available', 'Nodes with an available pod.', (object) => status(object, 'numberAvailable')),
      text('Node Selector', 'Nodes it is for.', (object) =>
        formatLabels(at(object, 'spec', 'template', 'spec', 'nodeSelector')),
      ),
      AGE,
      ...CONTAINERS,
    ],
  ],
];
