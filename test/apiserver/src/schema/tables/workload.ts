// SPDX-License-Identifier: Apache-2.0

/** Deployments, ReplicaSets and DaemonSets. Notation: see `../parse.ts`. */
export const WORKLOAD_TYPES = `
DaemonSet: apiVersion=string kind=string metadata=ObjectMeta! spec=DaemonSetSpec! status=DaemonSetStatus!
DaemonSetCondition: lastTransitionTime=time! message=string reason=string status=string! type=string!
DaemonSetSpec: minReadySeconds=int32 revisionHistoryLimit=int32? selector=LabelSelector!*
  template=PodTemplateSpec! updateStrategy=DaemonSetUpdateStrategy!
DaemonSetStatus: collisionCount=int32? conditions=[DaemonSetCondition]@map:type@merge:type
  currentNumberScheduled=int32! desiredNumberScheduled=int32! numberAvailable=int32
  numberMisscheduled=int32! numberReady=int32! numberUnavailable=int32 observedGeneration=int64
  updatedNumberScheduled=int32
DaemonSetUpdateStrategy: rollingUpdate=RollingUpdateDaemonSet type=string
Deployment: apiVersion=string kind=string metadata=ObjectMeta! spec=DeploymentSpec! status=DeploymentStatus!
DeploymentCondition: lastTransitionTime=time! lastUpdateTime=time! message=string reason=string
  status=string! type=string!
DeploymentSpec: minReadySeconds=int32 paused=bool progressDeadlineSeconds=int32? replicas=int32?
  revisionHistoryLimit=int32? selector=LabelSelector!* strategy=DeploymentStrategy!@retainKeys
  template=PodTemplateSpec!
DeploymentStatus: availableReplicas=int32 collisionCount=int32?
  conditions=[DeploymentCondition]@map:type@merge:type observedGeneration=int64 readyReplicas=int32
  replicas=int32 terminatingReplicas=int32? unavailableReplicas=int32 updatedReplicas=int32
DeploymentStrategy: rollingUpdate=RollingUpdateDeployment type=string
PodTemplateSpec: metadata=ObjectMeta! spec=PodSpec!
ReplicaSet: apiVersion=string kind=string metadata=ObjectMeta! spec=ReplicaSetSpec! status=ReplicaSetStatus!
ReplicaSetCondition: lastTransitionTime=time! message=string reason=string status=string! type=string!
ReplicaSetSpec: minReadySeconds=int32 replicas=int32? selector=LabelSelector!* template=PodTemplateSpec!
ReplicaSetStatus: availableReplicas=int32 conditions=[ReplicaSetCondition]@map:type@merge:type
  fullyLabeledReplicas=int32 observedGeneration=int64 readyReplicas=int32 replicas=int32!
  terminatingReplicas=int32?
RollingUpdateDaemonSet: maxSurge=intstr maxUnavailable=intstr
RollingUpdateDeployment: maxSurge=intstr maxUnavailable=intstr
`;
