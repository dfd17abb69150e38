// SPDX-License-Identifier: Apache-2.0
import { isConflict, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { apiTime } from '../model/conditions.ts';

/**
 * A kubelet without processes, for all nodes at once: bound pods are running and ready, terminating ones go. Returns
 * the function that ends it.
 */
export function startFakeKubelet(client: KubeClient): () => Promise<void> {
  const reflector = createReflector({ client, resource: PODS, logger: silentLogger });
  let lastNumber = 1;
  const act = async (pod: Pod): Promise<void> => {
    const { namespace = '', name = '', uid } = pod.metadata ?? {};
    if (!pod.spec?.nodeName) return;
    if (pod.metadata?.deletionTimestamp !== undefined) {
      const options = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { uid }) };
      await client.remove(PODS, { namespace, name }, options);
      return;
    }
    if (pod.status?.phase === 'Running') return;
    lastNumber += 1;
    const ip = `10.244.${Math.floor(lastNumber / 250)}.${1 + (lastNumber % 250)}`;
    const status = {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: apiTime(Date.now()) }],
    };
    const body = { metadata: { uid }, status };
    await client.patch(PODS, { namespace, name }, body, { type: 'merge', subresource: 'status' });
  };
  reflector.subscribe((change) => {
    if (change.type === 'deleted') return;
    act(change.object).catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) console.error('fake kubelet:', error);
    });
  });
  reflector.start();
  return () => reflector.stop();
}
