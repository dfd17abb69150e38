// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '../../runtime/logging.ts';
import { connect } from '../connect.ts';
import { createReflector } from '../create-reflector.ts';
import type { ConfigMap } from '../objects.ts';
import type { Change } from '../reflector.ts';
import { CONFIG_MAPS } from '../resources.ts';

/** What the fault tests put to the test: something that follows the ConfigMaps of a namespace. */
export interface Subject {
  values(): Iterable<ConfigMap>;
  stop(): Promise<void>;
}

/** Starts a subject; `tell` hears of each change. */
export type StartSubject = (
  kubeconfig: string,
  namespace: string,
  tell: (change: Change<ConfigMap>) => void,
) => Promise<Subject>;

/** Our reflector. */
export const startOurs: StartSubject = async (kubeconfig, namespace, tell) => {
  const client = await connect({ kubeconfig });
  const reflector = createReflector({ client, resource: CONFIG_MAPS, namespace, logger: silentLogger });
  reflector.subscribe(tell);
  reflector.start();
  await reflector.synced();
  return {
    values: () => reflector.store.values(),
    async stop() {
      await reflector.stop();
      client.close();
    },
  };
};

/** The informer of the official client, started again a second after each error, as its users do. */
export const startOfficial: StartSubject = async (kubeconfig, namespace, tell) => {
  const { CoreV1Api, KubeConfig, makeInformer } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
    api.listNamespacedConfigMap({ namespace }),
  );
  let stopped = false;
  const toWire = (object: unknown) => JSON.parse(JSON.stringify(object)) as ConfigMap;
  informer.on('add', (object) => tell({ type: 'added', object: toWire(object) }));
  informer.on('update', (object) => tell({ type: 'updated', object: toWire(object), previous: {} }));
  informer.on('delete', (object) => tell({ type: 'deleted', object: toWire(object) }));
  const again = () => {
    if (!stopped) informer.start().catch(() => setTimeout(again, 1_000));
  };
  informer.on('error', () => {
    setTimeout(again, 1_000);
  });
  await informer.start();
  return {
    values: () => informer.list().map(toWire),
    async stop() {
      stopped = true;
      await informer.stop();
    },
  };
};
