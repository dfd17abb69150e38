// SPDX-License-Identifier: Apache-2.0

/** Pods. Notation: see `../parse.ts`. */
export const POD_TYPES = `
Affinity: nodeAffinity=NodeAffinity podAffinity=PodAffinity podAntiAffinity=PodAntiAffinity
ContainerExtendedResourceRequest: containerName=string! requestName=string! resourceName=string!
ContainerState: running=ContainerStateRunning terminated=ContainerStateTerminated
  waiting=ContainerStateWaiting
ContainerStateRunning: startedAt=time!
ContainerStateTerminated: containerID=string exitCode=int32! finishedAt=time! message=string reason=string
  signal=int32 startedAt=time!
ContainerStateWaiting: message=string reason=string
ContainerStatus: allocatedResources={quantity} allocatedResourcesStatus=[ResourceStatus]@map:name@merge:name
  containerID=string image=string! imageID=string! lastState=ContainerState! name=string! ready=bool!
  resources=ResourceRequirements restartCount=int32! started=bool? state=ContainerState! stopSignal=string?
  user=ContainerUser volumeMounts=[VolumeMountStatus]@map:mountPath@merge:mountPath
ContainerUser: linux=LinuxContainerUser
HostAlias: hostnames=[string] ip=string!
HostIP: ip=string!
ImageVolumeStatus: imageRef=string
LinuxContainerUser: gid=int64! supplementalGroups=[int64] uid=int64!
NodeAffinity: preferredDuringSchedulingIgnoredDuringExecution=[PreferredSchedulingTerm]
  requiredDuringSchedulingIgnoredDuringExecution=NodeSelector
NodeAllocatableResourceClaimStatus: containers=[string]@set resourceClaimName=string! resources={quantity}!
NodeSelector@atomic: nodeSelectorTerms=[NodeSelectorTerm]!
NodeSelectorRequirement: key=string! operator=string! values=[string]
NodeSelectorTerm@atomic: matchExpressions=[NodeSelectorRequirement] matchFields=[NodeSelectorRequirement]
Pod: apiVersion=string kind=string metadata=ObjectMeta! spec=PodSpec! status=PodStatus!
PodAffinity: preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
  requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm]
PodAffinityTerm: labelSelector=LabelSelector matchLabelKeys=[string] mismatchLabelKeys=[string]
  namespaceSelector=LabelSelector namespaces=[string] topologyKey=string!
PodAntiAffinity: preferredDuringSchedulingIgnoredDuringExecution=[WeightedPodAffinityTerm]
  requiredDuringSchedulingIgnoredDuringExecution=[PodAffinityTerm]
PodCondition: lastProbeTime=time! lastTransitionTime=time! message=string observedGeneration=int64
  reason=string status=string! type=string!
PodDNSConfig: nameservers=[string] options=[PodDNSConfigOption] searches=[string]
PodDNSConfigOption: name=string value=string?
PodExtendedResourceClaimStatus: requestMappings=[ContainerExtendedResourceRequest]!
  resourceClaimName=string!
PodIP: ip=string!
PodOS: name=string!
PodReadinessGate: conditionType=string!
PodResourceClaim: name=string! resourceClaimName=string? resourceClaimTemplateName=string?
PodResourceClaimStatus: name=string! resourceClaimName=string?
PodSchedulingGate: name=string!
PodSchedulingGroup: podGroupName=string?
PodSecurityContext: appArmorProfile=AppArmorProfile fsGroup=int64? fsGroupChangePolicy=string?
  runAsGroup=int64? runAsNonRoot=bool? runAsUser=int64? seLinuxChangePolicy=string?
  seLinuxOptions=SELinuxOptions seccompProfile=SeccompProfile supplementalGroups=[int64]
  supplementalGroupsPolicy=string? sysctls=[Sysctl] windowsOptions=WindowsSecurityContextOptions
PodSpec: activeDeadlineSeconds=int64? affinity=Affinity automountServiceAccountToken=bool?
  containers=[Container]!@map:name@merge:name dnsConfig=PodDNSConfig dnsPolicy=string
  enableServiceLinks=bool? ephemeralContainers=[EphemeralContainer]@map:name@merge:name
  hostAliases=[HostAlias]@map:ip@merge:ip hostIPC=bool hostNetwork=bool hostPID=bool hostUsers=bool?
  hostname=string hostnameOverride=string? imagePullSecrets=[LocalObjectReference]@map:name@merge:name
  initContainers=[Container]@map:name@merge:name nodeName=string nodeSelector={string}@atomic os=PodOS
  overhead={quantity} preemptionPolicy=string? priority=int32? priorityClassName=string
  readinessGates=[PodReadinessGate] resourceClaims=[PodResourceClaim]@map:name@merge:name@retainKeys
  resources=ResourceRequirements restartPolicy=string runtimeClassName=string? schedulerName=string
  schedulingGates=[PodSchedulingGate]@map:name@merge:name schedulingGroup=PodSchedulingGroup
  securityContext=PodSecurityContext serviceAccount=string serviceAccountName=string setHostnameAsFQDN=bool?
  shareProcessNamespace=bool? subdomain=string terminationGracePeriodSeconds=int64? tolerations=[Toleration]
  topologySpreadConstraints=[TopologySpreadConstraint]@map:topologyKey,whenUnsatisfiable@merge:topologyKey
  volumes=[Volume]@map:name@merge:name@retainKeys
PodStatus: allocatedResources={quantity} conditions=[PodCondition]@map:type@merge:type
  containerStatuses=[ContainerStatus] ephemeralContainerStatuses=[ContainerStatus]
  extendedResourceClaimStatus=PodExtendedResourceClaimStatus hostIP=string hostIPs=[HostIP]@merge:ip
  initContainerStatuses=[ContainerStatus] message=string
  nodeAllocatableResourceClaimStatuses=[NodeAllocatableResourceClaimStatus] nominatedNodeName=string
  observedGeneration=int64 phase=string podIP=string podIPs=[PodIP]@map:ip@merge:ip qosClass=string
  reason=string resize=string resourceClaimStatuses=[PodResourceClaimStatus]@map:name@merge:name@retainKeys
  resources=ResourceRequirements startTime=time
PreferredSchedulingTerm: preference=NodeSelectorTerm! weight=int32!
ResourceHealth: health=string message=string? resourceID=string!
ResourceStatus: name=string! resources=[ResourceHealth]@map:resourceID
Sysctl: name=string! value=string!
Toleration: effect=string key=string operator=string tolerationSeconds=int64? value=string
TopologySpreadConstraint: labelSelector=LabelSelector matchLabelKeys=[string] maxSkew=int32!
  minDomains=int32? nodeAffinityPolicy=string? nodeTaintsPolicy=string? topologyKey=string!
  whenUnsatisfiable=string!
VolumeMountStatus: mountPath=string! name=string! readOnly=bool recursiveReadOnly=string?
  volumeStatus=VolumeStatus
VolumeStatus: image=ImageVolumeStatus
WeightedPodAffinityTerm: podAffinityTerm=PodAffinityTerm! weight=int32!
`;
