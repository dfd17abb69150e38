// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, jsonEqual, type ObjectMeta } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import { invalidFor, invalidValue } from '../validation/field.ts';
import { validateAnnotations, validateLabels } from '../validation/labels.ts';
import { dns1123Label, dns1123Subdomain, pathSegment, qualifiedName } from '../validation/names.ts';
import type { NameRule, ResourceDefinition } from './definition.ts';

const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Kinds that may own nothing. */
const NO_OWNERS = new Set(['v1/Event']);

const NAME_CHECKS: Readonly<Record<NameRule, (name: string) => string[]>> = {
  path: pathSegment,
  label: (name) => (name.includes('.') ? ['must not contain dots'] : dns1123Label(name)),
  subdomain: dns1123Subdomain,
};

/** What is wrong with the metadata of any object (ValidateObjectMeta). */
export function validateMetadata(metadata: ObjectMeta, definition: ResourceDefinition): Cause[] {
  const check = NAME_CHECKS[definition.nameRule];
  const base = metadata.generateName ?? '';
  // The random end will be fine whatever it is: only the given part can be wrong, so a letter stands for it.
  const causes =
    base === '' ? [] : invalidFor('metadata.generateName', base, check(`${base.replace(/-$/, '')}`));
  const name = metadata.name ?? '';
  if (name === '') {
    causes.push({
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
      field: 'metadata.name',
    });
  } else {
    causes.push(...invalidFor('metadata.name', name, check(name)));
  }
  causes.push(...validateLabels('metadata.labels', metadata.labels ?? {}));
  causes.push(...validateAnnotations('metadata.annotations', metadata.annotations ?? {}));
  causes.push(...validateFinalizers(metadata.finalizers ?? []));
  causes.push(...validateOwners(metadata.ownerReferences ?? []));
  return causes;
}

function validateFinalizers(finalizers: readonly string[]): Cause[] {
  const causes: Cause[] = [];
  for (const [index, finalizer] of finalizers.entries()) {
    causes.push(...invalidFor('metadata.finalizers', finalizer, qualifiedName(finalizer)));
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
      const why = key === 'apiVersion' ? 'version must not be empty' : 'must not be empty';
      causes.push(invalidValue(`metadata.ownerReferences.${key}`, owner[key] ?? '', why));
    }
    if (NO_OWNERS.has(`${owner.apiVersion}/${owner.kind}`)) {
      const why = `/${owner.apiVersion}, Kind=${owner.kind} is disallowed from being an owner`;
      causes.push(invalidValue('metadata.ownerReferences', owner, why));
    }
  }
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    causes.push(
      invalidValue(
        'metadata.ownerReferences',
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${controllers.slice(0, 2).map(nameOf).join(' and ')}`,
      ),
    );
  }
  return causes;
}

function nameOf(owner: NonNullable<ObjectMeta['ownerReferences']>[number]): string {
  return `${owner.kind}/${owner.name}`;
}

/** What a change of metadata may not do (ValidateObjectMetaUpdate). */
export function validateMetadataUpdate(next: ApiObject, previous: ApiObject): Cause[] {
  const causes: Cause[] = [];
  const immutable = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionGracePeriodSeconds'] as const;
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
