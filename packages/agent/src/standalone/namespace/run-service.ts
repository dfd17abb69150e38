// SPDX-License-Identifier: Apache-2.0
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { emptyReflector } from '@fairlead/shared/kubernetes/empty-reflector.ts';
import { NODES } from '@fairlead/shared/kubernetes/resources.ts';
import { createAddressKeeper } from '../../announce/create-address-keeper.ts';
import { createHealthChecker } from '../../balance/health/create-health-checker.ts';
import { createMetrics } from '../../manager/metrics.ts';
import { createLeaseEngine } from '../../ownership/lease-engine.ts';
import { NO_VIEW } from '../../status/engine-view.ts';
import { VERSION } from '../../version.ts';
import { createEntryBalancer } from '../entry-balancer.ts';
import { createHostAgent } from '../host-agent.ts';
import { readHostLinks } from '../host-links.ts';
import { type HostRuntime, openStatus, runHost } from '../host-runtime.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import type { ServiceSettings } from './service-settings.ts';

/** kube-vip 0.1's for Services. */
const LEASE_TIMING = { leaseDurationMs: 10_000, renewDeadlineMs: 5_000, retryPeriodMs: 1_000 } as const;

/** Runs the balancer of one namespace until a signal ends it. Resolves with the exit code. */
export function runService(settings: ServiceSettings): Promise<number> {
  const { node, namespace, configMap } = settings;
  return runHost({ node, namespace, configMap }, 'info', (runtime) => startAll(settings, runtime));
}

async function startAll(settings: ServiceSettings, runtime: HostRuntime): Promise<void> {
  const { clock, logger, shutdown } = runtime;
  const { node, kubeconfig, namespace, configMap, lease } = settings;
  const client = await connect({
    ...(kubeconfig === undefined ? { inCluster: true } : { kubeconfig }),
    userAgent: `fairlead-agent/${VERSION}`,
  });
  shutdown.addStep('API client', () => client.close());
  const keeper = await createAddressKeeper({ logger, clock, nodeName: node });
  shutdown.addStep('addresses', () => keeper.stop());
  const watch = new NamespaceWatch({ client, namespace, configMap, lease, clock, logger });
  shutdown.addStep('watches', () => watch.stop());
  await watch.start(shutdown.signal);
  const metrics = createMetrics({ node, version: VERSION });
  const agent = createHostAgent({
    node,
    interface: settings.interface,
    demand: watch,
    engine: createLeaseEngine({
      client,
      node,
      timing: LEASE_TIMING,
      // Pods of a namespace need not know the nodes of the cluster: who is first has the addresses.
      nodes: emptyReflector(NODES),
      leases: watch.leases,
      clock,
      logger,
    }),
    view: NO_VIEW,
    keeper,
    balancer: await createEntryBalancer('userspace', logger),
    health: createHealthChecker({ clock, logger }),
    reflectors: watch.all,
    metrics,
    readLinks: () => readHostLinks(settings.interface),
    clock,
    logger,
  });
  await openStatus(agent, metrics.registry, settings.statusServer, runtime);
  shutdown.addStep('agent', () => agent.stop());
  await agent.start();
}
