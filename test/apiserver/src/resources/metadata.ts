// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, jsonEqual, type ObjectMeta } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import type { NameRule, ResourceDefinition } from './definition.ts';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  `alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const QUALIFIED_TEXT =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  `(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const LABEL_VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${QUALIFIED})?')`;

const MAX_ANNOTATION_BYTES = 256 * 1024;
const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}

const PATTERNS = { label: whole(LABEL), subdomain: whole(SUBDOMAIN), qualified: whole(QUALIFIED) };

/** A `FieldValueInvalid` cause with the value quoted as the real API server quotes it. */
export function invalidValue(field: string, value: unknown, why: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field };
}

/** What is wrong with a name under a rule; empty when it is fine. */
export function nameProblems(name: string, rule: NameRule): string[] {
  if (rule === 'path') {
    if (name === '.' || name === '..') return [`may not be '${name}'`];
    return ['/', '%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
  }
  if (rule === 'label') {
    const problems = name.length > 63 ? ['must be no more than 63 characters'] : [];
    if (name.includes('.')) return [...problems, 'must not contain dots'];
    return PATTERNS.label.test(name) ? problems : [...problems, LABEL_TEXT];
  }
  const problems = name.length > 253 ? ['must be no more than 253 characters'] : [];
  return PATTERNS.subdomain.test(name) ? problems : [...problems, SUBDOMAIN_TEXT];
}

/** Problems of a key such as `example.com/role` (label, annotation, finalizer). */
export function qualifiedNameProblems(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1) ?? '';
  const problems: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else if (!PATTERNS.subdomain.test(prefix)) problems.push(`prefix part ${SUBDOMAIN_TEXT}`);
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push('name part must be no more than 63 characters');
  if (!PATTERNS.qualified.test(name)) problems.push(`name part ${QUALIFIED_TEXT}`);
  return problems;
}

/** What is wrong with the metadata of any object (ValidateObjectMeta). */
export function validateMetadata(metadata: ObjectMeta, definition: ResourceDefinition): Cause[] {
  const causes: Cause[] = [];
  const name = metadata.name ?? '';
  if (name === '') {
    causes.push({
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
      field: 'metadata.name',
    });
  } else {
    for (const problem of nameProblems(name, definition.nameRule)) {
      causes.push(invalidValue('metadata.name', name, problem));
    }
  }
  causes.push(...validateLabels(metadata.labels, 'metadata.labels'));
  causes.push(...validateAnnotations(metadata.annotations));
  causes.push(...validateFinalizers(metadata.finalizers ?? []));
  causes.push(...validateOwners(metadata.ownerReferences ?? []));
  return causes;
}

/** Label keys and values (also for label maps elsewhere in an object). */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): Cause[] {
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const problem of qualifiedNameProblems(key)) causes.push(invalidValue(field, key, problem));
    if (value.length > 63) causes.push(invalidValue(field, value, 'must be no more than 63 characters'));
    if (value !== '' && !PATTERNS.qualified.test(value)) {
      causes.push(invalidValue(field, value, LABEL_VALUE_TEXT));
    }
  }
  return causes;
}

function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined): Cause[] {
  const causes: Cause[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) {
      causes.push(invalidValue('metadata.annotations', key, problem));
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${MAX_ANNOTATION_BYTES} bytes`,
      field: 'metadata.annotations',
    });
  }
  return causes;
}

function validateFinalizers(finalizers: readonly string[]): Cause[] {
  const causes: Cause[] = [];
  for (const [index, finalizer] of finalizers.entries()) {
    for (const problem of qualifiedNameProblems(finalizer)) {
      causes.push(invalidValue('metadata.finalizers', finalizer, problem));
    }
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      causes.push(
        invalidValue(
          `metadata.finalizers[${index}]`,
          finalizer,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      );
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    causes.push(
      invalidValue(
        'metadata.finalizers',
        finalizers,
        'finalizer orphan and foregroundDeletion cannot be both set',
      ),
    );
  }
  return causes;
}

function validateOwners(owners: NonNullable<ObjectMeta['ownerReferences']>): Cause[] {
  const causes: Cause[] = [];
  for (const owner of owners) {
    for (const key of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[key]) continue;
      causes.push(invalidValue(`metadata.ownerReferences.${key}`, owner[key] ?? '', 'must not be empty'));
    }
  }
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    causes.push(
      invalidValue(
        'metadata.ownerReferences',
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.name} and ${controllers[1]?.name}`,
      ),
    );
  }
  return causes;
}

/** What a change of metadata may not do (ValidateObjectMetaUpdate). */
export function validateMetadataUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const causes: Cause[] = [];
  const immutable = ['name', 'namespace', 'uid', 'creationTimestamp'] as const;
  for (const key of immutable) {
    if (!jsonEqual(next.metadata[key], previous.metadata[key])) {
      causes.push(invalidValue(`metadata.${key}`, next.metadata[key] ?? '', 'field is immutable'));
    }
  }
  if (previous.metadata.deletionTimestamp !== undefined) {
    const known = new Set(previous.metadata.finalizers ?? []);
    const added = (next.metadata.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      causes.push({
        reason: 'FieldValueForbidden',
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        field: 'metadata.finalizers',
      });
    }
  }
  return causes;
}

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** `generateName` with five random letters; long bases are cut so that the name stays below 64 characters. */
export function generateName(base: string, random: () => number): string {
  let suffix = '';
  for (let index = 0; index < 5; index += 1) {
    suffix += SUFFIX_LETTERS.charAt(Math.floor(random() * SUFFIX_LETTERS.length));
  }
  return base.slice(0, 58) + suffix;
}
