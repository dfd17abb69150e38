// SPDX-License-Identifier: Apache-2.0

/** Jobs. Notation: see `../parse.ts`. */
export const JOB_TYPES = `
Job: apiVersion=string kind=string metadata=ObjectMeta! spec=JobSpec! status=JobStatus!
JobCondition: lastProbeTime=time! lastTransitionTime=time! message=string reason=string status=string!
  type=string!
JobSpec: activeDeadlineSeconds=int64? backoffLimit=int32? backoffLimitPerIndex=int32?
  completionMode=string? completions=int32? managedBy=string? manualSelector=bool?
  maxFailedIndexes=int32? parallelism=int32? podFailurePolicy=PodFailurePolicy
  podReplacementPolicy=string? selector=LabelSelector successPolicy=SuccessPolicy suspend=bool?
  template=PodTemplateSpec! ttlSecondsAfterFinished=int32?
JobStatus: active=int32 completedIndexes=string completionTime=time
  conditions=[JobCondition]@atomic@merge:type failed=int32 failedIndexes=string? ready=int32?
  startTime=time succeeded=int32 terminating=int32? uncountedTerminatedPods=UncountedTerminatedPods
PodFailurePolicy: rules=[PodFailurePolicyRule]!@atomic
PodFailurePolicyOnExitCodesRequirement: containerName=string? operator=string! values=[int32]!@set
PodFailurePolicyOnPodConditionsPattern: status=string type=string!
PodFailurePolicyRule: action=string! onExitCodes=PodFailurePolicyOnExitCodesRequirement
  onPodConditions=[PodFailurePolicyOnPodConditionsPattern]@atomic
SuccessPolicy: rules=[SuccessPolicyRule]!@atomic
SuccessPolicyRule: succeededCount=int32? succeededIndexes=string?
UncountedTerminatedPods: failed=[string]@set succeeded=[string]@set
`;
