// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { SERVICE_ACCOUNTS } from '@fairlead/shared/kubernetes/resources.ts';

const FOLDER = '/run/secrets/kubernetes.io/serviceaccount';

/**
 * Puts a service account's files where a Pod has them. Only inside the private namespaces, whose /run goes with them.
 */
export async function furnishServiceAccount(
  admin: KubeClient,
  account: { readonly namespace: string; readonly name: string },
  caCertificate: string | Buffer,
): Promise<void> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = await admin.createSubresource<{ readonly status: { readonly token: string } }>(
    SERVICE_ACCOUNTS,
    account,
    'token',
    request,
  );
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/token`, status.token);
  writeFileSync(`${FOLDER}/namespace`, account.namespace);
  writeFileSync(`${FOLDER}/ca.crt`, caCertificate);
}
