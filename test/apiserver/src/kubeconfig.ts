// SPDX-License-Identifier: Apache-2.0

/** What a kubeconfig names. */
export interface KubeconfigOptions {
  readonly server: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly user: string;
  readonly token: string;
  readonly cluster?: string;
}

/** A kubeconfig with one cluster, one user and one context. JSON, which every YAML reader takes. */
export function renderKubeconfig(options: KubeconfigOptions): string {
  const cluster = options.cluster ?? 'fairlead';
  const context = `${options.user}@${cluster}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [
      {
        name: cluster,
        cluster: {
          server: options.server,
          'certificate-authority-data': Buffer.from(options.caCertificate).toString('base64'),
        },
      },
    ],
    users: [{ name: options.user, user: { token: options.token } }],
    contexts: [{ name: context, context: { cluster, user: options.user, namespace: 'default' } }],
    preferences: {},
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
