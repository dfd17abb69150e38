// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { apiTime, type ConditionLike, withCondition } from '../controllers/model/conditions.ts';

type PodStatus = NonNullable<Pod['status']>;
/** Status of one container, as in the API. */
export type ContainerStatus = NonNullable<PodStatus['containerStatuses']>[number];
/** State of one container, as in the API: one of waiting, running, terminated. */
export type ContainerState = NonNullable<ContainerStatus['state']>;

/** A container as its runtime knows it. */
export interface ContainerSnapshot {
  readonly name: string;
  readonly image: string;
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
  readonly restartCount: number;
  /** Readiness probe passed, or there is none. */
  readonly ready: boolean;
  /** Startup probe passed, or there is none. */
  readonly started: boolean;
  readonly containerId?: string;
  /** Ended and will not be started again. */
  readonly finished: boolean;
}

/** What {@link podStatus} looks at. */
export interface PodStatusInput {
  readonly pod: Pod;
  readonly initContainers: readonly ContainerSnapshot[];
  readonly containers: readonly ContainerSnapshot[];
  /** Init containers have done their work. */
  readonly initialized: boolean;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  /** The pod's network stands. */
  readonly networkReady: boolean;
  readonly startedMs: number;
  readonly nowMs: number;
}

/** Status of a pod from the states of its containers. Conditions of others (readiness gates) are kept. */
export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, podIps, hostIps } = input;
  const [podIP] = podIps;
  const [hostIP] = hostIps;
  return {
    phase: phaseOf(input),
    conditions: conditionsOf(input),
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: podIps.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? apiTime(input.startedMs),
    qosClass: pod.status?.qosClass ?? 'BestEffort',
    ...(input.initContainers.length === 0
      ? {}
      : { initContainerStatuses: input.initContainers.map(containerStatus) }),
    containerStatuses: input.containers.map(containerStatus),
  };
}

function phaseOf({ containers, initContainers, initialized }: PodStatusInput): string {
  const failedInit = initContainers.some(
    (container) => container.finished && (container.state.terminated?.exitCode ?? 0) !== 0,
  );
  if (failedInit) return 'Failed';
  if (!initialized) return 'Pending';
  if (containers.every((container) => container.finished)) {
    const failed = containers.some((container) => (container.state.terminated?.exitCode ?? 0) !== 0);
    return failed ? 'Failed' : 'Succeeded';
  }
  const neverRan = (container: ContainerSnapshot) =>
    container.state.waiting !== undefined && container.lastState === undefined;
  return containers.some(neverRan) ? 'Pending' : 'Running';
}

function conditionsOf(input: PodStatusInput): PodStatus['conditions'] & object {
  const { pod, containers, initialized, nowMs } = input;
  const unready = containers.filter((container) => !container.ready).map((container) => container.name);
  const finished = containers.length > 0 && containers.every((container) => container.finished);
  const gates = (pod.spec?.readinessGates ?? []).map((gate) => gate.conditionType);
  const closed = gates.filter(
    (type) => pod.status?.conditions?.find((condition) => condition.type === type)?.status !== 'True',
  );
  const containersReady = initialized && unready.length === 0;
  const notReady = {
    reason: finished ? 'PodCompleted' : 'ContainersNotReady',
    message: finished ? '' : `containers with unready status: [${unready.join(' ')}]`,
  };
  const notInitialized = {
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: init containers',
  };
  const gated = {
    reason: 'ReadinessGatesNotReady',
    message: `readiness gates not met: ${closed.join(', ')}`,
  };
  const wanted: readonly [string, boolean, { reason: string; message: string }][] = [
    ['PodReadyToStartContainers', input.networkReady, { reason: '', message: '' }],
    ['Initialized', initialized, notInitialized],
    ['Ready', containersReady && closed.length === 0, containersReady ? gated : notReady],
    ['ContainersReady', containersReady, notReady],
    ['PodScheduled', true, { reason: '', message: '' }],
  ];
  let conditions: readonly ConditionLike[] = pod.status?.conditions ?? [];
  for (const [type, status, why] of wanted) {
    conditions = withCondition(
      conditions,
      { type, status: status ? 'True' : 'False', ...(status ? {} : nonEmpty(why)) },
      nowMs,
    );
  }
  return [...conditions];
}

function nonEmpty(why: { readonly reason: string; readonly message: string }) {
  return {
    ...(why.reason === '' ? {} : { reason: why.reason }),
    ...(why.message === '' ? {} : { message: why.message }),
  };
}

function containerStatus(container: ContainerSnapshot): ContainerStatus {
  return {
    name: container.name,
    image: container.image,
    imageID: container.state.waiting === undefined ? container.image : '',
    ready: container.ready,
    started: container.started,
    restartCount: container.restartCount,
    state: container.state,
    ...(container.lastState === undefined ? {} : { lastState: container.lastState }),
    ...(container.containerId === undefined ? {} : { containerID: container.containerId }),
  };
}
