// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';

/** What {@link staticPod} changes in the manifest. */
export interface StaticPodOptions {
  /** Path in the container -> path of the host, in the place of the manifest's own. */
  readonly files: Readonly<Record<string, string>>;
  /** Replaces and adds. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where the manifest has the kubeconfig. */
export const KUBECONFIG = '/etc/kubernetes/admin.conf';

/** The Pod of the repository's manifest for one node of a test, as somebody edits it for a cluster. Pure. */
export function staticPod(manifest: Pod, { files, env }: StaticPodOptions): Pod {
  const [container] = manifest.spec?.containers ?? [];
  if (container === undefined) throw new Error('the manifest of the static Pod has no container');
  const mounts = Object.entries(files).map(([to, from], index) => ({ name: `file-${index}`, to, from }));
  return {
    ...manifest,
    spec: {
      ...manifest.spec,
      containers: [
        {
          ...container,
          env: [
            ...(container.env ?? []).filter(({ name }) => !(name in env)),
            ...Object.entries(env).map(([name, value]) => ({ name, value })),
          ],
          volumeMounts: mounts.map(({ name, to }) => ({ name, mountPath: to, readOnly: true })),
        },
      ],
      volumes: mounts.map(({ name, from }) => ({ name, hostPath: { path: from, type: 'File' } })),
    },
  };
}
