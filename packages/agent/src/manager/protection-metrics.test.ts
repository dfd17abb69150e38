// SPDX-License-Identifier: Apache-2.0
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { expect, it } from 'vitest';
import { observeProtection } from './protection-metrics.ts';

it('counts what was dropped by Service and reason, and apart from it what the SYN proxy answered', async () => {
  const registry = createRegistry({ program: 'agent', version: '1' });
  let reads = 0;
  const counts = () => {
    reads += 1;
    return [
      { service: 'default/web', verdict: 'blocked', packets: 7 },
      { service: 'default/web', verdict: 'syn-proxied', packets: 9 },
      { service: 'default/web', verdict: 'allowed', packets: 4 },
      { service: '', verdict: 'closed-port', packets: 2 },
    ] as const;
  };
  observeProtection({ counts }, [registry]);
  const lines = (await registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('fairlead_protection'));
  expect(lines).toEqual([
    'fairlead_protection_dropped_packets_total{service="default/web",reason="blocked"} 7',
    'fairlead_protection_dropped_packets_total{service="",reason="closed-port"} 2',
    'fairlead_protection_proxied_packets_total{service="default/web"} 9',
    'fairlead_protection_allowed_packets_total{service="default/web"} 4',
  ]);
  expect(reads).toBe(1);
  await registry.metrics();
  expect(reads).toBe(2);
});
