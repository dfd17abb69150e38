// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  at,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonEqual,
  numberOf,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import { forbiddenValue, invalidValue, requiredValue, unsupportedValue } from './field.ts';
import { validateLabels } from './labels.ts';
import { validatePodSpec } from './pod.ts';

const NOT_NEGATIVE = 'must be greater than or equal to 0';

/** What is wrong with a Deployment, ReplicaSet or DaemonSet; `kind` as messages name it (`deployment`). */
export function validateWorkload(object: ApiObject, kind: string): Cause[] {
  const spec = objectOf(object.spec);
  const causes: Cause[] = [];
  for (const field of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    const value = numberOf(spec[field]);
    if (value < 0) causes.push(invalidValue(`spec.${field}`, value, NOT_NEGATIVE));
  }
  const deadline = spec.progressDeadlineSeconds;
  if (typeof deadline === 'number' && deadline <= numberOf(spec.minReadySeconds)) {
    causes.push(
      invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    );
  }
  causes.push(...validateStrategy(spec), ...validateSelector(spec, kind), ...validateTemplate(spec));
  return causes;
}

function validateStrategy(spec: JsonObject): Cause[] {
  const strategy = objectOf(spec.strategy);
  const rolling = strategy.rollingUpdate;
  const field = 'spec.strategy.rollingUpdate';
  if (strategy.type === 'Recreate' && isJsonObject(rolling)) {
    return [forbiddenValue(field, "may not be specified when strategy `type` is 'Recreate'")];
  }
  const isNothing = (value: Json | undefined): boolean => value === 0 || value === '0%';
  if (!isJsonObject(rolling) || !isNothing(rolling.maxSurge) || !isNothing(rolling.maxUnavailable)) return [];
  const value = rolling.maxUnavailable;
  return [invalidValue(`${field}.maxUnavailable`, value, 'may not be 0 when `maxSurge` is 0')];
}

function validateSelector(spec: JsonObject, kind: string): Cause[] {
  const selector = spec.selector;
  const templateLabels = objectOf(at(spec, 'template', 'metadata', 'labels'));
  const mismatch = invalidValue(
    'spec.template.metadata.labels',
    templateLabels,
    '`selector` does not match template `labels`',
  );
  if (!isJsonObject(selector)) return [requiredValue('spec.selector'), mismatch];
  const labels = objectOf(selector.matchLabels) as Record<string, string>;
  const expressions = arrayOf(selector.matchExpressions);
  const causes = validateLabels('spec.selector.matchLabels', labels);
  if (Object.keys(labels).length === 0 && expressions.length === 0) {
    causes.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kind}`));
  }
  const matches = Object.entries(labels).every(([key, value]) => templateLabels[key] === value);
  if (!matches) causes.push(mismatch);
  return causes;
}

function validateTemplate(spec: JsonObject): Cause[] {
  const template = objectOf(objectOf(spec.template).spec);
  const causes = validatePodSpec(template, 'spec.template.spec');
  const policy = stringOf(template.restartPolicy);
  if (policy !== 'Always') {
    causes.push(unsupportedValue('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  return causes;
}

/** The selector of a workload never changes. */
export function validateWorkloadUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const selector = at(next, 'spec', 'selector');
  if (jsonEqual(selector, at(previous, 'spec', 'selector'))) return [];
  return [invalidValue('spec.selector', selector, 'field is immutable')];
}
