// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Body, Message } from '../raft/messages.ts';
import { RenewalWatch } from './renewal-watch.ts';

const message = (body: Body): Message => ({
  groupId: 'g',
  epoch: 1,
  term: 1,
  from: { name: 'a', instance: '0' },
  to: 'b',
  toInstance: '',
  sequence: 1,
  body,
});

const renew = (nonce: number) =>
  message({
    type: 'renew',
    reign: { term: 1, coordinator: { name: 'b', instance: '1' } },
    binding: 1,
    nonce,
    answered: 0,
    applied: 0,
    settled: 0,
    report: undefined,
    refused: [],
    letGo: false,
    availability: 'available',
    knowledge: 'current',
    newsVersion: 0,
  });

const grant = (nonce: number) =>
  message({ type: 'grant', binding: 1, nonce, lengthMs: 300, base: 0, version: 0, add: [], remove: [] });

describe('RenewalWatch', () => {
  it('counts answers that are late, and renewals that nobody answers', () => {
    const watch = new RenewalWatch(100, 300);
    watch.sent(renew(1), 0);
    watch.received(grant(1), 50);
    watch.sent(renew(2), 100);
    watch.received(grant(2), 250);
    watch.sent(renew(3), 300);
    watch.sent(renew(4), 400);
    watch.sent(renew(5), 600);
    expect([watch.late, watch.lost]).toEqual([1, 1]);
    // One answer is enough for those sent before it.
    watch.received(grant(5), 610);
    watch.sent(renew(6), 2_000);
    expect([watch.late, watch.lost]).toEqual([1, 1]);
  });
});
