// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, at, jsonEqual, objectOf, stringOf } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import { changeObject, withDefaults } from '../defaults/merge.ts';
import { defaultTemplate } from '../defaults/pod.ts';
import type { ResourceStrategy } from '../strategy.ts';
import { invalidValue, unsupportedValue } from '../validation/field.ts';
import { validatePodSpec } from '../validation/pod.ts';

const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid';

function defaultJob(object: ApiObject): ApiObject {
  const spec = withDefaults(defaultTemplate(objectOf(object.spec)), {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
  });
  return { ...object, spec };
}

/** Labels by which a Job knows its pods, as the server gives them to every Job. */
function withSelector(object: ApiObject): ApiObject {
  const uid = object.metadata.uid ?? '';
  const name = object.metadata.name ?? '';
  const labels = {
    [CONTROLLER_UID]: uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  const spec = changeObject(
    { ...objectOf(object.spec), selector: { matchLabels: { [CONTROLLER_UID]: uid } } },
    'template',
    (template) => {
      const metadata = objectOf(template.metadata);
      return { ...template, metadata: { ...metadata, labels: { ...objectOf(metadata.labels), ...labels } } };
    },
  );
  return { ...object, spec, status: {} };
}

function validate(object: ApiObject): Cause[] {
  const pod = objectOf(at(object, 'spec', 'template', 'spec'));
  const field = 'spec.template.spec';
  const policy = stringOf(pod.restartPolicy);
  return [
    ...validatePodSpec(pod, field),
    ...(['OnFailure', 'Never'].includes(policy)
      ? []
      : [unsupportedValue(`${field}.restartPolicy`, policy, ['OnFailure', 'Never'])]),
  ];
}

/** What runs stays as it was started. */
function validateUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  return ['selector', 'template', 'completionMode'].flatMap((key) => {
    const value = at(next, 'spec', key);
    if (jsonEqual(value, at(previous, 'spec', key))) return [];
    return [invalidValue(`spec.${key}`, value, 'field is immutable')];
  });
}

/** The rules of Jobs, as far as one that runs a single pod to its end needs them. */
export const JOB_STRATEGY: ResourceStrategy = {
  setDefaults: defaultJob,
  prepareCreate: withSelector,
  prepareUpdate: (next) => next,
  validateCreate: validate,
  validateUpdate: (next, previous, { subresource }) =>
    subresource === 'status' ? [] : [...validate(next), ...validateUpdate(next, previous)],
};
