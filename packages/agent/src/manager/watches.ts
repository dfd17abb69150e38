// SPDX-License-Identifier: Apache-2.0
import { isForbidden, type KubeClient, type Selection } from '@fairlead/shared/kubernetes/client.ts';
import { createReflector } from '@fairlead/shared/kubernetes/create-reflector.ts';
import { emptyReflector } from '@fairlead/shared/kubernetes/empty-reflector.ts';
import type { EndpointSlice, KubeObject, Node, Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import {
  ENDPOINT_SLICES,
  LEASES,
  NODES,
  type Resource,
  resourceName,
  SERVICES,
} from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { LeaseName } from '../config/lease-name.ts';
import type { AgentSettings } from '../config/settings.ts';
import type { LeaseWatch } from '../ownership/lease-engine.ts';

/** Local copies of what the agent looks at. */
export interface Watches {
  readonly services: Reflector<Service>;
  readonly slices: Reflector<EndpointSlice>;
  readonly nodes: Reflector<Node>;
  readonly leases: LeaseWatch | undefined;
  /** All that ask the server, for metrics and probes. */
  readonly all: readonly Reflector<KubeObject>[];
  /**
   * Whether Services and Leases may be seen some seconds late when a path to the API server dies without a word: yes where
   * Leases do not decide. Each look costs a request. Takes effect with the next watch.
   */
  relax(isRelaxed: boolean): void;
  start(): void;
  stop(): Promise<void>;
}

/** Where Leases decide, nobody may see them later than this: fences count on it. */
const EAGER_IDLE_MS = 4_000;
/** Otherwise one watch finds a dead path for all of them, and the rest only look whether they are alive themselves. */
const CANARY_IDLE_MS = 8_000;
const RELAXED_IDLE_MS = 20_000;

/** What {@link createWatches} needs. */
export interface WatchOptions {
  readonly client: KubeClient;
  readonly settings: Pick<
    AgentSettings,
    'services' | 'controlPlane' | 'servicesNamespace' | 'election' | 'servicesLease'
  >;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the watches that these settings need. Asks once whether Leases may be listed that widely: an installation with a
 * Role instead of a ClusterRole may not, and then contenders poll.
 */
export async function createWatches(options: WatchOptions): Promise<Watches> {
  const { client, settings, clock, logger } = options;
  const namespaced =
    settings.servicesNamespace === undefined ? {} : { namespace: settings.servicesNamespace };
  let isRelaxed = false;
  const make = <T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    transform: (object: T) => T,
    relaxedIdleMs = RELAXED_IDLE_MS,
  ) =>
    createReflector<T>({
      client,
      resource,
      ...selection,
      transform,
      maxIdleMs: () => (isRelaxed ? relaxedIdleMs : EAGER_IDLE_MS),
      clock,
      logger: logger.child({ watch: resourceName(resource) }),
    });
  const services = settings.services
    ? make(SERVICES, namespaced, withoutManagedFields, CANARY_IDLE_MS)
    : emptyReflector(SERVICES);
  const slices = settings.services
    ? make(ENDPOINT_SLICES, namespaced, withoutManagedFields)
    : emptyReflector(ENDPOINT_SLICES);
  const nodes = make(NODES, {}, essenceOfNode, settings.services ? RELAXED_IDLE_MS : CANARY_IDLE_MS);
  const scope = leaseScope(settings);
  const allowed = await mayList(client, scope.selection, logger);
  const leases = allowed
    ? { reflector: make(LEASES, scope.selection, withoutManagedFields), covers: scope.covers }
    : undefined;
  const all: readonly Reflector<KubeObject>[] = [
    ...(settings.services ? [services, slices] : []),
    nodes,
    ...(leases === undefined ? [] : [leases.reflector]),
  ];
  return {
    services,
    slices,
    nodes,
    leases,
    all,
    relax: (wanted) => {
      isRelaxed = wanted;
    },
    start: () => {
      for (const reflector of all) reflector.start();
    },
    stop: async () => {
      await Promise.all(all.map((reflector) => reflector.stop()));
    },
  };
}

/**
 * Which Leases to watch: the one that all addresses are under, or those of one namespace, or all but the kubelets'. What is not
 * covered is polled by whoever contends for it. Pure.
 */
export function leaseScope(settings: WatchOptions['settings']): LeaseScope {
  const { services, controlPlane, election, servicesLease, servicesNamespace } = settings;
  if (!services && controlPlane !== undefined) return onlyLease(controlPlane.lease);
  if (election === 'global') {
    const isSecondNear = controlPlane?.lease.namespace === servicesLease.namespace;
    return isSecondNear ? leasesIn(servicesLease.namespace) : onlyLease(servicesLease);
  }
  if (servicesNamespace !== undefined) return leasesIn(servicesNamespace);
  return {
    selection: { fieldSelector: `metadata.namespace!=${KUBELET_LEASES}` },
    covers: (namespace) => namespace !== KUBELET_LEASES,
  };
}

/** Part of the Leases, as asked for and as judged by name. */
export interface LeaseScope {
  readonly selection: Selection;
  readonly covers: LeaseWatch['covers'];
}

function onlyLease(lease: LeaseName): LeaseScope {
  return {
    selection: { namespace: lease.namespace, fieldSelector: `metadata.name=${lease.name}` },
    covers: (namespace, name) => namespace === lease.namespace && name === lease.name,
  };
}

function leasesIn(wanted: string): LeaseScope {
  return { selection: { namespace: wanted }, covers: (namespace) => namespace === wanted };
}

/** A cluster of a thousand nodes renews a hundred of these a second. */
const KUBELET_LEASES = 'kube-node-lease';

async function mayList(client: KubeClient, selection: Selection, logger: Logger): Promise<boolean> {
  try {
    await client.list(LEASES, { ...selection, limit: 1 });
    return true;
  } catch (error) {
    if (!isForbidden(error)) return true;
    const hint = 'allow list and watch on leases; until then ownership is polled and a takeover takes longer';
    logger.warn({ err: error, hint }, 'Leases cannot be watched');
    return false;
  }
}

/** Half of an object in the store would be field management data that nobody here reads. A PUT without it changes nothing. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _unused, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** A Node carries lists of images and volumes; only its name, labels, taints, conditions and addresses matter here. */
function essenceOfNode(node: Node): Node {
  const { name, uid, resourceVersion, labels, deletionTimestamp } = node.metadata ?? {};
  const metadata = { name, uid, resourceVersion, labels, deletionTimestamp };
  const { conditions, addresses } = node.status ?? {};
  const status = {
    ...(conditions !== undefined && { conditions }),
    ...(addresses !== undefined && { addresses }),
  };
  const { taints } = node.spec ?? {};
  return {
    ...(node.apiVersion === undefined ? {} : { apiVersion: node.apiVersion }),
    ...(node.kind === undefined ? {} : { kind: node.kind }),
    metadata: Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined)),
    ...(taints === undefined ? {} : { spec: { taints } }),
    ...(conditions === undefined && addresses === undefined ? {} : { status }),
  };
}
