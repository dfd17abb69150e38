// SPDX-License-Identifier: Apache-2.0

/** A setting of kube-vip that this version accepts and does nothing with. */
export interface UnsupportedSetting {
  readonly env?: string;
  readonly flag?: string;
  /** Key of kube-vip's configuration file; also a key with others below it. */
  readonly file?: string;
  /** Holds a password: never shown. */
  readonly secret?: true;
  readonly takes: 'bool' | 'value';
  /** What the user does without, completing "… is not supported yet". */
  readonly feature: string;
  /** Values that ask for nothing we do not do anyway, so that no warning is due; `any`: none of them does. */
  readonly harmless?: readonly string[] | 'any';
}

const OFF = ['false', '0', 'f'];

/**
 * kube-vip's settings without a counterpart here so far. Each one that is set to something gets one warning at start, and
 * never stops the agent: a manifest written for kube-vip keeps working as far as it can.
 */
export const UNSUPPORTED_SETTINGS: readonly UnsupportedSetting[] = [
  {
    env: 'vip_subnet',
    file: 'vipSubnet',
    flag: 'vipSubnet',
    takes: 'value',
    feature: 'a prefix other than the single address (the link has its subnet already)',
    harmless: ['32', '128', '32,128', '128,32', '/32', '/128', '/32,/128', 'auto', 'auto,auto'],
  },
  {
    env: 'vip_cidr',
    flag: 'cidr',
    file: 'vipCidr',
    takes: 'value',
    feature: 'a prefix other than the single address (the link has its subnet already)',
    harmless: ['32', '128', '32,128', '128,32'],
  },
  { env: 'bgp_enable', file: 'enableBGP', flag: 'bgp', takes: 'bool', feature: 'BGP', harmless: OFF },
  {
    env: 'vip_routingtable',
    file: 'enableRoutingTable',
    flag: 'table',
    takes: 'bool',
    feature: 'routing-table mode',
    harmless: OFF,
  },
  {
    env: 'vip_wireguard',
    file: 'enableWireguard',
    flag: 'wireguard',
    takes: 'bool',
    feature: 'WireGuard mode',
    harmless: OFF,
  },
  {
    env: 'vip_allow_interface_not_up',
    file: 'allowInterfaceNotUp',
    flag: 'allowInterfaceNotUp',
    takes: 'bool',
    feature: 'waiting for a link at start (a link that is missing or down never stops the agent)',
    harmless: 'any',
  },
  {
    env: 'vip_leaderelection',
    file: 'enableLeaderElection',
    flag: 'leaderElection',
    takes: 'bool',
    feature: 'election of the control plane',
    harmless: [...OFF, 'true', '1', 't'],
  },
  {
    flag: 'leaderElectionType',
    takes: 'value',
    feature: 'an election outside the API server',
    harmless: ['kubernetes'],
  },
  {
    env: 'vip_leaseannotations',
    file: 'leaseAnnotations',
    takes: 'value',
    feature: 'annotations on the control-plane Lease',
  },
  { env: 'vip_ddns', flag: 'ddns', takes: 'bool', feature: 'dynamic DNS', harmless: OFF },
  {
    env: 'dhcp_mode',
    file: 'dhcpDualStackMode',
    flag: 'dhcpMode',
    takes: 'value',
    feature: 'dynamic DNS',
    harmless: ['ipv4', 'ipv6', 'dual', 'first'],
  },
  {
    env: 'vip_preserve_on_leadership_loss',
    flag: 'preserveVipOnLeadershipLoss',
    takes: 'bool',
    feature: 'keeping an address without a Lease (two nodes would answer)',
    harmless: OFF,
  },
  {
    env: 'vip_loseleadership',
    flag: 'loseLeadership',
    takes: 'bool',
    feature: 'stopping on link loss (addresses leave a link that is down at once, and the agent goes on)',
    harmless: 'any',
  },
  {
    env: 'vip_loseleadership_timeout_seconds',
    flag: 'loseLeadershiptTimeoutSeconds',
    takes: 'value',
    feature: 'stopping on link loss (addresses leave a link that is down at once, and the agent goes on)',
    harmless: 'any',
  },
  {
    env: 'bgp_attach_ip_to_interface',
    flag: 'bgpAttachIPToInterface',
    takes: 'bool',
    feature: 'BGP',
    harmless: OFF,
  },
  { env: 'bgp_routerid', flag: 'bgpRouterID', takes: 'value', feature: 'BGP' },
  { env: 'bgp_routerinterface', takes: 'value', feature: 'BGP' },
  { env: 'bgp_as', flag: 'localAS', takes: 'value', feature: 'BGP', harmless: ['65000'] },
  { env: 'bgp_sourceif', flag: 'sourceIF', takes: 'value', feature: 'BGP' },
  { env: 'bgp_sourceip', flag: 'sourceIP', takes: 'value', feature: 'BGP' },
  { env: 'bgp_hold_time', flag: 'bgpHoldTimer', takes: 'value', feature: 'BGP', harmless: ['30'] },
  {
    env: 'bgp_keepalive_interval',
    flag: 'bgpKeepAliveInterval',
    takes: 'value',
    feature: 'BGP',
    harmless: ['10'],
  },
  { env: 'bgp_peeraddress', flag: 'peerAddress', takes: 'value', feature: 'BGP' },
  { env: 'bgp_peeras', flag: 'peerAS', takes: 'value', feature: 'BGP', harmless: ['65000'] },
  { env: 'bgp_peerpass', flag: 'peerPass', takes: 'value', feature: 'BGP', secret: true },
  { env: 'bgp_multihop', flag: 'multihop', takes: 'bool', feature: 'BGP', harmless: OFF },
  { env: 'bgp_peers', flag: 'bgppeers', takes: 'value', feature: 'BGP', secret: true },
  { env: 'mpbgp_nexthop', takes: 'value', feature: 'BGP' },
  { env: 'mpbgp_ipv4', takes: 'value', feature: 'BGP' },
  { env: 'mpbgp_ipv6', takes: 'value', feature: 'BGP' },
  { env: 'annotation', flag: 'annotations', takes: 'value', feature: 'BGP settings from Node annotations' },
  { env: 'zebra_enable', flag: 'zebra', takes: 'bool', feature: 'BGP through FRR', harmless: OFF },
  {
    env: 'zebra_url',
    flag: 'zebraUrl',
    takes: 'value',
    feature: 'BGP through FRR',
    harmless: ['unix:/var/run/frr/zserv.api'],
  },
  { env: 'zebra_version', flag: 'zebraVersion', takes: 'value', feature: 'BGP through FRR', harmless: ['6'] },
  {
    env: 'zebra_software_name',
    flag: 'zebraSoftwareName',
    takes: 'value',
    feature: 'BGP through FRR',
    harmless: ['frr8.3'],
  },
  {
    env: 'vip_routingtableid',
    file: 'routingTableID',
    flag: 'tableID',
    takes: 'value',
    feature: 'routing-table mode',
    harmless: ['198'],
  },
  {
    env: 'vip_routingtabletype',
    file: 'routingTableType',
    flag: 'tableType',
    takes: 'value',
    feature: 'routing-table mode',
    harmless: ['1'],
  },
  {
    env: 'vip_routingprotocol',
    flag: 'routingProtocol',
    takes: 'value',
    feature: 'routing-table mode',
    harmless: ['248'],
  },
  {
    env: 'vip_cleanroutingtable',
    flag: 'cleanRoutingTable',
    takes: 'bool',
    feature: 'routing-table mode',
    harmless: OFF,
  },
  {
    env: 'enable_endpoints',
    flag: 'enableEndpoints',
    takes: 'bool',
    feature: 'the Endpoints API (EndpointSlices are used)',
    harmless: OFF,
  },
  {
    env: 'enable_endpointslices',
    flag: 'enableEndpointSlices',
    takes: 'bool',
    feature: 'the Endpoints API (EndpointSlices are used)',
    harmless: ['true', '1', 't'],
  },
  { env: 'mirror_dest_interface', flag: 'mirrorDestInterface', takes: 'value', feature: 'traffic mirroring' },
  {
    env: 'debounce_time',
    flag: 'debounceTime',
    takes: 'value',
    feature: 'waiting before acting on changes',
    harmless: ['0', '0s'],
  },
  {
    env: 'egress_withnftables',
    flag: 'egressWithNftables',
    takes: 'bool',
    feature: 'egress',
    harmless: [...OFF, 'true', '1', 't'],
  },
  { env: 'egress_podcidr', file: 'egressPodCidr', takes: 'value', feature: 'egress' },
  { env: 'egress_servicecidr', file: 'egressServiceCidr', takes: 'value', feature: 'egress' },
  { env: 'egress_enableinternalsnat', takes: 'bool', feature: 'egress', harmless: OFF },
  { env: 'egress_clean', file: 'egressClean', takes: 'bool', feature: 'egress', harmless: OFF },
  { env: 'EGRESS_CLEAN', takes: 'bool', feature: 'egress', harmless: OFF },
  { env: 'enable_upnp', file: 'enableUPNP', takes: 'bool', feature: 'UPnP', harmless: OFF },
  { env: 'instance_name', flag: 'instanceName', takes: 'value', feature: 'several agents on one node' },
  { env: 'INSTANCE_NAME', takes: 'value', feature: 'several agents on one node' },
  { file: 'bgpConfig', takes: 'value', feature: 'BGP', secret: true },
  { file: 'bgpPeerConfig', takes: 'value', feature: 'BGP', secret: true },
  { file: 'etcd', takes: 'value', feature: 'etcd' },
  {
    file: 'loadBalancers',
    takes: 'value',
    feature: 'load balancers of the older kube-vip (they are for agent start)',
  },
  {
    env: 'iptables_backend',
    file: 'iptablesBackend',
    takes: 'value',
    feature: 'iptables (rules are made by nft)',
    harmless: 'any',
  },
  {
    env: 'vip_singlenode',
    file: 'singleNode',
    takes: 'bool',
    feature: 'a single node without election (one agent alone has its Leases at once)',
    harmless: 'any',
  },
  {
    env: 'vip_startleader',
    file: 'startAsLeader',
    takes: 'bool',
    feature: 'a first leader that is not elected',
    harmless: 'any',
  },
  {
    env: 'vip_configmap',
    takes: 'value',
    feature: 'a ConfigMap with Services (it is for agent service)',
    harmless: 'any',
  },
  { flag: 'etcdCACert', takes: 'value', feature: 'etcd' },
  { flag: 'etcdCert', takes: 'value', feature: 'etcd' },
  { flag: 'etcdKey', takes: 'value', feature: 'etcd' },
  { flag: 'etcdEndpoints', takes: 'value', feature: 'etcd' },
];
