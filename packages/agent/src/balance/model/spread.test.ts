// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { spreadOf, weightOf } from './spread.ts';

function service(annotations: Readonly<Record<string, string>>, spec: Service['spec'] = {}): Service {
  return { metadata: { annotations }, spec };
}

describe('spreadOf', () => {
  it('goes round robin when nothing is said', () => {
    expect(spreadOf(service({}))).toEqual({
      scheduler: 'roundRobin',
      weights: new Map(),
      affinitySeconds: undefined,
      resetsRemoved: false,
      problems: [],
    });
  });

  it.each([
    ['consistent-hash', 'consistentHash'],
    ['Least-Connections', 'leastConnections'],
    ['wrr', 'weightedRoundRobin'],
  ])('knows the scheduler %s', (text, scheduler) => {
    expect(spreadOf(service({ [ANNOTATION.scheduler]: text }))).toMatchObject({ scheduler, problems: [] });
  });

  it.each([
    ['sed', 'leastConnections', 'sed'],
    ['FO', 'weightedRoundRobin', 'fo'],
    ['rr', 'roundRobin', 'rr'],
    ['source-hash', 'sourceHash', 'sh'],
  ])('knows %s, also as a scheduler of IPVS', (text, scheduler, kernelScheduler) => {
    expect(spreadOf(service({ [ANNOTATION.scheduler]: text }))).toMatchObject({ scheduler, kernelScheduler });
  });

  it('keeps clients for as long as Kubernetes says, and finds them again by hash', () => {
    const config = { clientIP: { timeoutSeconds: 60 } };
    expect(
      spreadOf(service({}, { sessionAffinity: 'ClientIP', sessionAffinityConfig: config })),
    ).toMatchObject({ scheduler: 'sourceHash', affinitySeconds: 60 });
    expect(spreadOf(service({}, { sessionAffinity: 'None', sessionAffinityConfig: config }))).toMatchObject({
      affinitySeconds: undefined,
    });
  });

  it('follows weights by address, then by node, then of all', () => {
    const { weights, scheduler } = spreadOf(service({ [ANNOTATION.weights]: 'n1=3, FD00::0:1=0,*=2' }));
    expect(scheduler).toBe('weightedRoundRobin');
    expect(weightOf({ address: 'fd00::1', node: 'n1' }, weights)).toBe(0);
    expect(weightOf({ address: 'fd00::2', node: 'n1' }, weights)).toBe(3);
    expect(weightOf({ address: 'fd00::2', node: undefined }, weights)).toBe(2);
    expect(weightOf({ address: 'fd00::2', node: 'n1' }, new Map())).toBe(1);
  });

  it.each([
    [ANNOTATION.scheduler, 'fastest', 'round-robin, weighted-round-robin'],
    [ANNOTATION.weights, 'n1', 'node-a=3'],
    [ANNOTATION.weights, 'n1=-1', 'from 0 to 65535'],
    [ANNOTATION.weights, 'n1=1=2', 'node-a=3'],
    [ANNOTATION.resetRemoved, 'perhaps', 'true or false'],
  ])('tells that %s cannot be "%s", and goes on without', (name, text, expected) => {
    const { problems, ...spread } = spreadOf(service({ [name]: text }));
    expect(problems).toMatchObject([{ reason: 'SpreadInvalid' }]);
    expect(problems[0]?.message).toContain(`${name} is "${text}"; expected `);
    expect(problems[0]?.message).toContain(expected);
    expect(spread).toMatchObject({ scheduler: 'roundRobin', resetsRemoved: false });
  });
});
