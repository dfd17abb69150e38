// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  at,
  isJsonObject,
  type JsonObject,
  jsonEqual,
  numberOf,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import { invalidValue, requiredValue, unsupportedValue } from './field.ts';
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
  causes.push(...validateSelector(spec, kind), ...validateTemplate(spec));
  return causes;
}

function validateSelector(spec: JsonObject, kind: string): Cause[] {
  const selector = spec.selector;
  if (!isJsonObject(selector)) return [requiredValue('spec.selector')];
  const labels = objectOf(selector.matchLabels) as Record<string, string>;
  const expressions = arrayOf(selector.matchExpressions);
  const causes = validateLabels('spec.selector.matchLabels', labels);
  if (Object.keys(labels).length === 0 && expressions.length === 0) {
    causes.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kind}`));
  }
  const templateLabels = objectOf(at(spec, 'template', 'metadata', 'labels'));
  const matches = Object.entries(labels).every(([key, value]) => templateLabels[key] === value);
  if (!matches) {
    const detail = '`selector` does not match template `labels`';
    causes.push(invalidValue('spec.template.metadata.labels', templateLabels, detail));
  }
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
