// SPDX-License-Identifier: Apache-2.0

/** Field numbers of the Protobuf wire format; notation: see `field-numbers.ts`. */
export const OTHER_NUMBERS = `
AggregationRule: clusterRoleSelectors=1
ClientIPConfig: timeoutSeconds=1
ClusterRole: metadata=1 rules=2 aggregationRule=3
ClusterRoleBinding: metadata=1 subjects=2 roleRef=3
Condition: type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6
ConfigMap: metadata=1 immutable=4 data=2 binaryData=3
ConfigMapNodeConfigSource: namespace=1 name=2 uid=3 resourceVersion=4 kubeletConfigKey=5
DaemonEndpoint: Port=1
DaemonSet: metadata=1 spec=2 status=3
DaemonSetCondition: type=1 status=2 lastTransitionTime=3 reason=4 message=5
DaemonSetSpec: selector=1 template=2 updateStrategy=3 minReadySeconds=4 revisionHistoryLimit=6
DaemonSetStatus: currentNumberScheduled=1 numberMisscheduled=2 desiredNumberScheduled=3 numberReady=4
  observedGeneration=5 updatedNumberScheduled=6 numberAvailable=7 numberUnavailable=8 collisionCount=9
  conditions=10
DaemonSetUpdateStrategy: type=1 rollingUpdate=2
Deployment: metadata=1 spec=2 status=3
DeploymentCondition: type=1 status=2 lastUpdateTime=6 lastTransitionTime=7 reason=4 message=5
DeploymentSpec: replicas=1 selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6
  paused=7 progressDeadlineSeconds=9
DeploymentStatus: observedGeneration=1 replicas=2 updatedReplicas=3 readyReplicas=7 availableReplicas=4
  unavailableReplicas=5 terminatingReplicas=9 conditions=6 collisionCount=8
DeploymentStrategy: type=1 rollingUpdate=2
DiscoveryEndpointPort: name=1 protocol=2 port=3 appProtocol=4
Endpoint: addresses=1 conditions=2 hostname=3 targetRef=4 deprecatedTopology=5 nodeName=6 zone=7 hints=8
EndpointAddress: ip=1 hostname=3 nodeName=4 targetRef=2
EndpointConditions: ready=1 serving=2 terminating=3
EndpointHints: forZones=1 forNodes=2
EndpointPort: name=1 port=2 protocol=3 appProtocol=4
EndpointSlice: metadata=1 addressType=4 endpoints=2 ports=3
EndpointSubset: addresses=1 notReadyAddresses=2 ports=3
Endpoints: metadata=1 subsets=2
Event: metadata=1 involvedObject=2 reason=3 message=4 source=5 firstTimestamp=6 lastTimestamp=7 count=8
  type=9 eventTime=10 series=11 action=12 related=13 reportingComponent=14 reportingInstance=15
EventSeries: count=1 lastObservedTime=2
EventSource: component=1 host=2
EventsEvent: metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7
  regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13
  deprecatedLastTimestamp=14 deprecatedCount=15
EventsEventSeries: count=1 lastObservedTime=2
ForNode: name=1
ForZone: name=1
LabelSelector: matchLabels=1 matchExpressions=2
LabelSelectorRequirement: key=1 operator=2 values=3
Lease: metadata=1 spec=2
LeaseSpec: holderIdentity=1 leaseDurationSeconds=2 acquireTime=3 renewTime=4 leaseTransitions=5 strategy=6
  preferredHolder=7
LinuxContainerUser: uid=1 gid=2 supplementalGroups=3
LoadBalancerIngress: ip=1 hostname=2 ipMode=3 ports=4
LoadBalancerStatus: ingress=1
LocalObjectReference: name=1
ManagedFieldsEntry: manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8
Namespace: metadata=1 spec=2 status=3
NamespaceCondition: type=1 status=2 lastTransitionTime=4 reason=5 message=6
NamespaceSpec: finalizers=1
NamespaceStatus: phase=1 conditions=2
Node: metadata=1 spec=2 status=3
NodeAddress: type=1 address=2
NodeAllocatableResourceClaimStatus: resourceClaimName=1 containers=2 resources=3
NodeCondition: type=1 status=2 lastHeartbeatTime=3 lastTransitionTime=4 reason=5 message=6
NodeConfigSource: configMap=2
NodeConfigStatus: assigned=1 active=2 lastKnownGood=3 error=4
NodeDaemonEndpoints: kubeletEndpoint=1
NodeFeatures: supplementalGroupsPolicy=1
NodeRuntimeHandler: name=1 features=2
NodeRuntimeHandlerFeatures: recursiveReadOnlyMounts=1 userNamespaces=2
NodeSpec: podCIDR=1 podCIDRs=7 providerID=3 unschedulable=4 taints=5 configSource=6 externalID=2
NodeStatus: capacity=1 allocatable=2 phase=3 conditions=4 addresses=5 daemonEndpoints=6 nodeInfo=7 images=8
  volumesInUse=9 volumesAttached=10 config=11 runtimeHandlers=12 features=13 declaredFeatures=14
NodeSwapStatus: capacity=1
NodeSystemInfo: machineID=1 systemUUID=2 bootID=3 kernelVersion=4 osImage=5 containerRuntimeVersion=6
  kubeletVersion=7 kubeProxyVersion=8 operatingSystem=9 architecture=10 swap=11
ObjectMeta: name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7
  creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10 labels=11 annotations=12
  ownerReferences=13 finalizers=14 managedFields=17
ObjectReference: kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
OwnerReference: apiVersion=5 kind=1 name=3 uid=4 controller=6 blockOwnerDeletion=7
PolicyRule: verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5
PortStatus: port=1 protocol=2 error=3
ReplicaSet: metadata=1 spec=2 status=3
ReplicaSetCondition: type=1 status=2 lastTransitionTime=3 reason=4 message=5
ReplicaSetSpec: replicas=1 minReadySeconds=4 selector=2 template=3
ReplicaSetStatus: replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5
  terminatingReplicas=7 observedGeneration=3 conditions=6
Role: metadata=1 rules=2
RoleBinding: metadata=1 subjects=2 roleRef=3
RoleRef: apiGroup=1 kind=2 name=3
RollingUpdateDaemonSet: maxUnavailable=1 maxSurge=2
RollingUpdateDeployment: maxUnavailable=1 maxSurge=2
Secret: metadata=1 immutable=5 data=2 stringData=4 type=3
Service: metadata=1 spec=2 status=3
ServiceAccount: metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4
ServicePort: name=1 protocol=2 appProtocol=6 port=3 targetPort=4 nodePort=5
ServiceSpec: ports=1 selector=2 clusterIP=3 clusterIPs=18 type=4 externalIPs=5 sessionAffinity=7
  loadBalancerIP=8 loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11
  healthCheckNodePort=12 publishNotReadyAddresses=13 sessionAffinityConfig=14 ipFamilies=19
  ipFamilyPolicy=17 allocateLoadBalancerNodePorts=20 loadBalancerClass=21 internalTrafficPolicy=22
  trafficDistribution=23
ServiceStatus: loadBalancer=1 conditions=2
Subject: kind=1 apiGroup=2 name=3 namespace=4
Taint: key=1 value=2 effect=3 timeAdded=4
TypedLocalObjectReference: apiGroup=1 kind=2 name=3
TypedObjectReference: apiGroup=1 kind=2 name=3 namespace=4
`;
