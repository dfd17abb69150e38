// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { NOW_MS, pod } from '../testing/objects.ts';
import { type Job, planJob } from './job.ts';

const JOB: Job = {
  metadata: { namespace: 'default', name: 'key', uid: 'uid-key' },
  spec: { backoffLimit: 1, ttlSecondsAfterFinished: 60, template: { spec: { containers: [] } } },
};
const OWNER = { kind: 'Job', name: 'key', uid: 'uid-key' };
const mine = (name: string, phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed') =>
  pod({ name, owner: OWNER, phase });

function plan(pods: ReturnType<typeof pod>[], job = JOB, nowMs = NOW_MS) {
  const { actions, againAfterMs } = planJob({ job, pods, nowMs });
  const status = actions.flatMap((action) => (action.verb === 'replace' ? [action.object] : []))[0];
  return {
    verbs: actions.map(({ verb }) => verb),
    status: (status as Job | undefined)?.status,
    againAfterMs,
  };
}

describe('Job', () => {
  it('runs one pod, and another one after a failure', () => {
    expect(plan([pod({ name: 'other' })])).toMatchObject({
      verbs: ['create', 'replace'],
      status: { active: 1 },
    });
    expect(plan([mine('a', 'Running')]).verbs).toEqual(['replace']);
    expect(plan([mine('a', 'Failed')])).toMatchObject({
      verbs: ['create', 'replace'],
      status: { failed: 1 },
    });
  });

  it('is complete with the first success, and failed with too many failures', () => {
    expect(plan([mine('a', 'Failed'), mine('b', 'Succeeded')])).toMatchObject({
      verbs: ['replace'],
      status: { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] },
    });
    expect(plan([mine('a', 'Failed'), mine('b', 'Failed')])).toMatchObject({
      verbs: ['replace'],
      status: { conditions: [{ type: 'Failed' }] },
    });
  });

  it('goes away after its time', () => {
    const { status } = plan([mine('a', 'Succeeded')]);
    const done: Job = status === undefined ? JOB : { ...JOB, status };
    expect(plan([], done).againAfterMs).toBeGreaterThan(59_000);
    expect(plan([], done, NOW_MS + 61_000).verbs).toEqual(['delete']);
    expect(plan([], { ...done, spec: {} }, NOW_MS + 61_000).verbs).toEqual([]);
  });
});
