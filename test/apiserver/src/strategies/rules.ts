// SPDX-License-Identifier: Apache-2.0

import { ServiceAllocator } from '../allocation/service-allocator.ts';
import { type ApiObject, arrayOf, isJsonObject, objectOf, stringOf } from '../api/objects.ts';
import type { Cause } from '../api/status.ts';
import {
  defaultBinding,
  defaultEndpointSlice,
  defaultEndpoints,
  defaultNamespace,
  defaultNode,
  defaultSecret,
} from '../defaults/other.ts';
import { PERMISSIVE_STRATEGY, type ResourceAllocator, type ResourceStrategy } from '../strategy.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from '../validation/endpoint-slice.ts';
import type { IpFamily } from '../validation/ip.ts';
import { familyOf } from '../validation/ip.ts';
import {
  validateBinding,
  validateBindingUpdate,
  validateConfigMap,
  validateConfigMapUpdate,
  validateEvent,
  validateLease,
  validateNode,
  validateNodeUpdate,
  validateRole,
  validateSecret,
  validateSecretUpdate,
} from '../validation/other.ts';
import { JOB_STRATEGY } from './job.ts';
import { POD_STRATEGY } from './pod.ts';
import { createServiceStrategy } from './service.ts';
import { DAEMON_SET_STRATEGY, DEPLOYMENT_STRATEGY, REPLICA_SET_STRATEGY } from './workload.ts';

/** What the rules of a cluster depend on. */
export interface RulesOptions {
  /** One CIDR for each family, the default family first. */
  readonly serviceCidrs: readonly string[];
  /** First and last node port; 30000 to 32767 by default. */
  readonly nodePorts?: readonly [number, number];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Strategies and allocators by `group/Kind`. */
export interface Rules {
  readonly strategies: ReadonlyMap<string, ResourceStrategy>;
  readonly allocators: ReadonlyMap<string, ResourceAllocator>;
  /** The allocator of Services, to mark what Services that are already stored hold. */
  readonly services: ServiceAllocator;
}

/** The rules of every kind we serve, for one cluster. */
export function createRules(options: RulesOptions): Rules {
  const families = options.serviceCidrs.map((cidr): IpFamily => familyOf(cidr.split('/')[0] ?? '') ?? 'IPv4');
  const services = new ServiceAllocator(options);
  const rbac = 'rbac.authorization.k8s.io';
  return {
    services,
    allocators: new Map([['/Service', services]]),
    strategies: new Map<string, ResourceStrategy>([
      ['/Service', createServiceStrategy(families)],
      ['/Pod', POD_STRATEGY],
      ['/Node', NODE_STRATEGY],
      ['/Namespace', NAMESPACE_STRATEGY],
      ['/Secret', strategy({ setDefaults: defaultSecret }, validateSecret, validateSecretUpdate)],
      ['/ConfigMap', strategy({}, validateConfigMap, validateConfigMapUpdate)],
      ['/Endpoints', strategy({ setDefaults: defaultEndpoints, warnings: () => [ENDPOINTS_DEPRECATED] })],
      ['/Event', strategy({}, validateEvent)],
      ['apps/Deployment', DEPLOYMENT_STRATEGY],
      ['apps/ReplicaSet', REPLICA_SET_STRATEGY],
      ['apps/DaemonSet', DAEMON_SET_STRATEGY],
      ['batch/Job', JOB_STRATEGY],
      ['coordination.k8s.io/Lease', strategy({}, validateLease)],
      ['discovery.k8s.io/EndpointSlice', ENDPOINT_SLICE_STRATEGY],
      [`${rbac}/Role`, strategy({}, (object) => validateRole(object, true))],
      [`${rbac}/ClusterRole`, strategy({}, (object) => validateRole(object, false))],
      [
        `${rbac}/RoleBinding`,
        strategy(
          { setDefaults: defaultBinding },
          (object) => validateBinding(object, ['Role', 'ClusterRole']),
          validateBindingUpdate,
        ),
      ],
      [
        `${rbac}/ClusterRoleBinding`,
        strategy(
          { setDefaults: defaultBinding },
          (object) => validateBinding(object, ['ClusterRole']),
          validateBindingUpdate,
        ),
      ],
    ]),
  };
}

const ENDPOINTS_DEPRECATED = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

/** A strategy from parts: one validation for create and update, and what may not change. */
function strategy(
  parts: Partial<ResourceStrategy>,
  validate: (object: ApiObject) => readonly Cause[] = () => [],
  validateChange: (next: ApiObject, previous: ApiObject) => readonly Cause[] = () => [],
): ResourceStrategy {
  return {
    ...PERMISSIVE_STRATEGY,
    validateCreate: validate,
    validateUpdate: (next, previous) => [...validateChange(next, previous), ...validate(next)],
    ...parts,
  };
}

/** A new namespace is active and waits, when it is deleted, for whoever empties it. */
const NAMESPACE_STRATEGY = strategy({
  setDefaults: defaultNamespace,
  prepareCreate: (object) => {
    const finalizers = arrayOf(objectOf(object.spec).finalizers).map(stringOf);
    const all = finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'];
    return { ...object, spec: { ...objectOf(object.spec), finalizers: all }, status: { phase: 'Active' } };
  },
  prepareUpdate: (next, previous, context) =>
    context.subresource === 'finalize' ? next : { ...next, spec: previous.spec ?? {} },
});

/** A slice is measured by the kind of addresses it has had, which never changes. */
const ENDPOINT_SLICE_STRATEGY: ResourceStrategy = {
  ...strategy({ setDefaults: defaultEndpointSlice }, validateEndpointSlice),
  validateUpdate: (next, previous) => [
    ...validateEndpointSliceUpdate(next, previous),
    ...validateEndpointSlice({ ...next, addressType: previous.addressType }),
  ],
};

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** A new node is tainted until it is ready (admission plug-in TaintNodesByCondition). */
const NODE_STRATEGY = strategy(
  {
    setDefaults: defaultNode,
    prepareCreate: (object) => {
      const spec = objectOf(object.spec);
      const taints = arrayOf(spec.taints);
      const tainted = taints.some(
        (taint) => isJsonObject(taint) && taint.key === NOT_READY.key && taint.effect === NOT_READY.effect,
      );
      return tainted ? object : { ...object, spec: { ...spec, taints: [...taints, NOT_READY] } };
    },
  },
  validateNode,
  validateNodeUpdate,
);
