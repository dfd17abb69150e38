// SPDX-License-Identifier: Apache-2.0
import { placeOfTarget } from '../balance/health/checked-model.ts';
import type { HealthChecker } from '../balance/health/health-checker.ts';
import { growing, type Registers, sampled } from './samples.ts';

/** What is read when Prometheus asks. */
export type HealthSource = Pick<HealthChecker, 'verdicts' | 'stats'>;

/** What the health checks of Services found, and what they cost. */
export function observeHealth(health: HealthSource, registers: Registers): void {
  sampled(
    {
      name: 'fairlead_endpoint_up',
      help: '1 for an endpoint that passes the health check of its Service, 0 for one that does not. Without one: not known yet.',
      labelNames: ['service', 'endpoint'],
    },
    registers,
    () =>
      [...health.verdicts()].flatMap(([id, { state }]) =>
        state === 'unknown' ? [] : [[placeOfTarget(id), Number(state === 'up')] as const],
      ),
  );
  growing(
    {
      name: 'fairlead_health_probes_total',
      help: 'Probes sent, by outcome; inconclusive: this process was too late to know.',
      labelNames: ['outcome'],
    },
    registers,
    () => {
      const { succeeded, failed, inconclusive } = health.stats();
      return Object.entries({ succeeded, failed, inconclusive }).map(
        ([outcome, count]) => [{ outcome }, count] as const,
      );
    },
  );
  sampled(
    {
      name: 'fairlead_health_probe_lag_seconds',
      help: 'How late the newest probe was sent: grows when there is more to probe than can be.',
      labelNames: [],
    },
    registers,
    () => [[{}, health.stats().lagMs / 1_000]],
  );
}
