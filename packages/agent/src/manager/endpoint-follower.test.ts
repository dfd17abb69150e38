// SPDX-License-Identifier: Apache-2.0
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { EndpointSlice } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { EndpointFollower } from './endpoint-follower.ts';
import type { Followed } from './reconciler.ts';

const slice = (...addresses: readonly string[]): EndpointSlice => ({
  metadata: { namespace: 'default', name: 'echo-x', labels: { [LABEL.serviceName]: 'echo' } },
  addressType: 'IPv4',
  ports: [{ port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});

/** A follower with a data plane that does this with each change, and what came of it. */
function start(isFollowing: boolean, outcome: () => Promise<Followed>) {
  const seen: string[] = [];
  const follower = new EndpointFollower({
    reconciler: {
      isFollowing,
      followEndpoints: (key, endpoints = []) => {
        seen.push(`${key} ${endpoints.map(({ address }) => address).join(' ')}`);
        return outcome();
      },
    },
    loop: { wake: () => void seen.push('wake'), wakeSoon: () => void seen.push('wake soon') },
    clock: new ManualClock(),
    logger: silentLogger,
  });
  return { follower, seen };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a change of endpoints', () => {
  it('waits for the next pass, while nothing can follow it', async () => {
    const { follower, seen } = start(false, () => Promise.resolve('done'));
    follower.follow({ type: 'added', object: slice('10.0.0.1') });
    await settled();
    expect(seen).toEqual(['wake soon']);
  });

  it.each([
    { followed: 'done', wakes: [] },
    { followed: 'steered', wakes: ['wake soon'] },
    { followed: 'left', wakes: ['wake soon'] },
  ] as const)('is followed at once, and by a pass where that was not all ($followed)', async (each) => {
    const { follower, seen } = start(true, () => Promise.resolve(each.followed));
    const [before, after] = [slice('10.0.0.1'), slice('10.0.0.1', '10.0.0.2')];
    follower.follow({ type: 'added', object: before });
    follower.follow({ type: 'updated', object: after, previous: before });
    await settled();
    expect(seen).toEqual([
      'default/echo 10.0.0.1',
      'default/echo 10.0.0.1 10.0.0.2',
      ...each.wakes,
      ...each.wakes,
    ]);
  });

  it('leads to a pass when the data plane refuses it', async () => {
    const { follower, seen } = start(true, () => Promise.reject(new Error('EPERM')));
    follower.follow({ type: 'added', object: slice('10.0.0.1') });
    await settled();
    expect(seen).toEqual(['default/echo 10.0.0.1', 'wake']);
  });
});
