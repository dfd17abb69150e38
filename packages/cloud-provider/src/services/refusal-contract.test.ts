// SPDX-License-Identifier: Apache-2.0
import { standingRefusal } from '@fairlead/shared/kubernetes/allocation-condition.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { Holdings } from '../allocator/holdings.ts';
import { parsePools } from '../pools/parse.ts';
import { withCondition } from './conditions.ts';
import { decide } from './decide.ts';
import { claimOf } from './service-state.ts';
import { allocatedService, service } from './testing/services.ts';
import { withoutAssignment } from './write.ts';

/*
 * Agents believe a refusal only while its message begins with what the Service says. So every refusal has to.
 */

const POOLS = {
  'range-global': '10.0.0.1-10.0.0.1',
  'range-shop': '10.1.0.1-10.1.0.9',
  'avoid-global': '10.0.0.66',
  'requested-outside-pool': 'deny',
};
const LATE = '2026-05-01T00:00:00Z';

/** The Service as it is after the decision about it, and the code of that. */
function judged(one: Service): { readonly reason: string; readonly after: Service } {
  const holdings = new Holdings({ restOf: () => 0 });
  const pools = parsePools(POOLS);
  const present = [allocatedService('holder', '10.0.0.1'), one];
  for (const each of present) holdings.observe(claimOf(each, pools), 0);
  const decision = decide(one, {
    pools,
    holdings,
    mode: { kind: 'classless' },
    configMap: 'kube-system/kubevip',
    nowMs: 0,
    wallMs: 0,
  });
  if (decision.kind !== 'refuse') throw new Error(`${keyOf(one)} is not refused but: ${decision.kind}`);
  const word = { status: 'False', reason: decision.reason, message: decision.message } as const;
  const written = decision.withdraw === undefined ? one : (withoutAssignment(one, 'everything') ?? one);
  return { reason: decision.reason, after: withCondition(written, word, 0) ?? written };
}

describe('a refusal', () => {
  it.each([
    ['AddressConflict', service('a', { annotation: '10.0.0.1', createdAt: LATE })],
    ['AddressConflict', service('a', { annotation: ' 10.0.0.1 ', createdAt: LATE })],
    ['AddressConflict', service('a', { loadBalancerIP: '10.0.0.1', createdAt: LATE })],
    [
      'OutsidePool',
      service('a', { annotation: '192.0.2.1,10.0.0.1', createdAt: LATE, policy: 'SingleStack' }),
    ],
    ['PoolExhausted', allocatedService('a', '10.0.0.1', { createdAt: LATE })],
    ['InvalidRequest', service('a', { annotation: 'banana' })],
    ['InvalidRequest', service('a', { annotation: ',' })],
    ['InvalidRequest', service('a', { annotation: 'fd00::1' })],
    ['InvalidRequest', service('a', { loadBalancerIP: 'banana' })],
    ['AddressAvoided', service('a', { annotation: '10.0.0.66' })],
    ['OutsidePool', service('a', { annotation: '192.0.2.1' })],
    ['OutsidePool', service('a', { loadBalancerIP: '192.0.2.1' })],
    ['PoolExhausted', service('a')],
    ['PoolExhausted', service('a', { ingress: ['10.0.0.1'], createdAt: LATE })],
    ['NoPool', service('a', { policy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], namespace: 'shop' })],
  ])('%s is believed by agents until the Service says something else', (reason, one) => {
    const { after, reason: code } = judged(one);
    expect(code).toBe(reason);
    expect(standingRefusal(after)?.reason).toBe(code);
    const annotations = { ...after.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': '10.0.0.2' };
    expect(standingRefusal({ ...after, metadata: { ...after.metadata, annotations } })).toBeUndefined();
  });
});
