// SPDX-License-Identifier: Apache-2.0
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { describe, expect, it } from 'vitest';
import { type ControlPlaneView, controlPlaneReport, observeControlPlane } from './report.ts';

const VIEW: ControlPlaneView = {
  addresses: ['192.0.2.10'],
  isServable: false,
  apiServers: [
    { node: 'cp1', state: 'down', sinceMs: 5_000, detail: 'connection refused' },
    { node: 'cp2', state: 'up', sinceMs: 1_000, detail: 'status 200' },
    { node: 'cp3', state: 'unknown', sinceMs: 1_000, detail: '' },
  ],
};

const timeOf = (atMs: number) => new Date(atMs).toISOString();

describe('what is seen of the control plane', () => {
  it('is part of the status', () => {
    expect(controlPlaneReport(VIEW, timeOf)).toMatchObject({
      addresses: ['192.0.2.10'],
      servable: false,
      apiServers: [
        { node: 'cp1', state: 'down', since: '1970-01-01T00:00:05.000Z', detail: 'connection refused' },
        { node: 'cp2', state: 'up' },
        { node: 'cp3', state: 'unknown' },
      ],
    });
    expect(controlPlaneReport(undefined, timeOf)).toBeNull();
  });

  it('is measured where API servers are asked, as far as they have answered', async () => {
    const text = async (view: ControlPlaneView | undefined) => {
      const registry = createRegistry({ program: 'agent', version: '0' });
      observeControlPlane(() => view, [registry]);
      return (await registry.metrics())
        .split('\n')
        .filter((line) => line.startsWith('fairlead_control_plane'));
    };
    expect(await text(VIEW)).toEqual([
      'fairlead_control_plane_servable 0',
      'fairlead_control_plane_api_server_up{node="cp1"} 0',
      'fairlead_control_plane_api_server_up{node="cp2"} 1',
    ]);
    expect(await text({ ...VIEW, apiServers: [] })).toEqual([]);
    expect(await text(undefined)).toEqual([]);
  });
});
