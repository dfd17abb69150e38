// SPDX-License-Identifier: Apache-2.0

/** Configuration, identity, access, events and leases. Notation: see `../parse.ts`. */
export const CONFIGURATION_TYPES = `
AggregationRule: clusterRoleSelectors=[LabelSelector]
ClusterRole: aggregationRule=AggregationRule apiVersion=string kind=string metadata=ObjectMeta!
  rules=[PolicyRule]!
ClusterRoleBinding: apiVersion=string kind=string metadata=ObjectMeta! roleRef=RoleRef! subjects=[Subject]
ConfigMap: apiVersion=string binaryData={bytes} data={string} immutable=bool? kind=string
  metadata=ObjectMeta!
Event: action=string apiVersion=string count=int32 eventTime=microtime! firstTimestamp=time!
  involvedObject=ObjectReference! kind=string lastTimestamp=time! message=string metadata=ObjectMeta!
  reason=string related=ObjectReference reportingComponent=string! reportingInstance=string!
  series=EventSeries source=EventSource! type=string
EventSeries: count=int32 lastObservedTime=microtime!
EventSource: component=string host=string
EventsEvent: action=string apiVersion=string deprecatedCount=int32 deprecatedFirstTimestamp=time!
  deprecatedLastTimestamp=time! deprecatedSource=EventSource! eventTime=microtime! kind=string
  metadata=ObjectMeta! note=string reason=string regarding=ObjectReference! related=ObjectReference
  reportingController=string reportingInstance=string series=EventsEventSeries type=string
EventsEventSeries: count=int32! lastObservedTime=microtime!
Lease: apiVersion=string kind=string metadata=ObjectMeta! spec=LeaseSpec!
LeaseSpec: acquireTime=microtime holderIdentity=string? leaseDurationSeconds=int32? leaseTransitions=int32?
  preferredHolder=string? renewTime=microtime strategy=string?
Namespace: apiVersion=string kind=string metadata=ObjectMeta! spec=NamespaceSpec! status=NamespaceStatus!
NamespaceCondition: lastTransitionTime=time! message=string reason=string status=string! type=string!
NamespaceSpec: finalizers=[string]
NamespaceStatus: conditions=[NamespaceCondition]@map:type@merge:type phase=string
PolicyRule: apiGroups=[string] nonResourceURLs=[string] resourceNames=[string] resources=[string]
  verbs=[string]!
Role: apiVersion=string kind=string metadata=ObjectMeta! rules=[PolicyRule]!
RoleBinding: apiVersion=string kind=string metadata=ObjectMeta! roleRef=RoleRef! subjects=[Subject]
RoleRef@atomic: apiGroup=string! kind=string! name=string!
Secret: apiVersion=string data={bytes} immutable=bool? kind=string metadata=ObjectMeta! stringData={string}
  type=string
ServiceAccount: apiVersion=string automountServiceAccountToken=bool? imagePullSecrets=[LocalObjectReference]
  kind=string metadata=ObjectMeta! secrets=[ObjectReference]@map:name@merge:name
Subject@atomic: apiGroup=string kind=string! name=string! namespace=string
`;
