// SPDX-License-Identifier: Apache-2.0
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { describe, expect, it } from 'vitest';
import type { ListenerStats } from '../balance/user-space/plane.ts';
import { observeUserSpace } from './user-space-metrics.ts';

const TARGET = 'web 192.0.2.9 80';
const LISTENER = 'tcp/80/192.0.2.7';

function statsOf(more: Partial<ListenerStats> = {}): ListenerStats {
  const targets = new Map([[TARGET, { served: 12, failures: 2, open: 3, isOut: true }]]);
  return { service: 'web', refused: 1, open: 3, bytesIn: 100, bytesOut: 2_000, targets, ...more };
}

describe('metrics of the plane in user space', () => {
  it('say what each listener and each of its targets has done, as of the moment of the scrape', async () => {
    const registry = createRegistry({ program: 'agent', version: '1' });
    let all: ReadonlyMap<string, ListenerStats> = new Map([[LISTENER, statsOf()]]);
    observeUserSpace(() => all, [registry]);
    const labels = `service="web",listener="${LISTENER}"`;
    const first = await registry.metrics();
    for (const line of [
      `fairlead_proxy_open_connections{${labels}} 3`,
      `fairlead_proxy_refused_total{${labels}} 1`,
      `fairlead_proxy_bytes_total{${labels},direction="in"} 100`,
      `fairlead_proxy_bytes_total{${labels},direction="out"} 2000`,
      `fairlead_proxy_connections_total{${labels},target="${TARGET}"} 12`,
      `fairlead_proxy_target_failures_total{${labels},target="${TARGET}"} 2`,
      `fairlead_proxy_target_out{${labels},target="${TARGET}"} 1`,
    ]) {
      expect(first).toContain(`\n${line}\n`);
    }
    all = new Map([[LISTENER, statsOf({ refused: 4 })]]);
    expect(await registry.metrics()).toContain(`fairlead_proxy_refused_total{${labels}} 4\n`);
    all = new Map();
    expect(await registry.metrics()).not.toContain(LISTENER);
  });
});
