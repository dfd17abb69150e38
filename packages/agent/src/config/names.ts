// SPDX-License-Identifier: Apache-2.0

/** One setting: its names in the environment and on the command line, as kube-vip spells them unless ours alone. */
export interface SettingSpec {
  readonly env: string;
  readonly flag?: string;
  /** Go flags of type bool may stand alone (`--arp`) or carry a value (`--arp=true`). */
  readonly takes: 'bool' | 'value';
  readonly help: string;
}

/**
 * Every setting that the manager understands. The names are a contract: the kind case study's DaemonSet runs unchanged.
 * Names that begin with `fairlead_` are ours.
 */
export const SETTINGS = {
  arp: { env: 'vip_arp', flag: 'arp', takes: 'bool', help: 'announce addresses by ARP and NDP' },
  services: { env: 'svc_enable', flag: 'services', takes: 'bool', help: 'serve LoadBalancer Services' },
  servicesElection: {
    env: 'svc_election',
    flag: 'servicesElection',
    takes: 'bool',
    help: 'elect an owner per Service instead of one owner for all',
  },
  electionOnDemand: {
    env: 'per_service_election_on_demand',
    flag: 'perServiceElectionOnDemand',
    takes: 'bool',
    help: 'without svc_election: an owner of their own for Services annotated kube-vip.io/forcePerServiceElection',
  },
  servicesLeaseName: {
    env: 'svc_leasename',
    flag: 'servicesLeaseName',
    takes: 'value',
    help: 'Lease (name or namespace/name) of the one owner of all Services (plndr-svcs-lock)',
  },
  servicesNamespace: {
    env: 'svc_namespace',
    takes: 'value',
    help: 'serve only Services of this namespace (all)',
  },
  leaseNamespace: {
    env: 'cp_namespace',
    flag: 'namespace',
    takes: 'value',
    help: 'namespace of the Leases when there is no service account (kube-system)',
  },
  nodeName: {
    env: 'vip_nodename',
    flag: 'nodeName',
    takes: 'value',
    help: 'name of this node; identity in Leases (host name)',
  },
  interface: {
    env: 'vip_interface',
    flag: 'interface',
    takes: 'value',
    help: 'link to answer on; of a comma list the first that the node has (the one with the default route)',
  },
  servicesInterface: {
    env: 'vip_servicesinterface',
    flag: 'serviceInterface',
    takes: 'value',
    help: 'link for addresses of Services, or a comma list; auto = by subnet',
  },
  loGlobalScope: {
    env: 'vip_interfaceloglobal',
    flag: 'loInterfaceGlobalScope',
    takes: 'bool',
    help: 'IPv4 addresses on lo get global instead of host scope, for software that only looks at those',
  },
  skipDad: {
    env: 'vip_skipdad',
    takes: 'bool',
    help: 'accepted: IPv6 addresses never wait for duplicate address detection; a second owner is noticed by its claims',
  },
  leaseDuration: {
    env: 'vip_leaseduration',
    flag: 'leaseDuration',
    takes: 'value',
    help: 'seconds after which another node may take over (15)',
  },
  renewDeadline: {
    env: 'vip_renewdeadline',
    flag: 'leaseRenewDuration',
    takes: 'value',
    help: 'seconds after which an owner that cannot renew lets go (10)',
  },
  retryPeriod: {
    env: 'vip_retryperiod',
    flag: 'leaseRetry',
    takes: 'value',
    help: 'seconds between renewals (2)',
  },
  announceInterval: {
    env: 'vip_arpRate',
    takes: 'value',
    help: 'milliseconds between two gratuitous announcements of an address at rest; below 500 = 3000 (60000)',
  },
  className: {
    env: 'lb_class_name',
    flag: 'lbClassName',
    takes: 'value',
    help: 'loadBalancerClass to serve (kube-vip.io/kube-vip-class)',
  },
  classOnly: {
    env: 'lb_class_only',
    flag: 'lbClassOnly',
    takes: 'bool',
    help: 'leave Services without a class alone',
  },
  classLegacyHandling: {
    env: 'lb_class_legacy_handling',
    flag: 'lbClassNameLegacyHandling',
    takes: 'bool',
    help: 'false: serve exactly the class in lb_class_name, or exactly the Services without one when that is empty (true)',
  },
  disableServiceUpdates: {
    env: 'disable_service_updates',
    flag: 'disableServiceUpdates',
    takes: 'bool',
    help: 'never write to a Service',
  },
  healthCheckPort: {
    env: 'health_check_port',
    flag: 'healthCheckPort',
    takes: 'value',
    help: 'port of a second server for /healthz, from 1024 (none)',
  },
  prometheusServer: {
    env: 'prometheus_server',
    flag: 'prometheusHTTPServer',
    takes: 'value',
    help: 'address of metrics and probes, [host]:port; an empty flag switches it off (:2112)',
  },
  logLevel: {
    env: 'vip_loglevel',
    flag: 'log',
    takes: 'value',
    help: '-4 debug, 0 info, 4 warn, 8 error, or the word (0)',
  },
  dhcpAttempts: {
    env: 'dhcp_backoff_attempts',
    flag: 'dhcpBackoffAttempts',
    takes: 'value',
    help: 'questions without an answer from a DHCP server before the Service is told; asking goes on (3)',
  },
  dnsMode: {
    env: 'dns_mode',
    flag: 'dnsMode',
    takes: 'value',
    help: 'which addresses of a DNS name count: first, ipv4, ipv6 or dual (first)',
  },
  nodeLabels: {
    env: 'enable_node_labeling',
    flag: 'enableNodeLabeling',
    takes: 'bool',
    help: 'say on Node objects which node answers for which Service; needs the right to patch nodes',
  },
  controlPlane: {
    env: 'cp_enable',
    flag: 'controlplane',
    takes: 'bool',
    help: 'answer for the address of the control plane; for nodes with an API server',
  },
  controlPlaneAddress: {
    env: 'address',
    flag: 'address',
    takes: 'value',
    help: 'address of the control plane: IP addresses or DNS names, comma-separated',
  },
  vipAddress: { env: 'vip_address', flag: 'vip', takes: 'value', help: 'older name of address' },
  port: { env: 'port', flag: 'port', takes: 'value', help: 'port of the API servers (6443)' },
  controlPlaneLeaseName: {
    env: 'vip_leasename',
    flag: 'leaseName',
    takes: 'value',
    help: 'Lease (name or namespace/name) for the address of the control plane (plndr-cp-lock)',
  },
  detectControlPlane: {
    env: 'cp_detect',
    flag: 'autodetectcp',
    takes: 'bool',
    help: 'find the API server of this node by the names in its certificate',
  },
  balanceControlPlane: {
    env: 'lb_enable',
    flag: 'enableLoadBalancer',
    takes: 'bool',
    help: 'spread connections to the address of the control plane over all API servers',
  },
  balancedPort: {
    env: 'lb_port',
    flag: 'lbPort',
    takes: 'value',
    help: 'with lb_enable: port at the address of the control plane (6443)',
  },
  forwardingMethod: {
    env: 'lb_fwdmethod',
    flag: 'lbForwardingMethod',
    takes: 'value',
    help: 'with lb_enable: masquerade, local (only to the API server of the node), directroute, tunnel or bypass (masquerade)',
  },
  backendHealthInterval: {
    env: 'backend_health_check_interval',
    takes: 'value',
    help: 'seconds between two looks at the API servers of other nodes (1)',
  },
  controlPlaneHealthAddress: {
    env: 'control_plane_health_check_address',
    flag: 'controlPlaneHealthCheckAddress',
    takes: 'value',
    help: 'URL to ask whether this node may have the address of the control plane (/readyz of its API server)',
  },
  controlPlaneHealthPeriod: {
    env: 'control_plane_health_check_period_seconds',
    flag: 'controlPlaneHealthCheckPeriodSeconds',
    takes: 'value',
    help: 'seconds between two questions to that URL (5)',
  },
  controlPlaneHealthTimeout: {
    env: 'control_plane_health_check_timeout_seconds',
    flag: 'controlPlaneHealthCheckTimeoutSeconds',
    takes: 'value',
    help: 'seconds after which a question to that URL has failed (3)',
  },
  controlPlaneHealthThreshold: {
    env: 'control_plane_health_check_failure_threshold',
    flag: 'controlPlaneHealthCheckFailureThreshold',
    takes: 'value',
    help: 'questions to that URL that have to fail in a row (3)',
  },
  controlPlaneHealthCa: {
    env: 'control_plane_health_check_ca_path',
    flag: 'controlPlaneHealthCheckCAPath',
    takes: 'value',
    help: 'file with the certificates of who may sign for that URL (any certificate will do)',
  },
  kubeconfig: {
    env: 'k8s_config_file',
    flag: 'k8sConfigPath',
    takes: 'value',
    help: 'kubeconfig outside a cluster ($KUBECONFIG, else /etc/kubernetes/admin.conf)',
  },
  apiServer: {
    env: 'kubernetes_addr',
    takes: 'value',
    help: 'URL of the API server instead of the configured one',
  },
  engine: {
    env: 'fairlead_engine',
    flag: 'engine',
    takes: 'value',
    help: 'how owners are chosen: lease, or raft among three or more agents with a common key (lease)',
  },
  raftPort: {
    env: 'fairlead_raft_port',
    flag: 'raft-port',
    takes: 'value',
    help: 'UDP port at which agents hear each other, the same for all (7947)',
  },
  raftAddress: {
    env: 'fairlead_raft_address',
    flag: 'raft-address',
    takes: 'value',
    help: 'address at which other agents reach this one (the InternalIP of its Node)',
  },
  raftFamily: {
    env: 'fairlead_raft_family',
    flag: 'raft-family',
    takes: 'value',
    help: 'ipv4 or ipv6 between the agents (ipv4 where there is one)',
  },
  raftInterval: {
    env: 'fairlead_raft_interval_ms',
    flag: 'raft-interval-ms',
    takes: 'value',
    help: 'milliseconds between two renewals of what is granted, the same for all (100)',
  },
  raftGrant: {
    env: 'fairlead_raft_grant_ms',
    flag: 'raft-grant-ms',
    takes: 'value',
    help: 'milliseconds after which a silent agent has let go, the same for all (300)',
  },
  raftVoters: {
    env: 'fairlead_raft_voters',
    flag: 'raft-voters',
    takes: 'value',
    help: 'agents that elect: 3, 5 or 7; control-plane nodes first (3)',
  },
  minority: {
    env: 'fairlead_minority',
    flag: 'minority',
    takes: 'value',
    help: 'below a majority of the voters: release addresses, or keep them at the risk of two owners (release)',
  },
  reformAfter: {
    env: 'fairlead_reform_after',
    flag: 'reform-after',
    takes: 'value',
    help: 'time below a majority after which those who live go on without the others, or never (never)',
  },
  groupKeySecret: {
    env: 'fairlead_group_key_secret',
    flag: 'group-key-secret',
    takes: 'value',
    help: 'Secret with the key of the group, in the namespace of the agents (fairlead-group)',
  },
  groupKeyFile: {
    env: 'fairlead_group_key_file',
    flag: 'group-key-file',
    takes: 'value',
    help: 'file with the key of the group, instead of the Secret',
  },
  balance: {
    env: 'fairlead_balance',
    flag: 'balance',
    takes: 'value',
    help: 'who sends connections to pods: none (kube-proxy does), nftables, ipvs or userspace (none)',
  },
  forwarding: {
    env: 'fairlead_forwarding',
    flag: 'forwarding',
    takes: 'value',
    help: 'how packets reach pods: nat, or dsr, where a node with pods answers clients itself (nat)',
  },
  ipvsForwarding: {
    env: 'fairlead_ipvs_forwarding',
    flag: 'ipvs-forwarding',
    takes: 'value',
    help: 'with IPVS: masquerade, directroute, tunnel, local or bypass (masquerade)',
  },
  ipvsScheduler: {
    env: 'fairlead_ipvs_scheduler',
    flag: 'ipvs-scheduler',
    takes: 'value',
    help: 'with IPVS: scheduler of Services that do not say, such as rr, wlc, sed or mh (rr)',
  },
  closePorts: {
    env: 'enable_service_security',
    flag: 'onlyAllowTrafficServicePorts',
    takes: 'bool',
    help: 'drop what comes for an address but not for a port of its Services',
  },
  addressOn: {
    env: 'fairlead_address_on',
    flag: 'address-on',
    takes: 'value',
    help: 'where addresses are configured: lo or interface (lo)',
  },
} as const satisfies Record<string, SettingSpec>;
