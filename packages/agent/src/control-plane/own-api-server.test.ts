// SPDX-License-Identifier: Apache-2.0
import {
  ApiError,
  type ConnectOptions,
  type KubeClient,
  NetworkError,
} from '@fairlead/shared/kubernetes/client.ts';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import type { ControlPlaneSettings } from '../config/control-plane-settings.ts';
import { connectOnControlPlane, type OwnApiServerOptions } from './own-api-server.ts';

const CONTROL_PLANE: ControlPlaneSettings = {
  isMember: true,
  addresses: ['192.0.2.10'],
  names: [],
  port: 6443,
  lease: { namespace: 'kube-system', name: 'plndr-cp-lock' },
  balance: undefined,
  healthCheck: undefined,
  backendIntervalMs: 1_000,
  detect: false,
};

const forbidden = () => new ApiError(403, 'Forbidden', 'not allowed');
const unauthorized = () => new ApiError(401, 'Unauthorized', 'who are you');
const refused = () => new NetworkError('connect', false, 'connection refused');

/** Time passes only by waiting. */
function leapingClock(): Clock {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    setTimer: (act, delayMs) => {
      nowMs += delayMs;
      return systemClock.setTimer(act, 0);
    },
  };
}

/** What the API says to the n-th attempt with a kubeconfig; undefined: come in. */
type Answer = (attempt: number, kubeconfig: string | undefined) => Error | undefined;

async function connected(
  answer: Answer,
  changes: Partial<OwnApiServerOptions> = {},
): Promise<{ readonly tried: readonly ConnectOptions[]; readonly last: ConnectOptions | undefined }> {
  const tried: ConnectOptions[] = [];
  const connect = (options: ConnectOptions): Promise<KubeClient> => {
    const attempt = tried.push(options);
    const list = () => {
      const error = answer(attempt, options.kubeconfig);
      return error === undefined ? Promise.resolve({ items: [] }) : Promise.reject(error);
    };
    return Promise.resolve({
      server: options.server ?? '',
      list,
      close: () => undefined,
    } as unknown as KubeClient);
  };
  await connectOnControlPlane({
    settings: { kubeconfig: '/etc/kubernetes/admin.conf', apiServer: undefined, inCluster: false },
    controlPlane: CONTROL_PLANE,
    userAgent: 'test',
    connect,
    clock: leapingClock(),
    logger: silentLogger,
    signal: new AbortController().signal,
    exists: () => false,
    ...changes,
  });
  return { tried, last: tried.at(-1) };
}

describe('connectOnControlPlane', () => {
  it('asks the API server of its own node, whatever the kubeconfig names', async () => {
    const { last } = await connected(() => undefined);
    expect(last).toMatchObject({
      kubeconfig: '/etc/kubernetes/admin.conf',
      server: 'https://127.0.0.1:6443',
      serverName: 'kubernetes',
    });
  });

  it('goes the way of the cluster in a Pod, and where kubernetes_addr points', async () => {
    const inPod = { kubeconfig: undefined, apiServer: undefined, inCluster: true };
    expect((await connected(() => undefined, { settings: inPod })).last).toEqual({
      inCluster: true,
      userAgent: 'test',
    });
    const pointed = { kubeconfig: '/k', apiServer: 'https://192.0.2.99:6443', inCluster: false };
    const { last } = await connected(() => undefined, { settings: pointed });
    expect(last).toMatchObject({ server: 'https://192.0.2.99:6443' });
    expect(last).not.toHaveProperty('serverName');
  });

  it('asks the API server of its node while nothing leads to the one of the cluster', async () => {
    const inPod = { kubeconfig: undefined, apiServer: undefined, inCluster: true };
    const { tried, last } = await connected((attempt) => (attempt < 4 ? refused() : undefined), {
      settings: inPod,
    });
    expect(tried.map(({ server }) => server)).toEqual([
      undefined,
      'https://127.0.0.1:6443',
      undefined,
      'https://127.0.0.1:6443',
    ]);
    expect(last).toMatchObject({ inCluster: true, serverName: 'kubernetes' });
    // Refused for good, it goes the way that it would have gone.
    expect((await connected(() => forbidden(), { settings: inPod })).last).not.toHaveProperty('server');
  });

  it('learns from the certificate how the API server is called, when it answers', async () => {
    let asked = 0;
    const readNames = () => {
      asked += 1;
      return asked < 3 ? Promise.reject(refused()) : Promise.resolve({ dns: ['cp1'], addresses: [] });
    };
    const detecting = { controlPlane: { ...CONTROL_PLANE, detect: true }, readNames };
    const { tried, last } = await connected(() => undefined, detecting);
    expect(tried).toHaveLength(1);
    expect(last).toMatchObject({ server: 'https://127.0.0.1:6443', serverName: 'cp1' });
  });

  it('waits for an API server that is not there yet', async () => {
    expect((await connected((attempt) => (attempt < 5 ? refused() : undefined))).tried).toHaveLength(5);
  });

  it('waits while an etcd member learns, and the API server knows nobody', async () => {
    const { tried } = await connected((attempt) => (attempt < 5 ? unauthorized() : undefined));
    expect(tried).toHaveLength(5);
  });

  it('takes super-admin.conf while kubeadm has not let admin.conf in', async () => {
    const answer: Answer = (_attempt, kubeconfig) =>
      kubeconfig?.endsWith('/admin.conf') ? forbidden() : undefined;
    const { last } = await connected(answer, {
      exists: (file) => file === '/etc/kubernetes/super-admin.conf',
    });
    expect(last).toMatchObject({ kubeconfig: '/etc/kubernetes/super-admin.conf' });
  });

  it('goes on with what it has when it is refused for good', async () => {
    const { tried } = await connected(() => forbidden());
    expect(tried.length).toBeGreaterThan(30);
  });

  it('stops waiting when it is told so', async () => {
    const end = new AbortController();
    const waiting = connected(
      (attempt) => {
        if (attempt === 3) end.abort(new Error('the agent was stopped'));
        return refused();
      },
      { signal: end.signal },
    );
    await expect(waiting).rejects.toThrow('the agent was stopped');
  });
});
