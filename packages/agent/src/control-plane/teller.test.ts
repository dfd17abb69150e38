// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import { ControlPlaneTeller } from './teller.ts';

const DOWN: ServiceProblem = { reason: AGENT_REASON.apiServerDown, message: 'it does not work' };
const MISSING: ServiceProblem = { reason: AGENT_REASON.interfaceMissing, message: 'there is no eth9' };

describe('ControlPlaneTeller', () => {
  it('tells each thing once, on the Node, and again when it has come back', () => {
    const told: string[] = [];
    const teller = new ControlPlaneTeller({
      node: 'cp1',
      events: {
        event: ({ kind, metadata }, type, reason, message) =>
          void told.push(`${kind} ${metadata?.name}: ${type} ${reason}, ${message}`),
        flush: () => Promise.resolve(),
      },
      logger: silentLogger,
    });
    teller.tell([DOWN]);
    teller.tell([DOWN, MISSING]);
    teller.tell([]);
    expect(told).toEqual([
      'Node cp1: Warning ApiServerDown, it does not work',
      'Node cp1: Warning InterfaceMissing, there is no eth9',
    ]);
    teller.tell([DOWN]);
    expect(told).toHaveLength(3);
  });
});
