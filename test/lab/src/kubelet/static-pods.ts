// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * Pods from the files of a folder. JSON only (JSON is YAML; the lab writes the files itself). The uid is a hash of the
 * content: a changed file is another pod. They get no token and no object in the API.
 */
export function readStaticPods(folder: string, node: string): Pod[] {
  return readdirSync(folder)
    .filter((name) => /\.(json|ya?ml)$/.test(name) && !name.startsWith('.'))
    .toSorted()
    .map((name) => staticPod(readFileSync(join(folder, name), 'utf8'), node, name));
}

/** One manifest as a pod of the node. Throws, naming the file, when it is not a Pod in JSON. */
export function staticPod(text: string, node: string, file: string): Pod {
  const pod = parsePod(text, file);
  const uid = createHash('sha256').update(`${node}\n${text}`).digest('hex').slice(0, 32);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      uid,
      name: `${pod.metadata?.name ?? 'static'}-${node}`,
      namespace: pod.metadata?.namespace ?? 'default',
    },
    spec: { ...(pod.spec ?? { containers: [] }), nodeName: node, automountServiceAccountToken: false },
  };
}

function parsePod(text: string, file: string): Pod {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`static pod ${file}: expected a Pod in JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'Pod') {
    throw new Error(`static pod ${file}: expected an object of kind Pod`);
  }
  return value as Pod;
}
