// SPDX-License-Identifier: Apache-2.0
/** What kube-controller-manager and kube-scheduler do in a real cluster, as far as the lab needs it. */
import { readFileSync } from 'node:fs';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { createEventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger, LOG_LEVELS } from '@fairlead/shared/runtime/logging.ts';
import { podGarbageController, rootCaController, serviceAccountController } from './cleanup/controllers.ts';
import { garbageCollector } from './cleanup/garbage-collector.ts';
import { namespaceController } from './cleanup/namespace.ts';
import {
  nodeLifecycleController,
  schedulerController,
  taintEvictionController,
} from './nodes/controllers.ts';
import {
  CONTROLLER_NAMES,
  type ControllerName,
  type ControllersOptions,
  parseControllersOptions,
} from './options.ts';
import { Cluster } from './runtime/cluster.ts';
import { Executor } from './runtime/executor.ts';
import { type Controller, runControllers } from './runtime/manager.ts';
import { endpointSliceController, endpointsController } from './services/controllers.ts';
import {
  daemonSetController,
  deploymentController,
  jobController,
  replicaSetController,
} from './workloads/controllers.ts';

/** All controllers that are not disabled; a disabled one watches nothing. */
export function makeControllers(cluster: Cluster, options: ControllersOptions): Controller[] {
  const { rootCa } = options;
  const makers: Record<ControllerName, () => Controller | undefined> = {
    deployment: () => deploymentController(cluster),
    replicaset: () => replicaSetController(cluster),
    daemonset: () => daemonSetController(cluster),
    job: () => jobController(cluster),
    endpointslice: () => endpointSliceController(cluster),
    endpoints: () => endpointsController(cluster),
    scheduler: () => schedulerController(cluster),
    'node-lifecycle': () =>
      nodeLifecycleController(cluster, {
        gracePeriodMs: options.nodeMonitorGracePeriodMs,
        periodMs: options.nodeMonitorPeriodMs,
      }),
    'taint-eviction': () => taintEvictionController(cluster, options.podEvictionMs),
    'garbage-collector': () => garbageCollector(cluster),
    namespace: () => namespaceController(cluster),
    serviceaccount: () => serviceAccountController(cluster),
    'root-ca': () =>
      rootCa === undefined ? undefined : rootCaController(cluster, readFileSync(rootCa, 'utf8')),
    'pod-gc': () => podGarbageController(cluster),
  };
  return CONTROLLER_NAMES.filter((name) => !options.disabled.has(name))
    .map((name) => makers[name]())
    .filter((controller) => controller !== undefined);
}

/** Runs all controllers until the signal; `onStarted` is called when they have seen the whole cluster. */
export async function startControllers(
  options: ControllersOptions,
  signal: AbortSignal,
  onStarted: () => void,
): Promise<void> {
  const level = LOG_LEVELS.find((candidate) => candidate === options.logLevel) ?? 'info';
  const logger = createLogger({ name: 'controllers', level });
  const client = await connect({
    kubeconfig: options.kubeconfig,
    userAgent: 'fairlead-lab-controllers',
    qps: 2_000,
    burst: 4_000,
  });
  const cluster = new Cluster({ client, clock: systemClock, logger });
  const events = createEventRecorder({ client, component: 'fairlead-lab-controllers', logger });
  await runControllers(
    makeControllers(cluster, options),
    cluster,
    new Executor(cluster, events),
    signal,
    onStarted,
  );
  await events.flush();
  client.close();
}

/** Prints one JSON line when ready; ends orderly on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const options = parseControllersOptions(process.argv.slice(2));
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  await startControllers(options, stop.signal, () => console.log(JSON.stringify({ ready: true })));
}

if (import.meta.main) {
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exit(1);
    },
  );
}
