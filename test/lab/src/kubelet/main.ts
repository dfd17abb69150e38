// SPDX-License-Identifier: Apache-2.0
/** Stand-in for a kubelet: makes a network namespace a node of the cluster, its pods real processes. */
import { randomUUID } from 'node:crypto';
import { arch, cpus, release, totalmem } from 'node:os';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { createEventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger, LOG_LEVELS } from '@fairlead/shared/runtime/logging.ts';
import { clusterCertificate } from './cluster-values.ts';
import { Kubelet } from './kubelet.ts';
import { NodeHeartbeat } from './node-heartbeat.ts';
import type { NodeFacts } from './node-object.ts';
import { type KubeletOptions, parseKubeletOptions } from './options.ts';
import { PodAddressPool } from './pod-addresses.ts';
import { PodRecords } from './pod-record.ts';

function nodeFacts(options: KubeletOptions): NodeFacts {
  const machine = arch();
  return {
    ...options,
    bootId: randomUUID(),
    kernelVersion: release(),
    architecture: machine === 'x64' ? 'amd64' : machine,
    cpus: cpus().length,
    memoryKi: Math.floor(totalmem() / 1_024),
  };
}

/** Runs a kubelet until the signal; `onStarted`: the node is registered and the pods of the API are known. */
export async function runKubelet(
  options: KubeletOptions,
  signal: AbortSignal,
  onStarted: () => void,
): Promise<void> {
  const level = LOG_LEVELS.find((candidate) => candidate === options.logLevel) ?? 'info';
  const logger = createLogger({ name: `kubelet-${options.node}`, level });
  const clock = systemClock;
  const userAgent = `kubelet/${options.kubeletVersion} (lab)`;
  const client = await connect({
    kubeconfig: options.kubeconfig,
    userAgent,
    qps: 500,
    burst: 1_000,
    // A call that was under way when the node was cut off must not hold up the next one for long.
    requestTimeoutMs: 4_000,
  });
  const events = createEventRecorder({ client, component: 'kubelet', host: options.node, logger });
  const heartbeat = new NodeHeartbeat({ client, clock, logger, facts: nodeFacts(options), timing: options });
  const kubelet = new Kubelet({
    client,
    clock,
    logger,
    events,
    options,
    certificate: clusterCertificate(options.kubeconfig),
    addresses: new PodAddressPool(options.podCidrs),
    records: new PodRecords(options.workDir),
  });
  // Timers of the clock do not keep a process alive; a kubelet between two heartbeats must live on.
  const alive = setInterval(() => {}, 60_000);
  try {
    await Promise.all([heartbeat.register(signal), kubelet.start(signal)]);
    onStarted();
    await heartbeat.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await kubelet.stop({ endPods: options.stopPodsOnExit });
    clearInterval(alive);
    client.close();
  }
}

/** Prints one JSON line when ready; ends on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const options = parseKubeletOptions(process.argv.slice(2));
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  await runKubelet(options, stop.signal, () =>
    console.log(JSON.stringify({ ready: true, node: options.node })),
  );
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
