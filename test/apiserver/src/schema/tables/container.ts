// SPDX-License-Identifier: Apache-2.0

/** Containers of a pod. Notation: see `../parse.ts`. */
export const CONTAINER_TYPES = `
AppArmorProfile: localhostProfile=string? type=string!
Capabilities: add=[string] drop=[string]
ConfigMapEnvSource: name=string! optional=bool?
ConfigMapKeySelector@atomic: key=string! name=string! optional=bool?
Container: args=[string] command=[string] env=[EnvVar]@map:name@merge:name envFrom=[EnvFromSource]
  image=string imagePullPolicy=string lifecycle=Lifecycle livenessProbe=Probe name=string!
  ports=[ContainerPort]@map:containerPort,protocol@merge:containerPort readinessProbe=Probe
  resizePolicy=[ContainerResizePolicy] resources=ResourceRequirements! restartPolicy=string?
  restartPolicyRules=[ContainerRestartRule] securityContext=SecurityContext startupProbe=Probe stdin=bool
  stdinOnce=bool terminationMessagePath=string terminationMessagePolicy=string tty=bool
  volumeDevices=[VolumeDevice]@map:devicePath@merge:devicePath
  volumeMounts=[VolumeMount]@map:mountPath@merge:mountPath workingDir=string
ContainerPort: containerPort=int32! hostIP=string hostPort=int32 name=string protocol=string
ContainerResizePolicy: resourceName=string! restartPolicy=string!
ContainerRestartRule: action=string exitCodes=ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes: operator=string values=[int32]@set
EnvFromSource: configMapRef=ConfigMapEnvSource prefix=string secretRef=SecretEnvSource
EnvVar: name=string! value=string valueFrom=EnvVarSource
EnvVarSource: configMapKeyRef=ConfigMapKeySelector fieldRef=ObjectFieldSelector fileKeyRef=FileKeySelector
  resourceFieldRef=ResourceFieldSelector secretKeyRef=SecretKeySelector
EphemeralContainer: args=[string] command=[string] env=[EnvVar]@map:name@merge:name envFrom=[EnvFromSource]
  image=string? imagePullPolicy=string lifecycle=Lifecycle livenessProbe=Probe name=string!
  ports=[ContainerPort]@map:containerPort,protocol@merge:containerPort readinessProbe=Probe
  resizePolicy=[ContainerResizePolicy] resources=ResourceRequirements! restartPolicy=string?
  restartPolicyRules=[ContainerRestartRule] securityContext=SecurityContext startupProbe=Probe stdin=bool
  stdinOnce=bool targetContainerName=string terminationMessagePath=string terminationMessagePolicy=string
  tty=bool volumeDevices=[VolumeDevice]@map:devicePath@merge:devicePath
  volumeMounts=[VolumeMount]@map:mountPath@merge:mountPath workingDir=string
ExecAction: command=[string]
FileKeySelector@atomic: key=string! optional=bool? path=string! volumeName=string!
GRPCAction: port=int32! service=string!?
HTTPGetAction: host=string httpHeaders=[HTTPHeader] path=string port=intstr! scheme=string
HTTPHeader: name=string! value=string!
Lifecycle: postStart=LifecycleHandler preStop=LifecycleHandler stopSignal=string?
LifecycleHandler: exec=ExecAction httpGet=HTTPGetAction sleep=SleepAction tcpSocket=TCPSocketAction
Probe: exec=ExecAction failureThreshold=int32 grpc=GRPCAction httpGet=HTTPGetAction
  initialDelaySeconds=int32 periodSeconds=int32 successThreshold=int32 tcpSocket=TCPSocketAction
  terminationGracePeriodSeconds=int64? timeoutSeconds=int32
ResourceClaim: name=string! request=string
ResourceRequirements: claims=[ResourceClaim]@map:name limits={quantity} requests={quantity}
SELinuxOptions: level=string role=string type=string user=string
SeccompProfile: localhostProfile=string? type=string!
SecretEnvSource: name=string! optional=bool?
SecretKeySelector@atomic: key=string! name=string! optional=bool?
SecurityContext: allowPrivilegeEscalation=bool? appArmorProfile=AppArmorProfile capabilities=Capabilities
  privileged=bool? procMount=string? readOnlyRootFilesystem=bool? runAsGroup=int64? runAsNonRoot=bool?
  runAsUser=int64? seLinuxOptions=SELinuxOptions seccompProfile=SeccompProfile
  windowsOptions=WindowsSecurityContextOptions
SleepAction: seconds=int64!
TCPSocketAction: host=string port=intstr!
VolumeDevice: devicePath=string! name=string!
VolumeMount: mountPath=string! mountPropagation=string? name=string! readOnly=bool recursiveReadOnly=string?
  subPath=string subPathExpr=string
WindowsSecurityContextOptions: gmsaCredentialSpec=string? gmsaCredentialSpecName=string? hostProcess=bool?
  runAsUserName=string?
`;
