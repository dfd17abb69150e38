// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from '../api/objects.ts';
import {
  asService,
  HEADLESS,
  isHeadless,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
  type Service,
  type ServicePort,
  type ServiceSpec,
  withSpec,
} from '../api/service.ts';
import { internalError, invalid, type StatusError } from '../api/status.ts';
import type { Allocation, ResourceAllocator } from '../strategy.ts';
import { invalidValue } from '../validation/field.ts';
import { familyOf } from '../validation/ip.ts';
import { ClusterIpPool } from './cluster-ips.ts';
import { NodePortPool } from './node-ports.ts';

/** From which ranges Services get their addresses and ports. */
export interface ServiceAllocatorOptions {
  /** One CIDR for each family, the default family first. */
  readonly serviceCidrs: readonly string[];
  /** First and last node port; 30000 to 32767 by default. */
  readonly nodePorts?: readonly [number, number];
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What one request took, and what it will give back once it is stored. */
interface Transaction {
  readonly undo: (() => void)[];
  readonly commit: (() => void)[];
}

/** Cluster addresses, node ports and health check ports of Services. */
export class ServiceAllocator implements ResourceAllocator {
  readonly #pools: readonly ClusterIpPool[];
  readonly #ports: NodePortPool;

  constructor(options: ServiceAllocatorOptions) {
    this.#pools = options.serviceCidrs.map((cidr) => new ClusterIpPool(cidr, options.random));
    const [first, last] = options.nodePorts ?? [30_000, 32_767];
    this.#ports = new NodePortPool(first, last, options.random);
  }

  allocate(next: ApiObject, previous: ApiObject | undefined): Allocation {
    const transaction: Transaction = { undo: [], commit: [] };
    const undo = (): void => {
      for (const step of transaction.undo.splice(0).reverse()) step();
    };
    try {
      const before = previous === undefined ? undefined : asService(previous).spec;
      const withIps = this.#allocateIps(asService(next), before, transaction);
      const withPorts = this.#allocatePorts(withIps, before, transaction);
      const object = this.#allocateHealthCheckPort(withPorts, before, transaction);
      return {
        object,
        undo,
        commit: () => {
          for (const step of transaction.commit.splice(0)) step();
        },
      };
    } catch (error) {
      undo();
      throw error;
    }
  }

  release(object: ApiObject): void {
    const { spec } = asService(object);
    for (const ip of addressesOf(spec)) this.#poolFor(ip)?.release(ip);
    for (const port of nodePortsOf(spec)) this.#ports.release(port);
    if (needsHealthCheckPort(spec)) this.#ports.release(spec.healthCheckNodePort ?? 0);
  }

  /** Marks what a stored Service has as taken: for a start with Services in the store. */
  hold(object: ApiObject): void {
    const { spec } = asService(object);
    for (const ip of addressesOf(spec)) this.#poolFor(ip)?.take(ip);
    for (const port of nodePortsOf(spec)) this.#ports.take(port);
    if (needsHealthCheckPort(spec)) this.#ports.take(spec.healthCheckNodePort ?? 0);
  }

  #poolFor(ip: string): ClusterIpPool | undefined {
    const family = familyOf(ip);
    return this.#pools.find((pool) => pool.family === family);
  }

  /** Each family gets the address asked for, or any; addresses that are gone go back once the change is stored. */
  #allocateIps(service: Service, before: ServiceSpec | undefined, transaction: Transaction): Service {
    const { spec } = service;
    const held = before === undefined ? [] : addressesOf(before);
    const asked = spec.clusterIPs ?? [];
    const wanted = needsClusterIp(spec) && !isHeadless(spec) && before?.clusterIPs?.[0] !== HEADLESS;
    const ips = wanted
      ? (spec.ipFamilies ?? []).map((family, index) => {
          const ip = asked[index] ?? '';
          return ip !== '' && held.includes(ip) ? ip : this.#takeIp(service, family, ip, transaction);
        })
      : asked;
    for (const ip of held) {
      if (!ips.includes(ip)) transaction.commit.push(() => this.#poolFor(ip)?.release(ip));
    }
    return wanted ? withSpec(service, { clusterIP: ips[0], clusterIPs: ips }) : service;
  }

  #takeIp(service: Service, family: string, asked: string, transaction: Transaction): string {
    const pool = this.#pools.find((candidate) => candidate.family === family);
    const problem = asked === '' ? undefined : pool?.take(asked);
    if (problem !== undefined) {
      const detail = `failed to allocate IP ${asked}: ${problem}`;
      throw refuse(service, 'spec.clusterIPs', service.spec.clusterIPs ?? [], detail);
    }
    const ip = asked === '' ? pool?.takeAny() : asked;
    if (ip === undefined) {
      const name = JSON.stringify(service.metadata.name);
      throw internalError(`failed to allocate a serviceIP for Service ${name}: range is full`);
    }
    transaction.undo.push(() => pool?.release(ip));
    return ip;
  }

  #allocatePorts(service: Service, before: ServiceSpec | undefined, transaction: Transaction): Service {
    const { spec } = service;
    const held = new Set(before === undefined ? [] : nodePortsOf(before));
    const isNew = before === undefined || !needsNodePort(before);
    const ports = needsNodePort(spec) ? this.#takePorts(service, held, isNew, transaction) : spec.ports;
    const kept = new Set(nodePortsOf({ ...spec, ports: ports ?? [] }));
    for (const port of held) if (!kept.has(port)) transaction.commit.push(() => this.#ports.release(port));
    return withSpec(service, { ports });
  }

  /**
   * Ports with one number and several protocols share a node port on create, as long as nobody asked otherwise.
   */
  #takePorts(
    service: Service,
    held: ReadonlySet<number>,
    share: boolean,
    transaction: Transaction,
  ): readonly ServicePort[] {
    const { spec } = service;
    const ports = spec.ports ?? [];
    const automatic = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
    const byPort = new Map<number, number>();
    const taken = new Set(held);
    return ports.map((port, index) => {
      const asked = port.nodePort ?? 0;
      if (asked === 0 && !automatic) return port;
      const shared = share ? byPort.get(port.port) : undefined;
      const requested = share
        ? ports.find((other) => other.port === port.port && other.nodePort)?.nodePort
        : undefined;
      const wanted = asked === 0 ? (shared ?? requested ?? 0) : asked;
      const isHeld = share ? wanted !== 0 && wanted === shared : taken.has(wanted);
      const nodePort = isHeld ? wanted : this.#takePort(service, wanted, index, transaction);
      taken.add(nodePort);
      if (!byPort.has(port.port)) byPort.set(port.port, nodePort);
      return { ...port, nodePort };
    });
  }

  #takePort(service: Service, wanted: number, index: number, transaction: Transaction): number {
    const problem = wanted === 0 ? undefined : this.#ports.take(wanted);
    if (problem !== undefined) throw refuse(service, `spec.ports[${index}].nodePort`, wanted, problem);
    const port = wanted === 0 ? this.#ports.takeAny() : wanted;
    if (port === undefined) throw internalError('failed to allocate a nodePort: range is full');
    transaction.undo.push(() => this.#ports.release(port));
    return port;
  }

  #allocateHealthCheckPort(
    service: Service,
    before: ServiceSpec | undefined,
    transaction: Transaction,
  ): Service {
    const { spec } = service;
    const needed = needsHealthCheckPort(spec);
    const wasNeeded = before !== undefined && needsHealthCheckPort(before);
    if (wasNeeded && !needed) {
      const port = before.healthCheckNodePort ?? 0;
      transaction.commit.push(() => this.#ports.release(port));
    }
    if (!needed || wasNeeded) return service;
    const asked = spec.healthCheckNodePort ?? 0;
    const problem = asked === 0 ? undefined : this.#ports.take(asked);
    if (problem !== undefined) {
      throw internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${problem}`);
    }
    const port = asked === 0 ? this.#ports.takeAny() : asked;
    if (port === undefined) throw internalError('failed to allocate a HealthCheck NodePort 0: range is full');
    transaction.undo.push(() => this.#ports.release(port));
    return withSpec(service, { healthCheckNodePort: port });
  }
}

function addressesOf(spec: ServiceSpec): readonly string[] {
  return needsClusterIp(spec) ? (spec.clusterIPs ?? []).filter((ip) => ip !== HEADLESS && ip !== '') : [];
}

function nodePortsOf(spec: ServiceSpec): readonly number[] {
  return (spec.ports ?? []).map((port) => port.nodePort ?? 0).filter((port) => port !== 0);
}

function refuse(
  service: Service,
  field: string,
  value: readonly string[] | number,
  detail: string,
): StatusError {
  const subject = { group: '', kind: 'Service' };
  return invalid(subject, service.metadata.name ?? '', [invalidValue(field, value, detail)]);
}
