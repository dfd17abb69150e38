// SPDX-License-Identifier: Apache-2.0
import {
  type ApiObject,
  arrayOf,
  at,
  type Json,
  jsonEqual,
  numberOf,
  objectOf,
  stringOf,
} from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import {
  forbiddenValue,
  invalidFor,
  invalidValue,
  requiredValue,
  tooLong,
  unsupportedValue,
} from './field.ts';
import { configMapKey, qualifiedName } from './names.ts';

const MAX_DATA_BYTES = 1_048_576;
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** What is wrong with the keys of a ConfigMap, and whether it is too large. */
export function validateConfigMap(object: ApiObject): Cause[] {
  const data = objectOf(object.data);
  const binary = objectOf(object.binaryData);
  const causes = [...validateKeys('data', data), ...validateKeys('binaryData', binary)];
  for (const key of Object.keys(binary)) {
    if (data[key] !== undefined) {
      causes.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
  }
  const bytes = [...Object.values(data), ...Object.values(binary)].reduce<number>(
    (sum, value) => sum + sizeOf(value),
    0,
  );
  if (bytes > MAX_DATA_BYTES) causes.push(tooLong('[]', MAX_DATA_BYTES));
  return causes;
}

/** An immutable ConfigMap stays as it is. */
export function validateConfigMapUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  return validateImmutable(next, previous, ['data', 'binaryData']);
}

/** What is wrong with the keys of a Secret, and whether it is too large. */
export function validateSecret(object: ApiObject): Cause[] {
  const data = objectOf(object.data);
  const causes = validateKeys('data', data);
  const bytes = Object.values(data).reduce<number>(
    (sum, value) => sum + Buffer.from(stringOf(value), 'base64').length,
    0,
  );
  if (bytes > MAX_DATA_BYTES) causes.push(tooLong('data', MAX_DATA_BYTES));
  if (
    object.type === 'kubernetes.io/service-account-token' &&
    !object.metadata.annotations?.[ACCOUNT_ANNOTATION]
  ) {
    causes.push(requiredValue(`metadata.annotations[${ACCOUNT_ANNOTATION}]`));
  }
  for (const key of KEYS_OF_TYPE[stringOf(object.type)] ?? []) {
    if (data[key] === undefined) causes.push(requiredValue(`data[${key}]`));
  }
  return causes;
}

/** Keys that Secrets of well-known types must have. */
const KEYS_OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

const ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name';

/** The type of a Secret never changes; an immutable one stays as it is. */
export function validateSecretUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const causes: Cause[] = [];
  if (next.type !== previous.type) causes.push(invalidValue('type', next.type, 'field is immutable'));
  return [...causes, ...validateImmutable(next, previous, ['data'])];
}

function validateKeys(field: string, data: Readonly<Record<string, Json | undefined>>): Cause[] {
  return Object.keys(data).flatMap((key) => invalidFor(`${field}[${key}]`, key, configMapKey(key)));
}

function sizeOf(value: Json | undefined): number {
  return Buffer.byteLength(stringOf(value));
}

function validateImmutable(next: ApiObject, previous: ApiObject, fields: readonly string[]): Cause[] {
  if (previous.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const causes = next.immutable === true ? [] : [forbiddenValue('immutable', detail)];
  for (const field of fields) {
    if (!jsonEqual(next[field] ?? {}, previous[field] ?? {})) causes.push(forbiddenValue(field, detail));
  }
  return causes;
}

/** What is wrong with a Lease. */
export function validateLease(object: ApiObject): Cause[] {
  const duration = at(object, 'spec', 'leaseDurationSeconds');
  const transitions = at(object, 'spec', 'leaseTransitions');
  const causes: Cause[] = [];
  if (duration !== undefined && numberOf(duration) <= 0) {
    causes.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  }
  if (transitions !== undefined && numberOf(transitions) < 0) {
    causes.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  return causes;
}

/** An Event stands in the namespace of what it is about; about cluster-wide objects in `default`. */
export function validateEvent(object: ApiObject): Cause[] {
  const own = object.metadata.namespace ?? '';
  const about = stringOf(at(object, 'involvedObject', 'namespace'));
  const field = 'involvedObject.namespace';
  const detail = 'does not match event.namespace';
  if (about === '') {
    return own === '' || own === 'default' || own === 'kube-system'
      ? []
      : [invalidValue(field, about, detail)];
  }
  return about === own ? [] : [invalidValue(field, about, detail)];
}

/** What is wrong with the taints of a node; the real server says `metadata` where it means `spec`. */
export function validateNode(object: ApiObject): Cause[] {
  const seen = new Set<string>();
  return arrayOf(at(object, 'spec', 'taints'))
    .map(objectOf)
    .flatMap((taint, index) => {
      const field = `metadata.taints[${index}]`;
      const key = stringOf(taint.key);
      const effect = stringOf(taint.effect);
      const causes = invalidFor(`${field}.key`, key, qualifiedName(key));
      if (effect === '') causes.push(requiredValue(`${field}.effect`));
      else if (!EFFECTS.includes(effect)) causes.push(unsupportedValue(`${field}.effect`, effect, EFFECTS));
      const identity = `${key}:${effect}`;
      if (seen.has(identity)) {
        causes.push({
          reason: 'FieldValueDuplicate',
          message: `Duplicate value: ${JSON.stringify(taint)}: taints must be unique by key and effect pair`,
          field,
        });
      }
      seen.add(identity);
      return causes;
    });
}

/** The pod ranges of a node never change once they are set. */
export function validateNodeUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const before = arrayOf(at(previous, 'spec', 'podCIDRs'));
  if (before.length === 0 || jsonEqual(before, at(next, 'spec', 'podCIDRs'))) return [];
  return [forbiddenValue('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')];
}

/** What is wrong with a role binding. */
export function validateBinding(object: ApiObject, roleKinds: readonly string[]): Cause[] {
  const namespaced = roleKinds.includes('Role');
  const causes: Cause[] = [];
  const group = stringOf(at(object, 'roleRef', 'apiGroup'));
  const kind = stringOf(at(object, 'roleRef', 'kind'));
  if (group !== 'rbac.authorization.k8s.io') {
    causes.push(unsupportedValue('roleRef.apiGroup', group, ['rbac.authorization.k8s.io']));
  }
  if (!roleKinds.includes(kind)) causes.push(unsupportedValue('roleRef.kind', kind, roleKinds));
  if (stringOf(at(object, 'roleRef', 'name')) === '') causes.push(requiredValue('roleRef.name'));
  for (const [index, subject] of arrayOf(object.subjects).map(objectOf).entries()) {
    const field = `subjects[${index}]`;
    if (stringOf(subject.name) === '') causes.push(requiredValue(`${field}.name`));
    if (subject.kind === 'ServiceAccount' && stringOf(subject.namespace) === '' && !namespaced) {
      causes.push(requiredValue(`${field}.namespace`));
    } else if (!['ServiceAccount', 'User', 'Group'].includes(stringOf(subject.kind))) {
      causes.push(unsupportedValue(`${field}.kind`, subject.kind, ['ServiceAccount', 'User', 'Group']));
    }
  }
  return causes;
}

/** The role of a binding never changes. */
export function validateBindingUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  if (jsonEqual(next.roleRef, previous.roleRef)) return [];
  const { apiGroup = '', kind = '', name = '' } = objectOf(next.roleRef);
  const shown = { APIGroup: apiGroup, Kind: kind, Name: name };
  return [invalidValue('roleRef', shown, 'cannot change roleRef')];
}

/** What is wrong with the rules of a role. */
export function validateRole(object: ApiObject, namespaced: boolean): Cause[] {
  return arrayOf(object.rules)
    .map(objectOf)
    .flatMap((rule, index) => {
      const field = `rules[${index}]`;
      const causes: Cause[] = [];
      if (arrayOf(rule.verbs).length === 0) {
        causes.push(requiredValue(`${field}.verbs`, 'verbs must contain at least one value'));
      }
      if (arrayOf(rule.nonResourceURLs).length > 0) {
        if (namespaced) {
          const detail = 'namespaced rules cannot apply to non-resource URLs';
          causes.push(invalidValue(`${field}.nonResourceURLs`, rule.nonResourceURLs, detail));
        }
        return causes;
      }
      if (arrayOf(rule.apiGroups).length === 0) {
        causes.push(requiredValue(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
      }
      if (arrayOf(rule.resources).length === 0) {
        causes.push(requiredValue(`${field}.resources`, 'resource rules must supply at least one resource'));
      }
      return causes;
    });
}
