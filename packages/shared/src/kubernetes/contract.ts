// SPDX-License-Identifier: Apache-2.0

/*
 * The names we share with users and with the peers (kube-vip, kube-vip-cloud-provider). Either half of ours works with
 * the other half of theirs only because these strings are exactly theirs; what we add is under `fairlead.io/`.
 */

/** Prefix of the peers' annotations. */
export const KUBE_VIP_PREFIX = 'kube-vip.io/';
/** Prefix of everything that only we write. */
export const FAIRLEAD_PREFIX = 'fairlead.io/';

/** Annotations on a Service. Who writes (cloud provider, agent, user) is in each comment. */
export const ANNOTATION = {
  /** The addresses, comma list, order = order in the status. Cloud provider or user; wins over the spec when present. */
  loadBalancerIPs: 'kube-vip.io/loadbalancerIPs',
  /** DHCP host name. User. */
  loadBalancerHostname: 'kube-vip.io/loadbalancerHostname',
  /** Hardware address as which the Service asks for DHCP. User or agent. */
  hwaddr: 'kube-vip.io/hwaddr',
  /** Addresses to ask DHCP for, one of each family at most; the agent writes those it got. User or agent. */
  requestedIP: 'kube-vip.io/requestedIP',
  /** Services with one name here share one DHCP address. User. */
  macvlanName: 'kube-vip.io/macvlanName',
  /** `"true"`: DHCP servers are to answer by broadcast. User. */
  dhcpBroadcast: 'kube-vip.io/dhcp-broadcast',
  /** Interface for this Service, or `auto`. Cloud provider (from the ConfigMap) or user. */
  serviceInterface: 'kube-vip.io/serviceInterface',
  /** `"true"`: the agent leaves the Service alone. User. */
  ignore: 'kube-vip.io/ignore',
  /** `"true"`: no port filter for the Service. User. */
  ignoreServiceSecurity: 'kube-vip.io/ignore-service-security',
  /** `name` or `namespace/name` of a Lease that several Services share. User. */
  leaseName: 'kube-vip.io/leaseName',
  /** `"true"`: a Lease of its own although the election is global. User. */
  forcePerServiceElection: 'kube-vip.io/forcePerServiceElection',
  /** `"true"`: answer for the address also without ready endpoints. User. */
  allowReconcileWithoutEndpoints: 'kube-vip.io/allow-reconcile-without-endpoints',
  /** Node that answers for the addresses now. Agent. */
  vipHost: 'kube-vip.io/vipHost',
  /** Label selector: only nodes with such labels answer for the addresses. User. */
  nodeSelector: 'fairlead.io/node-selector',
  /** How new connections are spread: `round-robin`, `weighted-round-robin`, `least-connections`, `source-hash`, `consistent-hash`. User. */
  scheduler: 'fairlead.io/scheduler',
  /** How packets reach endpoints: `nat`, `dsr` (between nodes) or `direct-route` (endpoints hold the address). User. */
  forwarding: 'fairlead.io/forwarding',
  /** Shares of new connections: `node-a=3, 10.1.2.3=0, *=1`, by node or address of the endpoint. User. */
  weights: 'fairlead.io/weights',
  /** `"true"`: TCP connections to endpoints that are gone are reset instead of left to time out. User. */
  resetRemoved: 'fairlead.io/reset-removed',

  /** How endpoints are probed: `tcp`, `http`, `https` or `none`. User. */
  healthCheck: 'fairlead.io/health-check',
  /** Port to probe, when it is not the one that connections go to. User. */
  healthCheckPort: 'fairlead.io/health-check-port',
  /** What to GET, `/` by default. User. */
  healthCheckPath: 'fairlead.io/health-check-path',
  /** Host header, and server name of TLS. User. */
  healthCheckHost: 'fairlead.io/health-check-host',
  /** Statuses that mean alive: `200-299,404`. User. */
  healthCheckStatus: 'fairlead.io/health-check-status',
  /** Between two probes: `250ms`, `2s`. User. */
  healthCheckInterval: 'fairlead.io/health-check-interval',
  /** How long a probe may take. User. */
  healthCheckTimeout: 'fairlead.io/health-check-timeout',
  /** Successes in a row until a dead endpoint is used again. User. */
  healthCheckRise: 'fairlead.io/health-check-rise',
  /** Failures in a row until an endpoint is left out. User. */
  healthCheckFall: 'fairlead.io/health-check-fall',

  /** New connections per second of one source: `20`, or `20 burst 60`. User. */
  connectionRatePerSource: 'fairlead.io/connection-rate-per-source',
  /** Connections of one source that are open at the same time: `100`. User. */
  connectionsPerSource: 'fairlead.io/connections-per-source',
  /** How long a source that exceeds one of these two is not listened to: `60s`, `10m`. User. */
  blockFor: 'fairlead.io/block-for',
  /** Answer the first packet of TCP connections here: `always`, `off`, or `above 1000` (connections per second). User. */
  synProxy: 'fairlead.io/syn-proxy',
  /** `"true"`: drop TCP packets with flags that no client sends. User. */
  dropBogusFlags: 'fairlead.io/drop-bogus-flags',
  /** Sources that no limit holds for: comma list of addresses and CIDRs, each may end with `until <RFC 3339>`. User. */
  allowSources: 'fairlead.io/allow-sources',
  /** Sources that are not listened to, in the same form. User. */
  blockSources: 'fairlead.io/block-sources',

  /** The DHCP leases of the Service (address, server, length, end), as JSON. Agent. */
  dhcpLease: 'fairlead.io/dhcp-lease',
  /** Name of the pool `pool-<name>` to take the addresses from. User. */
  addressPool: 'fairlead.io/address-pool',
  /**
   * `"true"`: may share an address with a Service of another namespace that says so, too. User.
   * Within a namespace `allow-share-<namespace>` of the ConfigMap decides.
   */
  shareAcrossNamespaces: 'fairlead.io/share-across-namespaces',
  /**
   * Where the addresses came from: the id of a pool, or {@link ALLOCATED_ON_REQUEST}. Cloud provider. Absent on Services
   * that the peer served; their addresses count as taken from the namespace's pool.
   */
  allocatedFrom: 'fairlead.io/allocated-from',
  /**
   * The ports (`TCP/80,UDP/53`, sorted) with which the Service was let onto a shared address. Cloud provider. When the
   * spec has others, the user has edited them and they have yet to be checked.
   */
  sharedPorts: 'fairlead.io/shared-ports',
  /** Addresses that are being drained, each with its end: `192.0.2.7=2026-11-21T07:00:00Z`, comma list. Cloud provider. */
  draining: 'fairlead.io/draining',
  /**
   * What the cloud provider wrote last (addresses, interface, class), as JSON: what differs from it now is the user's
   * edit. Cloud provider. Absent on Services that the peer served.
   */
  lastApplied: 'fairlead.io/last-applied',
} as const;

/** Value of {@link ANNOTATION.allocatedFrom}: the user named the addresses. */
export const ALLOCATED_ON_REQUEST = 'request';

/** Labels. */
export const LABEL = {
  /** On a Service: `kube-vip` marks that its address came from the pools; the only marker the peer lists by. */
  implementation: 'implementation',
  /** Old marker of the peer, removed when seen. */
  ipamAddress: 'ipam-address',
  /** On an EndpointSlice: the Service it belongs to. */
  serviceName: 'kubernetes.io/service-name',
  /** On a Node: its host name. */
  hostname: 'kubernetes.io/hostname',
  /** On a Node, followed by `<service>.<namespace>`: its agent answers for that Service at the addresses in the value. */
  serviceProvidedPrefix: 'service-provided.kube-vip.io/',
  /** On a Node: it is part of the control plane. */
  controlPlane: 'node-role.kubernetes.io/control-plane',
  /** On a Node: keep load balancers away from it (Kubernetes' own label). */
  excludeFromLoadBalancers: 'node.kubernetes.io/exclude-from-external-load-balancers',
} as const;

/** Value of {@link LABEL.implementation}. */
export const IMPLEMENTATION_KUBE_VIP = 'kube-vip';

/** Finalizer on a Service whose address has to be given back: the one of Kubernetes' own service controller. */
export const LOAD_BALANCER_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

/** Default `spec.loadBalancerClass` of Services that ask for us by name. */
export const LOAD_BALANCER_CLASS = 'kube-vip.io/kube-vip-class';

/** Where the contract's own objects live unless configured otherwise. */
export const SYSTEM_NAMESPACE = 'kube-system';

/** ConfigMaps with the pools; the second is the name before 2021. */
export const CONFIG_MAP_NAME = 'kubevip';
/** See {@link CONFIG_MAP_NAME}. */
export const LEGACY_CONFIG_MAP_NAME = 'plndr';

/** Lease names. */
export const LEASE_NAME = {
  /** Leader of the cloud provider. */
  cloudProvider: 'kube-vip-cloud-controller',
  /** One node carries all Services (`svc_election` off). */
  services: 'plndr-svcs-lock',
  /** Holder of the control-plane address. */
  controlPlane: 'plndr-cp-lock',
} as const;

/** Name of the Lease of one Service, in the Service's namespace (`svc_election` on). */
export function serviceLeaseName(serviceName: string): string {
  return `kubevip-${serviceName}`;
}

/** `reportingController` and `source.component` of our Events. */
export const COMPONENT = {
  cloudProvider: 'fairlead-cloud-provider',
  agent: 'fairlead-agent',
  starboard: 'fairlead-starboard',
} as const;

/** Types in `status.conditions` of a Service. */
export const CONDITION = {
  /**
   * The cloud provider's word: does the Service have its addresses? `False` means that what stands in its annotation or spec
   * is refused, and agents must not answer for it.
   */
  addressAllocated: 'fairlead.io/AddressAllocated',
  /** The agent's word: does a node answer for the addresses? */
  addressAnnounced: 'fairlead.io/AddressAnnounced',
} as const;

/**
 * Reason codes, the same string in log, Event, condition and metric. The first group are the names of Kubernetes' own
 * service controller, which the peer's users already filter on.
 */
export const REASON = {
  ensuringLoadBalancer: 'EnsuringLoadBalancer',
  ensuredLoadBalancer: 'EnsuredLoadBalancer',
  updatedLoadBalancer: 'UpdatedLoadBalancer',
  syncLoadBalancerFailed: 'SyncLoadBalancerFailed',
  deletingLoadBalancer: 'DeletingLoadBalancer',
  deletedLoadBalancer: 'DeletedLoadBalancer',

  /** The Service has its addresses. */
  allocated: 'Allocated',
  /** An address was given back. */
  released: 'Released',
  /** No address left in the pool. */
  poolExhausted: 'PoolExhausted',
  /** No pool serves this Service, or not for this family. */
  noPool: 'NoPool',
  /** The pool is there and has no address. */
  poolEmpty: 'PoolEmpty',
  /** A key of the ConfigMap cannot be read. */
  poolInvalid: 'PoolInvalid',
  /** The request cannot be understood, or not be met by anybody: no address, wrong family, a pool that is closed to it. */
  invalidRequest: 'InvalidRequest',
  /** The asked address belongs to another Service. */
  addressConflict: 'AddressConflict',
  /** The asked address is in no pool of the Service, and `requested-outside-pool: deny`. */
  outsidePool: 'OutsidePool',
  /** The asked address is one that `avoid-…` keeps from being used. */
  addressAvoided: 'AddressAvoided',
  /** An address is replaced, because its pool shrank or went (`on-change-…`). */
  addressMoved: 'AddressMoved',
  /** A key of the ConfigMap is not known. On the ConfigMap. */
  unknownKey: 'UnknownKey',
  /** A key of the ConfigMap cannot be used as it is. On the ConfigMap. */
  invalidKey: 'InvalidKey',

  /** The node began to answer for the address. */
  addressHeld: 'AddressHeld',
  /** The node stopped answering for the address. */
  addressDropped: 'AddressDropped',
  /** Another machine answers for an address that we hold. */
  foreignClaim: 'ForeignClaim',
  /** No ready endpoint. */
  noReadyEndpoints: 'NoReadyEndpoints',
  /** Rules of starboard would leave Services without anybody who carries their traffic. On the ConfigMap. */
  starboardRefused: 'StarboardRefused',
  /** No usable interface for the address. */
  interfaceMissing: 'InterfaceMissing',
} as const;

/** One of {@link REASON}. */
export type Reason = (typeof REASON)[keyof typeof REASON];
