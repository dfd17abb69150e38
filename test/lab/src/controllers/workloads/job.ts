// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { defineResource, PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { type Action, type Plan, replaceAction } from '../model/actions.ts';
import { apiTime, sameJson } from '../model/conditions.ts';
import { controllerOf, ownerReferenceTo } from '../model/owners.ts';
import { isTerminating } from '../model/pods.ts';

/** batch/v1 Job, as far as the lab runs it: pods until one has succeeded. */
export interface Job extends KubeObject {
  readonly spec?: {
    readonly backoffLimit?: number;
    readonly ttlSecondsAfterFinished?: number;
    readonly template?: Pick<Pod, 'metadata' | 'spec'>;
  };
  readonly status?: JobStatus;
}

interface JobStatus {
  readonly active?: number;
  readonly succeeded?: number;
  readonly failed?: number;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly lastTransitionTime?: string;
  }[];
}

export const JOBS = defineResource<Job>('batch', 'v1', 'jobs', 'Job');

/** What {@link planJob} looks at. */
export interface JobInput {
  readonly job: Job;
  /** All pods of the namespace. */
  readonly pods: Iterable<Pod>;
  readonly nowMs: number;
}

/** Keeps one pod running until one has succeeded or too many have failed, and removes the Job some time after that. */
export function planJob({ job, pods, nowMs }: JobInput): Plan {
  if (isTerminating(job)) return { actions: [] };
  const { spec, status } = job;
  const finished = status?.conditions?.find(({ type }) => type === 'Complete' || type === 'Failed');
  if (finished !== undefined) {
    const ttl = spec?.ttlSecondsAfterFinished;
    if (ttl === undefined) return { actions: [] };
    const waitMs = Date.parse(finished.lastTransitionTime ?? '') + ttl * 1_000 - nowMs;
    if (waitMs > 0) return { actions: [], againAfterMs: waitMs };
    return { actions: [{ verb: 'delete', resource: JOBS, target: job, propagationPolicy: 'Background' }] };
  }
  const mine = [...pods].filter((pod) => controllerOf(pod)?.uid === job.metadata?.uid);
  const count = (phase: string): number => mine.filter((pod) => pod.status?.phase === phase).length;
  const succeeded = count('Succeeded');
  const failed = count('Failed');
  const active = mine.length - succeeded - failed;
  const end = endOf(succeeded, failed > (spec?.backoffLimit ?? 6), nowMs);
  const actions: Action[] = [];
  const isMissing = end === undefined && active === 0;
  if (isMissing) actions.push({ verb: 'create', resource: PODS, object: podOf(job) });
  const next: JobStatus = {
    ...status,
    startTime: status?.startTime ?? apiTime(nowMs),
    active: active + (isMissing ? 1 : 0),
    succeeded,
    failed,
    ...end,
  };
  if (!sameJson({ active: 0, succeeded: 0, failed: 0, ...status }, next)) {
    actions.push(replaceAction(JOBS, { ...job, status: next }, 'status'));
  }
  return { actions };
}

function endOf(succeeded: number, hasFailed: boolean, nowMs: number): Partial<JobStatus> | undefined {
  const condition = (type: string, reason: string) => [
    { type, status: 'True', reason, lastTransitionTime: apiTime(nowMs) },
  ];
  if (succeeded > 0) {
    const conditions = condition('Complete', 'CompletionsReached');
    return { completionTime: apiTime(nowMs), conditions };
  }
  return hasFailed ? { conditions: condition('Failed', 'BackoffLimitExceeded') } : undefined;
}

function podOf(job: Job): Pod {
  const { name = '', namespace = '' } = job.metadata ?? {};
  const template = job.spec?.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-`,
      namespace,
      ...(template?.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
      ownerReferences: [ownerReferenceTo(job, 'batch/v1', 'Job')],
    },
    ...(template?.spec === undefined ? {} : { spec: template.spec }),
  };
}
