// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderKubeconfig } from '@fairlead/test-apiserver/kubeconfig.ts';
import { createPki, type Pki } from '@fairlead/test-apiserver/pki.ts';
import { type NetworkPlan, nodesOf } from '../network/plan.ts';

/** Keys, tokens and kubeconfigs of one cluster. */
export interface Credentials {
  readonly pki: Pki;
  /** In the format of kube-apiserver's `--token-auth-file`. */
  readonly tokenFile: string;
  /** Where the API server is reached from everywhere on the switch. */
  readonly url: string;
  readonly adminToken: string;
  /** Path of a user's kubeconfig; users are `admin`, `controllers` and `kubelet-<node>`. */
  kubeconfig(user: string): string;
}

/**
 * Writes everything into a folder. All users belong to `system:masters`: the stand-ins are not what is tested, and what
 * is tested (agent, cloud provider) runs under service accounts with the roles of its manifests.
 *
 * @param moreHosts names and addresses that the API servers' certificate is valid for, too
 */
export async function createCredentials(
  directory: string,
  plan: NetworkPlan,
  moreHosts: readonly string[] = [],
): Promise<Credentials> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const hosts = [
    // Any node may have an API server of its own.
    ...nodesOf(plan).flatMap(({ name, ipv4, ipv6 }) => [name, ipv4, ...(ipv6 === undefined ? [] : [ipv6])]),
    '10.96.0.1',
    'fd00:10:96::1',
    ...moreHosts,
  ];
  const pki = await createPki({ directory: join(directory, 'pki'), hosts });
  const users = ['admin', 'controllers', ...nodesOf(plan).map((node) => `kubelet-${node.name}`)];
  const tokens = new Map(users.map((user) => [user, randomBytes(16).toString('hex')]));
  const tokenFile = join(directory, 'tokens.csv');
  const lines = [...tokens].map(([user, token]) => `${token},${user},${user},"system:masters"\n`);
  await writeFile(tokenFile, lines.join(''), { mode: 0o600 });
  const url = `https://${plan.apiServer}`;
  const kubeconfig = (user: string) => {
    if (!tokens.has(user)) throw new Error(`no user "${user}"; there are ${users.join(', ')}`);
    return join(directory, `${user}.kubeconfig`);
  };
  for (const [user, token] of tokens) {
    const text = renderKubeconfig({
      server: url,
      caCertificate: pki.caCertificate,
      user,
      token,
      cluster: 'fairlead-lab',
    });
    await writeFile(kubeconfig(user), text, { mode: 0o600 });
  }
  return { pki, tokenFile, url, adminToken: tokens.get('admin') ?? '', kubeconfig };
}
