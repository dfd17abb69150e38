// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, stringOf } from '../api/objects.ts';
import { AGE, type Column, type Table, text, wide } from './column.ts';

function subjects(binding: ApiObject, kind: string): string {
  return arrayOf(binding.subjects)
    .filter((subject) => at(subject, 'kind') === kind)
    .map((subject) => {
      const name = stringOf(at(subject, 'name'));
      return kind === 'ServiceAccount' ? `${stringOf(at(subject, 'namespace'))}/${name}` : name;
    })
    .join(', ');
}

const ROLE_COLUMNS: readonly Column[] = [
  {
    name: 'Created At',
    type: 'date',
    description: 'When the role was created.',
    priority: 0,
    cell: (role) => role.metadata.creationTimestamp ?? '',
  },
];

const BINDING_COLUMNS: readonly Column[] = [
  text(
    'Role',
    'The role that is bound.',
    (binding) => `${stringOf(at(binding, 'roleRef', 'kind'))}/${stringOf(at(binding, 'roleRef', 'name'))}`,
  ),
  AGE,
  wide('Users', 'Users it is bound to.', (binding) => subjects(binding, 'User')),
  wide('Groups', 'Groups it is bound to.', (binding) => subjects(binding, 'Group')),
  wide('ServiceAccounts', 'Service accounts it is bound to.', (binding) =>
    subjects(binding, 'ServiceAccount'),
  ),
];

/** Tables of roles and bindings. */
export const RBAC_TABLES: readonly Table[] = [
  ['rbac.authorization.k8s.io/Role', ROLE_COLUMNS],
  ['rbac.authorization.k8s.io/ClusterRole', ROLE_COLUMNS],
  ['rbac.authorization.k8s.io/RoleBinding', BINDING_COLUMNS],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', BINDING_COLUMNS],
];
