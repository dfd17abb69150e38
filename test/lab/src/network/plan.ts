// SPDX-License-Identifier: Apache-2.0
/** The lab's network on paper: pure, so that tests and tools can know every name and address without a lab. */

/** What a host is for. */
export type HostRole = 'control-plane' | 'worker' | 'client';

/** Options of {@link planNetwork}. */
export interface NetworkOptions {
  /** Number of workers, 0 to 90. Default 3. */
  readonly workers?: number;
  /** IPv6 beside IPv4 everywhere. Default true. */
  readonly ipv6?: boolean;
}

/** One route of a host. */
export interface RoutePlan {
  readonly destination: string;
  readonly via: string;
}

/** One host: a network namespace of that name with `eth0` on the switch. */
export interface HostPlan {
  readonly name: string;
  readonly role: HostRole;
  readonly mac: string;
  /** Without prefix length. */
  readonly ipv4: string;
  readonly ipv6?: string;
  /** Pod ranges behind this host, one per family; none for the client. */
  readonly podCidrs: readonly string[];
  /** The switch's end of the cable, in the lab's root namespace (at most 15 characters). */
  readonly switchPort: string;
  readonly routes: readonly RoutePlan[];
  /** Name with dots -> value; set before eth0 exists. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** A station on the switch that exists only as a source address in frames: what the observers probe with. */
export interface StationPlan {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** The whole network. */
export interface NetworkPlan {
  readonly ipv6: boolean;
  /** The switch, with an address of its own for whoever runs the lab (the gateway, as in kind). */
  readonly bridge: {
    readonly name: string;
    readonly mac: string;
    readonly ipv4: string;
    readonly ipv6?: string;
  };
  readonly subnets: { readonly ipv4: string; readonly ipv6: string };
  readonly serviceCidrs: readonly string[];
  /** Where the API server listens, `address:port`. */
  readonly apiServer: string;
  /** Control plane, workers in order, client. */
  readonly hosts: readonly HostPlan[];
  readonly observer: StationPlan;
}

/** Interface of every host on the switch. */
export const HOST_INTERFACE = 'eth0';
export const CONTROL_PLANE = 'control-plane';
export const CLIENT = 'client';

const MAX_WORKERS = 90;
const GATEWAY = { number: 1, ipv4: '172.18.0.1', ipv6: 'fd00:18::1' };
const CLIENT_NUMBER = 100;
const OBSERVER_NUMBER = 101;
/** Shares no prefix with the hosts: the observer uses a whole range, see observer/frames.ts. */
const OBSERVER_MAC = '02:fa:1f:00:00:00';

const ipv4Of = (number: number) => `172.18.0.${number}`;
const ipv6Of = (number: number) => `fd00:18::${number.toString(16)}`;
/** Locally administered, and readable: the last byte is the last byte of the IPv4 address. */
const macOf = (number: number) => `02:fa:1e:00:00:${number.toString(16).padStart(2, '0')}`;

/** Works out the whole network. Throws when the number of workers is out of range. */
export function planNetwork(options: NetworkOptions = {}): NetworkPlan {
  const workers = options.workers ?? 3;
  const ipv6 = options.ipv6 ?? true;
  if (!Number.isInteger(workers) || workers < 0 || workers > MAX_WORKERS) {
    throw new Error(`number of workers is ${workers}, expected a whole number from 0 to ${MAX_WORKERS}`);
  }
  const nodes = Array.from({ length: workers + 1 }, (_, index) => nodeSeed(index, ipv6));
  const hosts = nodes.map((node) => nodePlan(node, nodes, ipv6));
  return {
    ipv6,
    bridge: {
      name: 'br0',
      mac: macOf(GATEWAY.number),
      ipv4: GATEWAY.ipv4,
      ...(ipv6 ? { ipv6: GATEWAY.ipv6 } : {}),
    },
    subnets: { ipv4: '172.18.0.0/16', ipv6: 'fd00:18::/64' },
    serviceCidrs: ['10.96.0.0/16', ...(ipv6 ? ['fd00:10:96::/112'] : [])],
    apiServer: `${ipv4Of(2)}:6443`,
    hosts: [...hosts, clientPlan(ipv6)],
    observer: { mac: OBSERVER_MAC, ipv4: ipv4Of(OBSERVER_NUMBER), ipv6: ipv6Of(OBSERVER_NUMBER) },
  };
}

/** The host of that name; throws, naming the known ones, when there is none. */
export function hostOf(plan: NetworkPlan, name: string): HostPlan {
  const host = plan.hosts.find((candidate) => candidate.name === name);
  if (host !== undefined) return host;
  throw new Error(`no host "${name}"; there are ${plan.hosts.map((candidate) => candidate.name).join(', ')}`);
}

/** The host that owns a MAC address; undefined for a foreign one. */
export function hostByMac(plan: NetworkPlan, mac: string): HostPlan | undefined {
  return plan.hosts.find((host) => host.mac === mac.toLowerCase());
}

/** Control plane and workers. */
export function nodesOf(plan: NetworkPlan): readonly HostPlan[] {
  return plan.hosts.filter((host) => host.role !== 'client');
}

type NodeSeed = Pick<HostPlan, 'name' | 'role' | 'mac' | 'ipv4' | 'ipv6' | 'podCidrs'>;

function nodeSeed(index: number, ipv6: boolean): NodeSeed {
  const number = index + 2;
  return {
    name: index === 0 ? CONTROL_PLANE : `worker${index}`,
    role: index === 0 ? 'control-plane' : 'worker',
    mac: macOf(number),
    ipv4: ipv4Of(number),
    ...(ipv6 ? { ipv6: ipv6Of(number) } : {}),
    podCidrs: [`10.244.${index}.0/24`, ...(ipv6 ? [`fd00:10:244:${index.toString(16)}::/64`] : [])],
  };
}

function nodePlan(node: NodeSeed, all: readonly NodeSeed[], ipv6: boolean): HostPlan {
  const podRoutes = all
    .filter((other) => other.name !== node.name)
    .flatMap((other) =>
      other.podCidrs.map((destination) => ({ destination, via: viaFor(other, destination) })),
    );
  return {
    ...node,
    switchPort: `p-${node.name}`,
    routes: [...defaultRoutes(ipv6), ...podRoutes],
    sysctls: {
      ...baseSysctls(ipv6),
      'net.ipv4.ip_forward': '1',
      ...(ipv6 ? { 'net.ipv6.conf.all.forwarding': '1', 'net.ipv6.conf.default.forwarding': '1' } : {}),
    },
  };
}

function viaFor(node: NodeSeed, destination: string): string {
  return destination.includes(':') ? (node.ipv6 ?? '') : node.ipv4;
}

function clientPlan(ipv6: boolean): HostPlan {
  return {
    name: CLIENT,
    role: 'client',
    mac: macOf(CLIENT_NUMBER),
    ipv4: ipv4Of(CLIENT_NUMBER),
    ...(ipv6 ? { ipv6: ipv6Of(CLIENT_NUMBER) } : {}),
    podCidrs: [],
    switchPort: `p-${CLIENT}`,
    routes: defaultRoutes(ipv6),
    sysctls: baseSysctls(ipv6),
  };
}

/** Hosts find their main interface by the default route; nobody answers behind it. */
function defaultRoutes(ipv6: boolean): RoutePlan[] {
  return [
    { destination: '0.0.0.0/0', via: GATEWAY.ipv4 },
    ...(ipv6 ? [{ destination: '::/0', via: GATEWAY.ipv6 }] : []),
  ];
}

/**
 * What a Debian or Ubuntu host has after boot, said outright because a network namespace inherits some IPv4 values from
 * the machine. Duplicate address detection is off: it would cost every start more than a second.
 */
function baseSysctls(ipv6: boolean): Record<string, string> {
  return {
    'net.ipv4.conf.all.rp_filter': '2',
    'net.ipv4.conf.default.rp_filter': '2',
    'net.ipv4.conf.all.arp_ignore': '0',
    'net.ipv4.conf.default.arp_ignore': '0',
    'net.ipv4.conf.all.arp_announce': '0',
    'net.ipv4.conf.default.arp_announce': '0',
    'net.ipv4.ping_group_range': '0 0',
    ...(ipv6
      ? {
          'net.ipv6.conf.all.disable_ipv6': '0',
          'net.ipv6.conf.default.disable_ipv6': '0',
          'net.ipv6.conf.default.accept_dad': '0',
          'net.ipv6.conf.default.dad_transmits': '0',
          'net.ipv6.conf.default.accept_ra': '0',
          'net.ipv6.conf.default.router_solicitations': '0',
        }
      : { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' }),
  };
}
