// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BAD, BAD6, GOOD, GOOD6, PORTS, ProtectedNode, VIP, VIP6 } from './lab/protected-node.ts';
import { TCP_FLAG } from './lab/tcp-segment.ts';
import { createNftProtector } from './nft-protector.ts';
import { NOTHING_TO_PROTECT } from './policy.ts';
import { StrictTracking } from './strict-tracking.ts';
import { anyModel } from './testing/any-model.ts';
import { entryOf, modelOf, portOf } from './testing/policies.ts';

describe('protection in the kernel', () => {
  let node: ProtectedNode;

  beforeAll(async () => {
    node = await ProtectedNode.start();
  });
  afterEach(() => node.reset());
  afterAll(() => node.stop());

  it('leaves no rule on a node where nothing is to be filtered', async () => {
    expect(node.run('nft', 'list', 'tables')).not.toContain('fairlead_protection');
    expect(await node.visit(GOOD)).toEqual([{ name: 'pod', from: GOOD }]);
    expect(await node.visit(GOOD6)).toEqual([{ name: 'pod', from: GOOD6 }]);
  });

  it('lets in the source ranges only, in both families', async () => {
    const sourceRanges = [entryOf(`${GOOD}/32`).range, entryOf('fd00:30::/64').range];
    await node.protector.apply(modelOf(PORTS, { sourceRanges }));
    expect(await Promise.all([node.answered(GOOD), node.answered(GOOD6)])).toEqual([1, 1]);
    expect(await node.visit(BAD)).toEqual([{ error: 'SILENCE' }]);
    expect(await node.visit(BAD6)).toEqual([{ error: 'SILENCE' }]);
    expect(node.packets('outside-ranges')).toBeGreaterThanOrEqual(2);
  });

  it('lets in nobody of a family that the source ranges do not name', async () => {
    await node.protector.apply(modelOf(PORTS, { sourceRanges: [entryOf(`${GOOD}/32`).range] }));
    expect([await node.answered(GOOD), await node.answered(GOOD6)]).toEqual([1, 0]);
  });

  it('ends what is blocked when its time is over', async () => {
    const until = (ms: number) => new Date(Date.now() + ms).toISOString();
    await node.protector.apply(modelOf(PORTS, { blocked: [entryOf(`${BAD} until ${until(5_000)}`)] }));
    expect([await node.answered(GOOD), await node.answered(BAD)]).toEqual([1, 0]);
    await expect.poll(() => node.answered(BAD), { timeout: 20_000 }).toBe(1);
  });

  it.each([
    ['IPv4', BAD, GOOD],
    ['IPv6', BAD6, GOOD6],
  ])('limits the new connections of one source, over %s, and nobody else', async (_, bad, good) => {
    await node.protector.apply(modelOf(PORTS, { connectionRate: { perSecond: 1, burst: 3 } }));
    const startMs = Date.now();
    const count = await node.answered(bad, 20);
    const seconds = (Date.now() - startMs) / 1000;
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThanOrEqual(3 + Math.ceil(seconds));
    expect(await node.answered(good)).toBe(1);
    expect(node.packets('connection-rate')).toBeGreaterThanOrEqual(20 - count);
  });

  it('counts a flow that nobody answers as one connection, and others apart', async () => {
    node.inPod(
      'nft',
      'add table inet seen; add counter inet seen logs; add chain inet seen in { type filter hook input priority 0; }; add rule inet seen in udp dport 514 counter name logs drop',
    );
    const seen = () => Number(/packets (\d+)/.exec(node.inPod('nft', 'list counter inet seen logs'))?.[1]);
    const ports = [{ address: VIP, protocol: 'udp', port: 514 } as const];
    await node.protector.apply(modelOf(ports, { connectionRate: { perSecond: 1, burst: 2 } }));
    const say = (script: string) => node.byClient('bash', '-c', script);
    say(`exec 3<>/dev/udp/${VIP}/514; for i in $(seq 20); do echo log >&3; done`);
    await expect.poll(seen).toBe(20);
    expect(node.packets('connection-rate')).toBe(0);
    say(`for i in $(seq 50); do echo log > /dev/udp/${VIP}/514; done`);
    await expect.poll(() => node.packets('connection-rate')).toBeGreaterThan(0);
  });

  it('limits the open connections of one source, and forgets those that have ended', async () => {
    await node.protector.apply(modelOf(PORTS, { openConnections: 4 }));
    expect(await node.answered(BAD, 10, true)).toBe(4);
    expect(await node.answered(GOOD)).toBe(1);
    expect(node.packets('open-connections')).toBeGreaterThanOrEqual(6);
    await node.command({ kind: 'leave' });
    await expect.poll(() => node.answered(BAD), { timeout: 20_000 }).toBe(1);
  });

  it('blocks for a while whoever exceeds a limit, but not whom the Service allows', async () => {
    const limit = { connectionRate: { perSecond: 1, burst: 2 }, blockForSeconds: 5 };
    await node.protector.apply(modelOf(PORTS, { ...limit, allowed: [entryOf(GOOD)] }));
    expect(await node.answered(GOOD, 20)).toBe(20);
    expect(node.packets('allowed')).toBeGreaterThanOrEqual(20);
    await node.answered(BAD, 10);
    expect(await node.answered(BAD)).toBe(0);
    expect(node.packets('blocked')).toBeGreaterThan(0);
    await expect.poll(() => node.answered(BAD), { timeout: 30_000 }).toBe(1);
  });

  it('drops flags that no client sends', async () => {
    await node.protector.apply(modelOf(PORTS, { dropBogusFlags: true }));
    const { fin, syn, rst, psh, ack, urg } = TCP_FLAG;
    const bogus = [0, fin, fin | syn, syn | rst, fin | psh | urg, syn | ack, fin | rst];
    for (const flags of bogus) await node.spoofed(1, flags);
    await expect.poll(() => node.packets('bogus-flags')).toBe(bogus.length);
    expect(await node.answered(GOOD, 3)).toBe(3);
    expect(node.packets('bogus-flags')).toBe(bogus.length);
  });

  it('closes all ports but those of Services', async () => {
    const closed = new Map([
      [VIP, [portOf(VIP)]],
      [VIP6, [portOf(VIP6)]],
    ]);
    await node.protector.apply({ ...NOTHING_TO_PROTECT, closed });
    expect([await node.answered(GOOD), await node.answered(GOOD6)]).toEqual([1, 1]);
    for (const to of [VIP, VIP6])
      expect(await node.command({ kind: 'visit', to, port: 81, times: 1 })).toEqual([{ error: 'SILENCE' }]);
    expect(node.packets('closed-port')).toBeGreaterThanOrEqual(2);
    await node.protector.apply(NOTHING_TO_PROTECT);
    expect(await node.command({ kind: 'visit', to: VIP, port: 81, times: 1 })).toEqual([
      { error: 'ECONNREFUSED' },
    ]);
  });

  it('is back after a flush of all rules, and follows changes without forgetting sources', async () => {
    const limited = (sourceRanges: string) =>
      modelOf(PORTS, {
        connectionRate: { perSecond: 1, burst: 2 },
        blockForSeconds: 600,
        sourceRanges: [entryOf(sourceRanges).range],
      });
    await node.protector.apply(limited('172.30.0.0/16'));
    await node.answered(BAD, 10);
    await node.protector.apply(limited('172.30.0.0/24'));
    expect([await node.answered(BAD), await node.answered(GOOD)]).toEqual([0, 1]);
    node.run('nft', 'delete', 'table', 'inet', 'fairlead_protection');
    expect(await node.protector.verify()).toBe(true);
    expect(await node.protector.verify()).toBe(false);
    await node.protector.apply(modelOf(PORTS, { blocked: [entryOf(BAD)] }));
    expect([await node.answered(BAD), await node.answered(GOOD)]).toEqual([0, 1]);
  });
});

describe('protection in the namespace of the agent', () => {
  it('speaks with the kernel itself', async () => {
    const own = await createNftProtector({
      clock: { wallMs: () => Date.now() },
      logger: { warn: console.warn },
    });
    const policy = { synProxy: 'always', openConnections: 5 } as const;
    await own.apply(modelOf([portOf('192.0.2.10'), portOf('2001:db8::10')], policy));
    expect(own.problems().size).toBe(0);
    expect(await own.verify()).toBe(false);
    expect(own.counts()).toContainEqual({ service: 'default/echo', verdict: 'syn-proxied', packets: 0 });
    execFileSync('nft', ['flush', 'ruleset']);
    expect(await own.verify()).toBe(true);
    expect(own.counts()).toHaveLength(8);
    await own.stop();
    expect(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })).not.toContain('fairlead');
  });

  it('has the same rules after any steps as if it had built them at once', async () => {
    const make = () =>
      createNftProtector({
        clock: { wallMs: () => 0 },
        logger: { warn: console.warn },
        tracking: new StrictTracking({ read: () => '0', write: () => undefined }),
      });
    await fc.assert(
      fc.asyncProperty(fc.array(anyModel, { minLength: 2, maxLength: 4 }), async (models) => {
        const stepwise = await make();
        for (const model of models) await stepwise.apply(model);
        const after = rulesNow();
        const atOnce = await make();
        await atOnce.apply(models.at(-1) ?? NOTHING_TO_PROTECT);
        expect(after).toEqual(rulesNow());
      }),
      { numRuns: 40 },
    );
    await (await make()).stop();
    expect(rulesNow()).toEqual([]);
  });
});

/** All tables of ours but those that depend on what was before, in an order of our own where the kernel keeps none. */
function rulesNow(): readonly string[] {
  const { nftables } = JSON.parse(execFileSync('nft', ['-j', 'list', 'ruleset'], { encoding: 'utf8' })) as {
    nftables: Readonly<Record<string, { readonly table?: string; readonly elem?: readonly unknown[] }>>[];
  };
  const ours = nftables.flatMap(Object.entries).filter(([, { table }]) => table === 'fairlead_protection');
  const lines = ours.map(([kind, { elem = [], ...thing }]) =>
    JSON.stringify([kind, { ...thing, handle: 0 }, elem.map((each: unknown) => JSON.stringify(each)).sort()]),
  );
  const rules = lines.filter((line) => line.startsWith('["rule"'));
  const byChain = Map.groupBy(rules, (line) => /"chain":"([^"]*)"/.exec(line)?.[1] ?? '');
  const others = lines.filter((line) => !line.startsWith('["rule"'));
  return [...others, ...[...byChain].map(([chain, own]) => `${chain}: ${own.join()}`)].sort();
}
