// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, type JsonObject, objectOf } from '../api/objects.ts';
import { changeObject, withDefaults } from './merge.ts';
import { defaultTemplate } from './pod.ts';

/** Defaults of a Deployment. */
export function defaultDeployment(object: ApiObject): ApiObject {
  const spec = withDefaults(defaultTemplate(objectOf(object.spec)), {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
  const strategy = rolling(spec.strategy, { maxUnavailable: '25%', maxSurge: '25%' });
  return { ...object, spec: { ...spec, strategy } };
}

/** Defaults of a ReplicaSet. */
export function defaultReplicaSet(object: ApiObject): ApiObject {
  return { ...object, spec: withDefaults(defaultTemplate(objectOf(object.spec)), { replicas: 1 }) };
}

/** Defaults of a DaemonSet. */
export function defaultDaemonSet(object: ApiObject): ApiObject {
  const spec = withDefaults(defaultTemplate(objectOf(object.spec)), { revisionHistoryLimit: 10 });
  const updateStrategy = rolling(spec.updateStrategy, { maxUnavailable: 1, maxSurge: 0 });
  return { ...object, spec: { ...spec, updateStrategy } };
}

function rolling(value: JsonObject[string], limits: JsonObject): JsonObject {
  const strategy = withDefaults(value, { type: 'RollingUpdate' });
  if (strategy.type !== 'RollingUpdate') return strategy;
  return changeObject(withDefaults(strategy, { rollingUpdate: {} }), 'rollingUpdate', (given) =>
    withDefaults(given, limits),
  );
}
