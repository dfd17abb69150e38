// SPDX-License-Identifier: Apache-2.0
import { REASON } from '@fairlead/shared/kubernetes/contract.ts';

/** Reason codes of the agent: the shared ones, and those that only the agent uses. */
export const AGENT_REASON = {
  /** The API server of this node does not work, and another one does. */
  apiServerDown: 'ApiServerDown',
  ...REASON,
  /** An annotation that says how connections are to be spread cannot be read. */
  spreadInvalid: 'SpreadInvalid',
  /** The data plane does not have the scheduler that a Service asks for. */
  schedulerUnsupported: 'SchedulerUnsupported',
  /** An address of the annotation asks for DHCP. */
  addressUnsupported: 'AddressUnsupported',
  /** A DNS name of the annotation cannot be resolved, or has no address of the wanted family. */
  nameUnresolved: 'NameUnresolved',
  /** No DHCP server gives the Service an address. */
  dhcpNoLease: 'DhcpNoLease',
  /** No DHCP server renews the lease on the address. */
  dhcpNotRenewed: 'DhcpNotRenewed',
  /** The cloud provider says that the Service may not have the addresses it names. */
  addressRefused: 'AddressRefused',
  /** Another Service already has this address, protocol and port. */
  portConflict: 'PortConflict',
  /** The `leaseName` annotation cannot be used. */
  leaseNameInvalid: 'LeaseNameInvalid',
  /** The `node-selector` annotation cannot be read. */
  nodeSelectorInvalid: 'NodeSelectorInvalid',
  /** The `forwarding` annotation cannot be read. */
  forwardingInvalid: 'ForwardingInvalid',
  /** Some endpoints cannot be forwarded to as the Service asks, and are reached by NAT. */
  forwardingUnavailable: 'ForwardingUnavailable',
  /** The annotations of the health check cannot be read, or check nothing. */
  healthCheckInvalid: 'HealthCheckInvalid',
  /** A health check is asked for, and no data plane of ours could make use of it. */
  healthCheckUnsupported: 'HealthCheckUnsupported',
  /** Endpoints are dead although Kubernetes calls them ready. */
  endpointsDead: 'EndpointsDead',
  /** No node that can serve the Service is one that its `node-selector` chooses. */
  noEligibleNode: 'NoEligibleNode',
  /** An annotation that asks for protection, or a source range, cannot be read. */
  protectionInvalid: 'ProtectionInvalid',
  /** This node cannot protect the Service as it asks. */
  protectionUnavailable: 'ProtectionUnavailable',
  /** The list of Services in a ConfigMap (`agent service`) cannot be read, or asks for something that there is not. */
  serviceListInvalid: 'ServiceListInvalid',
  /** Endpoints that a proxy in the node's own network must not connect to. */
  endpointsForbidden: 'EndpointsForbidden',
  /** The data plane cannot carry the protocol of a port. */
  protocolUnsupported: 'ProtocolUnsupported',
  /** A port of the address cannot be listened on. */
  portUnavailable: 'PortUnavailable',
  /** One owner carries all Services, and this Local one has no endpoint there. */
  noLocalEndpoints: 'NoLocalEndpoints',
} as const;

/** Something about a Service that we cannot do, for an Event, a metric and the log under one reason code. */
export interface ServiceProblem {
  readonly reason: (typeof AGENT_REASON)[keyof typeof AGENT_REASON];
  /** Sentence for the user: what was received and what was expected. */
  readonly message: string;
}
