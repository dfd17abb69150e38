// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { decodeArp } from '../announce/arp/codec.ts';
import { ARP } from '../announce/arp/protocol.ts';
import { Responder } from '../announce/responder.ts';

/*
 * The weak spots of kube-vip's agent in telling neighbours, by their number in our register, each as a case that its
 * behaviour fails. What needs a kernel is in defects-node.lab.test.ts.
 */

const MAC = '02:00:00:00:00:01';

function grants(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    address: `192.0.2.${index + 1}`,
    interface: 'eth0',
    untilMs: 1e9,
  }));
}

it('A1: nothing is sent at takeover, and a lost frame costs three seconds', () => {
  const responder = new Responder();
  // The peer's ticker knows nothing of takeovers: between two ticks.
  responder.hold(grants(1), 1_234);
  const atMs: number[] = [];
  for (let nowMs = 1_234; nowMs < 10_000; nowMs++) if (responder.due(nowMs).length > 0) atMs.push(nowMs);
  expect(atMs[0]).toBe(1_234);
  // Should that one be lost: the next comes within a second, and there are more than two.
  const gaps = atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));
  expect(gaps.length).toBeGreaterThanOrEqual(3);
  for (const gapMs of gaps) expect(gapMs).toBeLessThanOrEqual(1_000);
});

it('A2: with an even number of addresses each is always announced in the same one of two forms', () => {
  const responder = new Responder();
  responder.hold(grants(2), 0);
  const formsOf = new Map<string, Set<string>>();
  for (let nowMs = 0; nowMs < 1_000; nowMs++) {
    for (const { address } of responder.due(nowMs)) {
      const forms = ARP.announcements(address, MAC).map((frame) => decodeArp(frame)?.operation ?? '');
      formsOf.set(address, new Set([...(formsOf.get(address) ?? []), ...forms]));
    }
  }
  expect([...formsOf.values()]).toEqual([new Set(['request', 'reply']), new Set(['request', 'reply'])]);
});
