// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  isJsonObject,
  type Json,
  type JsonObject,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import { withDefaults } from '../defaults/merge.ts';
import { defaultPod } from '../defaults/pod.ts';
import type { ResourceStrategy } from '../strategy.ts';
import { validatePodSpec, validatePodUpdate } from '../validation/pod.ts';

/** Seconds a pod stays on a node that is lost (admission plug-in DefaultTolerationSeconds). */
const TOLERATION_SECONDS = 300;
const NODE_LOSS_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** The rules of pods, with what the default admission plug-ins add (but for the service account's volume). */
export const POD_STRATEGY: ResourceStrategy = {
  setDefaults: defaultPod,
  prepareCreate: (object) => {
    const spec = admit(objectOf(object.spec));
    return { ...object, spec, status: { phase: 'Pending', qosClass: qosClassOf(spec) } };
  },
  prepareUpdate: (next, previous, context) =>
    context.subresource === 'status'
      ? { ...next, spec: previous.spec ?? {}, status: withDefaults(next.status, qosOf(previous)) }
      : { ...next, spec: withTolerations(objectOf(next.spec)) },
  validateCreate: (object) => validatePodSpec(objectOf(object.spec), 'spec'),
  validateUpdate: (next, previous, context) => {
    if (context.subresource !== '') return [];
    return [...validatePodSpec(objectOf(next.spec), 'spec'), ...validatePodUpdate(next, previous)];
  },
};

function qosOf(pod: ApiObject): JsonObject {
  return { qosClass: objectOf(pod.status).qosClass };
}

function admit(spec: JsonObject): JsonObject {
  const account = stringOf(spec.serviceAccountName) || stringOf(spec.serviceAccount) || 'default';
  const admitted = withDefaults(spec, { priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
  return withTolerations({ ...admitted, serviceAccountName: account, serviceAccount: account });
}

/** On updates too, so that these tolerations cannot be removed. */
function withTolerations(spec: JsonObject): JsonObject {
  const tolerations = arrayOf(spec.tolerations).map(objectOf);
  const added = NODE_LOSS_TAINTS.filter(
    (key) => !tolerations.some((toleration) => tolerates(toleration, key)),
  ).map(
    (key): JsonObject => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: TOLERATION_SECONDS,
    }),
  );
  return { ...spec, tolerations: [...tolerations, ...added] };
}

function tolerates(toleration: JsonObject, key: string): boolean {
  const own = stringOf(toleration.key);
  const effect = stringOf(toleration.effect);
  return (own === key || own === '') && (effect === '' || effect === 'NoExecute');
}

/** Guaranteed: all limits set and equal to the requests; BestEffort: nothing set; else Burstable. */
function qosClassOf(spec: JsonObject): string {
  const containers = [...arrayOf(spec.containers), ...arrayOf(spec.initContainers)].map(objectOf);
  const resources = containers.map((container) => objectOf(container.resources));
  const isSet = (value: Json | undefined): boolean => isJsonObject(value) && Object.keys(value).length > 0;
  if (!resources.some((item) => isSet(item.limits) || isSet(item.requests))) return 'BestEffort';
  const guaranteed = resources.every((item) => {
    const limits = objectOf(item.limits);
    const requests = objectOf(item.requests);
    return ['cpu', 'memory'].every((name) => limits[name] !== undefined && requests[name] === limits[name]);
  });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
