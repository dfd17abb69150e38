// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, type JsonObject, jsonEqual, numberOf, withMeta } from '../api/objects.ts';
import { defaultDaemonSet, defaultDeployment, defaultReplicaSet } from '../defaults/workload.ts';
import type { ResourceStrategy } from '../strategy.ts';
import { validateWorkload, validateWorkloadUpdate } from '../validation/workload.ts';

function workload(
  kind: string,
  setDefaults: (object: ApiObject) => ApiObject,
  emptyStatus: JsonObject,
): ResourceStrategy {
  return {
    setDefaults,
    prepareCreate: (object) => ({ ...object, status: emptyStatus }),
    prepareUpdate: (next) => next,
    validateCreate: (object) => validateWorkload(object, kind),
    validateUpdate: (next, previous, context) =>
      context.subresource === 'status'
        ? []
        : [...validateWorkload(next, kind), ...validateWorkloadUpdate(next, previous)],
  };
}

const DEPLOYMENT = workload('deployment', defaultDeployment, {});

/** The rules of Deployments; a status update leaves their labels alone. */
export const DEPLOYMENT_STRATEGY: ResourceStrategy = {
  ...DEPLOYMENT,
  prepareUpdate: (next, previous, context) =>
    context.subresource === 'status' ? withMeta(next, { labels: previous.metadata.labels }) : next,
};

/** The rules of ReplicaSets; even their messages say `deployment`. */
export const REPLICA_SET_STRATEGY = workload('deployment', defaultReplicaSet, { replicas: 0 });

const DAEMON_SET = workload('daemonset', defaultDaemonSet, {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
});

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

/** The rules of DaemonSets; an annotation counts the changes of the template. */
export const DAEMON_SET_STRATEGY: ResourceStrategy = {
  ...DAEMON_SET,
  setDefaults: (object) => {
    const known = object.metadata.annotations?.[TEMPLATE_GENERATION];
    return DAEMON_SET.setDefaults(known === undefined ? withGeneration(object, 0) : object);
  },
  prepareCreate: (object, context) => withGeneration(DAEMON_SET.prepareCreate(object, context), 1),
  prepareUpdate: (next, previous, context) => {
    if (context.subresource !== '') return next;
    const before = numberOf(Number(previous.metadata.annotations?.[TEMPLATE_GENERATION] ?? 1));
    const same = jsonEqual(at(next, 'spec', 'template'), at(previous, 'spec', 'template'));
    return withGeneration(next, same ? before : before + 1);
  },
};

function withGeneration(object: ApiObject, generation: number): ApiObject {
  const annotations = { ...object.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
  return withMeta(object, { annotations });
}
