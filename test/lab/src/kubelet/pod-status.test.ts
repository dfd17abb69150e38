// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { NOW_MS, pod } from '../controllers/testing/objects.ts';
import { type ContainerSnapshot, podStatus } from './pod-status.ts';

const running: ContainerSnapshot = {
  name: 'main',
  image: 'echo-app',
  state: { running: { startedAt: '2026-01-01T12:00:00Z' } },
  restartCount: 0,
  ready: true,
  started: true,
  finished: false,
};
const ended = (exitCode: number): ContainerSnapshot => ({
  ...running,
  state: { terminated: { exitCode } },
  ready: false,
  finished: true,
});
const waiting: ContainerSnapshot = {
  ...running,
  state: { waiting: { reason: 'ContainerCreating' } },
  ready: false,
  started: false,
};
const crashed: ContainerSnapshot = {
  ...waiting,
  lastState: { terminated: { exitCode: 1 } },
  restartCount: 1,
};

function status(
  containers: ContainerSnapshot[],
  rest: { initialized?: boolean; init?: ContainerSnapshot[] } = {},
) {
  const result = podStatus({
    pod: { ...pod({ name: 'echo-1', node: 'worker1' }), status: {} },
    initContainers: rest.init ?? [],
    containers,
    initialized: rest.initialized ?? true,
    podIps: ['10.244.1.2', 'fd00::2'],
    hostIps: ['172.18.0.3'],
    networkReady: true,
    startedMs: NOW_MS,
    nowMs: NOW_MS,
  });
  const conditions = Object.fromEntries((result.conditions ?? []).map((entry) => [entry.type, entry.status]));
  return { ...result, conditions };
}

describe('status of a pod', () => {
  it.each([
    ['Running', 'True', [running]],
    ['Running', 'False', [running, { ...running, name: 'slow', ready: false }]],
    ['Pending', 'False', [running, waiting]],
    ['Running', 'False', [crashed]],
    ['Succeeded', 'False', [ended(0)]],
    ['Failed', 'False', [ended(0), ended(3)]],
  ])('is %s and ready %s', (phase, ready, containers) => {
    expect(status(containers)).toMatchObject({ phase, conditions: { Ready: ready, ContainersReady: ready } });
  });

  it('waits for the init containers, and fails with them', () => {
    const pending = status([waiting], { initialized: false, init: [running] });
    expect(pending).toMatchObject({ phase: 'Pending', conditions: { Initialized: 'False', Ready: 'False' } });
    expect(status([waiting], { initialized: false, init: [ended(1)] }).phase).toBe('Failed');
  });

  it('carries all addresses', () => {
    expect(status([running])).toMatchObject({
      podIP: '10.244.1.2',
      podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd00::2' }],
      hostIP: '172.18.0.3',
      startTime: '2026-01-01T12:00:00Z',
    });
  });
});
