// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Blow, measure, percentile } from './measure.ts';

/* Times are simulated: the same on every machine. */
describe('failover in simulated groups', () => {
  it.each<[Blow, boolean]>([
    ['kill', false],
    ['freeze', false],
    ['silentDrop', false],
    ['kill', true],
    ['freeze', true],
    ['silentDrop', true],
  ])(
    '%s, coordinator: %s: an address is elsewhere within 350 ms, and others stay where they are',
    (blow, onCoordinator) => {
      const { struckMs, othersMs } = measure({ blow, onCoordinator, rounds: 60 });
      expect(percentile(struckMs, 0.5)).toBeLessThan(300);
      expect(struckMs.at(-1)).toBeLessThan(350);
      expect(percentile(othersMs, 0.9)).toBeLessThan(5);
    },
  );

  it.each<[Blow, boolean]>([
    ['linkDown', false],
    ['linkDown', true],
    ['drain', false],
    ['drain', true],
  ])('%s, coordinator: %s: an address is handed over within 20 ms', (blow, onCoordinator) => {
    const { struckMs, othersMs } = measure({ blow, onCoordinator, rounds: 60 });
    expect(struckMs.at(-1)).toBeLessThan(20);
    expect(othersMs.at(-1)).toBe(0);
  });

  it('moves a thousand addresses as fast', () => {
    const { struckMs } = measure({ blow: 'kill', onCoordinator: true, rounds: 2, addresses: 1_000 });
    expect(struckMs.at(-1)).toBeLessThan(400);
  });
});
