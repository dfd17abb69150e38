// SPDX-License-Identifier: Apache-2.0
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import { expect, it } from 'vitest';
import { GROUP_REASON, type GroupProblem } from '../ownership/group/group-problems.ts';
import { GroupTeller } from './group-teller.ts';

it('tells what lasts, once, and again when it says something else', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  let problems: readonly GroupProblem[] = [];
  const events = {
    event: (about: { metadata?: { name?: string } }, _type: string, reason: string, message: string) =>
      told.push(`${about.metadata?.name} ${reason} ${message}`),
  } as unknown as EventRecorder;
  const registry = createRegistry({ program: 'agent', version: 'test' });
  const teller = new GroupTeller({
    node: 'worker1',
    group: {
      problems: () => problems,
      standing: () => ({
        record: undefined,
        engine: undefined,
        waitingFor: [],
        problem: undefined,
        mayWarmUp: false,
      }),
      members: () => new Map(),
      unheard: () => ['b'],
    },
    events,
    registry,
    clock,
    logger: silentLogger,
  });
  teller.start();
  const say = (message: string) => [{ reason: GROUP_REASON.agentsUnheard, message }];
  problems = say('b is not heard');
  clock.advance(3_000);
  problems = [];
  clock.advance(1_000);
  expect(told).toEqual([]);
  problems = say('b is not heard');
  clock.advance(20_000);
  expect(told).toEqual(['worker1 GroupAgentsUnheard b is not heard']);
  problems = say('b and c are not heard');
  clock.advance(5_000);
  expect(told).toHaveLength(2);
  expect(await registry.metrics()).toMatch(/fairlead_group_problem\{reason="GroupAgentsUnheard"[^}]*\} 1/);
  expect(await registry.metrics()).toMatch(/fairlead_group_unheard_agents(\{[^}]*\})? 1/);
  teller.stop();
  expect(clock.pendingTimers).toBe(0);
});
