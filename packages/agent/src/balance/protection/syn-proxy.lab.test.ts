// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BAD, GOOD, GOOD6, PORTS, ProtectedNode, VIP, VIP6 } from './lab/protected-node.ts';
import { NOTHING_TO_PROTECT } from './policy.ts';
import { modelOf, portOf } from './testing/policies.ts';

describe('the SYN proxy', () => {
  let node: ProtectedNode;

  beforeAll(async () => {
    node = await ProtectedNode.start();
  });
  afterEach(() => node.reset());
  afterAll(() => node.stop());

  const proxied = modelOf(PORTS, { synProxy: 'always' });

  it.each([GOOD, GOOD6])('connects %s, whose address the pod still sees', async (from) => {
    await node.protector.apply(proxied);
    expect(await node.visit(from, 5)).toEqual(Array.from({ length: 5 }, () => ({ name: 'pod', from })));
    expect(node.packets('syn-proxied')).toBeGreaterThanOrEqual(5);
  });

  it('remembers nothing of packets from invented sources', async () => {
    await node.protector.apply(proxied);
    const before = node.tracked();
    await node.spoofed(500);
    await expect.poll(() => node.packets('syn-proxied')).toBe(500);
    expect(node.tracked() - before).toBeLessThan(10);
  });

  it('begins above a rate, and is not there below it', async () => {
    await node.protector.apply(modelOf(PORTS, { synProxy: { abovePerSecond: 100 } }));
    expect(await node.answered(GOOD, 20)).toBe(20);
    expect(node.packets('syn-proxied')).toBe(0);
    await node.spoofed(1_000);
    await expect.poll(() => node.packets('syn-proxied')).toBeGreaterThan(500);
    expect(await node.visit(GOOD, 3)).toEqual(Array.from({ length: 3 }, () => ({ name: 'pod', from: GOOD })));
  });

  it('still limits the connections of one source', async () => {
    await node.protector.apply(modelOf(PORTS, { synProxy: 'always', openConnections: 3 }));
    expect(await node.answered(BAD, 10, true)).toBe(3);
    expect(await node.answered(GOOD)).toBe(1);
  });

  it('goes with the setting that it needs, which comes back as it was', async () => {
    const loose = () => node.run('sysctl', '-n', 'net.netfilter.nf_conntrack_tcp_loose').trim();
    const before = loose();
    await node.protector.apply(proxied);
    expect(loose()).toBe('0');
    node.run('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=1');
    await node.protector.verify();
    expect(loose()).toBe('0');
    await node.protector.apply(NOTHING_TO_PROTECT);
    expect(loose()).toBe(before);
  });

  it.each(['always', { abovePerSecond: 1 }] as const)(
    'leaves open connections alone that it did not begin, and those that it did, when it goes (%j)',
    async (synProxy) => {
      expect(await node.answered(GOOD, 3, true)).toBe(3);
      await node.protector.apply(modelOf(PORTS, { synProxy, openConnections: 100 }));
      expect(await node.answered(GOOD, 3, true)).toBe(3);
      const stillThere = async () =>
        (await node.command({ kind: 'ask' })).filter(({ name }) => name === 'pod');
      expect(await stillThere()).toHaveLength(6);
      await node.protector.apply(modelOf(PORTS, { openConnections: 100 }));
      expect(await stillThere()).toHaveLength(6);
      await node.protector.apply(NOTHING_TO_PROTECT);
      expect(await stillThere()).toHaveLength(6);
    },
  );

  it('begins connections to programs of the node, as the user-space plane has them', async () => {
    await node.greetOnNode('balancer', 81);
    await node.protector.apply(modelOf([portOf(VIP, 81), portOf(VIP6, 81)], { synProxy: 'always' }));
    for (const from of [GOOD, GOOD6]) {
      const expected = Array.from({ length: 3 }, () => ({ name: 'balancer', from }));
      expect(await node.visit(from, 3, false, 81)).toEqual(expected);
    }
    expect(node.packets('syn-proxied')).toBeGreaterThanOrEqual(6);
  });

  it('goes with kube-proxy in its mode iptables', async () => {
    const rule = [
      '-d',
      VIP,
      '-p',
      'tcp',
      '--dport',
      '80',
      '-j',
      'DNAT',
      '--to-destination',
      '10.99.1.2:8080',
    ];
    node.run('nft', 'delete', 'table', 'inet', 'plane');
    try {
      for (const chain of ['PREROUTING', 'OUTPUT']) node.run('iptables', '-t', 'nat', '-A', chain, ...rule);
      node.run(...'iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP'.split(' '));
      await node.protector.apply(proxied);
      expect(await node.visit(GOOD, 3)).toEqual(
        Array.from({ length: 3 }, () => ({ name: 'pod', from: GOOD })),
      );
      expect(node.packets('syn-proxied')).toBeGreaterThanOrEqual(3);
    } finally {
      node.run('iptables', '-t', 'nat', '-F');
      node.run('iptables', '-F');
      await node.translate();
    }
  });
});
