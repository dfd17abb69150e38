// SPDX-License-Identifier: Apache-2.0

/** Services and what stands behind them. Notation: see `../parse.ts`. */
export const SERVICE_TYPES = `
ClientIPConfig: timeoutSeconds=int32?
Condition: lastTransitionTime=time! message=string! observedGeneration=int64 reason=string! status=string!
  type=string!
DiscoveryEndpointPort@atomic: appProtocol=string? name=string? port=int32? protocol=string?
Endpoint: addresses=[string]!@set conditions=EndpointConditions! deprecatedTopology={string}
  hints=EndpointHints hostname=string? nodeName=string? targetRef=ObjectReference zone=string?
EndpointAddress@atomic: hostname=string ip=string! nodeName=string? targetRef=ObjectReference
EndpointConditions: ready=bool? serving=bool? terminating=bool?
EndpointHints: forNodes=[ForNode] forZones=[ForZone]
EndpointPort@atomic: appProtocol=string? name=string port=int32! protocol=string
EndpointSlice: addressType=string! apiVersion=string endpoints=[Endpoint]! kind=string metadata=ObjectMeta!
  ports=[DiscoveryEndpointPort]!
EndpointSubset: addresses=[EndpointAddress] notReadyAddresses=[EndpointAddress] ports=[EndpointPort]
Endpoints: apiVersion=string kind=string metadata=ObjectMeta! subsets=[EndpointSubset]
ForNode: name=string!
ForZone: name=string!
LoadBalancerIngress: hostname=string ip=string ipMode=string? ports=[PortStatus]
LoadBalancerStatus: ingress=[LoadBalancerIngress]
ObjectReference@atomic: apiVersion=string fieldPath=string kind=string name=string namespace=string
  resourceVersion=string uid=string
PortStatus: error=string? port=int32! protocol=string!
Service: apiVersion=string kind=string metadata=ObjectMeta! spec=ServiceSpec! status=ServiceStatus!
ServicePort: appProtocol=string? name=string nodePort=int32 port=int32! protocol=string targetPort=intstr!
ServiceSpec: allocateLoadBalancerNodePorts=bool? clusterIP=string clusterIPs=[string] externalIPs=[string]
  externalName=string externalTrafficPolicy=string healthCheckNodePort=int32 internalTrafficPolicy=string?
  ipFamilies=[string] ipFamilyPolicy=string? loadBalancerClass=string? loadBalancerIP=string
  loadBalancerSourceRanges=[string] ports=[ServicePort]@map:port,protocol@merge:port
  publishNotReadyAddresses=bool selector={string}@atomic sessionAffinity=string
  sessionAffinityConfig=SessionAffinityConfig trafficDistribution=string? type=string
ServiceStatus: conditions=[Condition]@map:type@merge:type loadBalancer=LoadBalancerStatus!
SessionAffinityConfig: clientIP=ClientIPConfig
`;
