// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises';
import type { KubeClient } from '../client.ts';
import type { KubeObject } from '../objects.ts';
import { defineResource, SERVICE_ACCOUNTS } from '../resources.ts';

/** The API group of roles and their bindings. */
export const RBAC = 'rbac.authorization.k8s.io';

const RESOURCES = new Map(
  [
    SERVICE_ACCOUNTS,
    defineResource<KubeObject>(RBAC, 'v1', 'clusterroles', 'ClusterRole', false),
    defineResource<KubeObject>(RBAC, 'v1', 'clusterrolebindings', 'ClusterRoleBinding', false),
    defineResource<KubeObject>(RBAC, 'v1', 'roles', 'Role'),
    defineResource<KubeObject>(RBAC, 'v1', 'rolebindings', 'RoleBinding'),
  ].map((resource) => [resource.kind, resource]),
);

/** Creates the service accounts, roles and bindings among the objects of a manifest. Returns the others. */
export async function createRights(
  admin: KubeClient,
  objects: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const others: KubeObject[] = [];
  for (const object of objects) {
    const resource = RESOURCES.get(object.kind ?? '');
    if (resource === undefined) others.push(object);
    else await admin.create(resource, object);
  }
  return others;
}

/**
 * Writes a kubeconfig with a token of a service account.
 *
 * @param admins the text of the administrator's kubeconfig, which has a token too
 * @throws Error when it has none
 */
export async function writeAccountKubeconfig(
  file: string,
  admin: KubeClient,
  account: { readonly namespace: string; readonly name: string },
  admins: string,
): Promise<void> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = await admin.createSubresource<{ readonly status: { readonly token: string } }>(
    SERVICE_ACCOUNTS,
    account,
    'token',
    request,
  );
  const theirs = admins.replace(/("?token"?: )"?[^"\n]*"?/, `$1"${status.token}"`);
  if (theirs === admins) throw new Error('the kubeconfig of the administrator has no token to be replaced');
  await writeFile(file, theirs);
}
