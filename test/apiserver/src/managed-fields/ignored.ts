// SPDX-License-Identifier: Apache-2.0
import { EMPTY, type FieldSet, LEAF, node } from './field-set.ts';

/** Set of `f:` paths. */
function fields(...list: readonly (readonly string[])[]): FieldSet {
  const build = (all: readonly (readonly string[])[]): FieldSet => {
    const heads = new Set(all.map((path) => path[0] ?? ''));
    return node(
      all.some((path) => path.length === 0),
      [...heads]
        .filter((head) => head !== '')
        .map((head): [string, FieldSet] => {
          const below = all.filter((path) => path[0] === head).map((path) => path.slice(1));
          return [`f:${head}`, below.some((path) => path.length === 0) ? LEAF : build(below)];
        }),
    );
  };
  return build(list);
}

/** Fields that belong to nobody because the server writes them. */
const SERVER_FIELDS = fields(
  ['apiVersion'],
  ['kind'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'selfLink'],
  ['metadata', 'uid'],
  ['metadata', 'generation'],
  ['metadata', 'managedFields'],
  ['metadata', 'resourceVersion'],
);

/** Takes out of a set what the server writes; `metadata` itself too. */
export function withoutServerFields(
  set: FieldSet,
  subtract: (a: FieldSet, b: FieldSet) => FieldSet,
): FieldSet {
  const rest = subtract(set, SERVER_FIELDS);
  const metadata = rest.children.get('f:metadata');
  if (metadata?.member !== true) return rest;
  const children = new Map(rest.children);
  children.set('f:metadata', { ...metadata, member: false });
  return node(rest.member, children);
}

/** Kinds whose status is a sub-resource of its own, so that a write to one half never owns the other. */
const WITH_STATUS = new Set([
  '/Service',
  '/Pod',
  '/Node',
  '/Namespace',
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/DaemonSet',
  'batch/Job',
]);

const STATUS = fields(['status']);
const SPEC = fields(['spec']);
const SPEC_AND_LABELS = fields(['spec'], ['metadata', 'labels']);
const POD_STATUS = fields(['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']);

/** Fields that a request to this sub-resource cannot change, and therefore never owns. */
export function resetFields(kind: string, subresource: string): FieldSet {
  if (!WITH_STATUS.has(kind)) return EMPTY;
  if (subresource === '') return STATUS;
  if (subresource !== 'status') return EMPTY;
  if (kind === 'apps/Deployment') return SPEC_AND_LABELS;
  return kind === '/Pod' ? POD_STATUS : SPEC;
}
