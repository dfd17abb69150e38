// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../../system/commands.ts';
import { TCP_FLAG } from './lab/tcp-segment.ts';
import type { Visit, VisitorCommand } from './lab/visitor-program.ts';
import { createNftProtector } from './nft-protector.ts';
import { NOTHING_TO_PROTECT } from './policy.ts';
import type { Protector, Verdict } from './protector.ts';
import { StrictTracking } from './strict-tracking.ts';
import { entryOf, modelOf, portOf } from './testing/policies.ts';

/*
 * One node between clients and a pod, each in a network namespace of its own:
 *
 *   clients 172.30.0.100, .101 --- 172.30.0.3 node 10.99.1.1 --- pod 10.99.1.2
 *
 * Rules by hand send connections on, as any data plane that translates addresses would.
 */
const NAMES = { client: 'fpcl', node: 'fpnd', pod: 'fppd' } as const;
const [VIP, VIP6] = ['172.30.0.200', 'fd00:30::c8'] as const;
const [GOOD, BAD] = ['172.30.0.100', '172.30.0.101'] as const;
const [GOOD6, BAD6] = ['fd00:30::64', 'fd00:30:0:1::65'] as const;
const NODE_MAC = '02:fa:1e:00:00:03';
const PORTS = [portOf(VIP), portOf(VIP6)];

const DATA_PLANE = `
table inet plane {
  chain prerouting { type nat hook prerouting priority -110; jump translate; }
  chain output { type nat hook output priority -110; jump translate; }
  chain translate {
    ip daddr ${VIP} tcp dport 80 dnat ip to 10.99.1.2:8080
    ip6 daddr ${VIP6} tcp dport 80 dnat ip6 to [fd00:99::2]:8080
  }
}`;

const running: ChildProcessWithoutNullStreams[] = [];

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function onNode(...argv: readonly string[]): string {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return execFileSync('ip', ['netns', 'exec', NAMES.node, ...argv], { encoding: 'utf8', stdio: [...stdio] });
}

function inside(
  namespace: string,
  program: string,
  ...args: readonly string[]
): ChildProcessWithoutNullStreams {
  const path = fileURLToPath(new URL(`./lab/${program}`, import.meta.url));
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, ...args]);
  child.stderr.pipe(process.stderr);
  running.push(child);
  return child;
}

function buildNetwork(): void {
  for (const name of Object.values(NAMES)) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  const cable = (name: string, link: string, mac: string) =>
    ip(
      ...`link add eth0 netns ${name} type veth peer name ${link} address ${mac} netns ${NAMES.node}`.split(
        ' ',
      ),
    );
  cable(NAMES.client, 'eth0', NODE_MAC);
  cable(NAMES.pod, 'pods', '02:fa:1e:00:00:04');
  const setUp = (name: string, link: string, ...addresses: readonly string[]) => {
    for (const address of addresses) {
      const nodad = address.includes(':') ? ['nodad'] : [];
      ip('-n', name, 'address', 'add', address, 'dev', link, ...nodad);
    }
    ip('-n', name, 'link', 'set', link, 'up');
  };
  setUp(NAMES.client, 'eth0', `${GOOD}/24`, `${BAD}/24`, `${GOOD6}/64`, `${BAD6}/64`);
  setUp(NAMES.node, 'eth0', '172.30.0.3/24', 'fd00:30::3/64', 'fd00:30:0:1::3/64');
  setUp(NAMES.node, 'pods', '10.99.1.1/24', 'fd00:99::1/64');
  setUp(NAMES.node, 'lo', `${VIP}/32`, `${VIP6}/128`);
  setUp(NAMES.pod, 'eth0', '10.99.1.2/24', 'fd00:99::2/64');
  ip('-n', NAMES.pod, 'route', 'add', 'default', 'via', '10.99.1.1');
  ip('-n', NAMES.pod, '-6', 'route', 'add', 'default', 'via', 'fd00:99::1');
  ip('-n', NAMES.client, 'route', 'add', VIP, 'via', '172.30.0.3');
  ip('-n', NAMES.client, '-6', 'route', 'add', VIP6, 'via', 'fd00:30::3');
  for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
    onNode('sysctl', '-qw', setting);
}

describe('protection in the kernel', () => {
  let protector: Protector;
  let visitors: ChildProcessWithoutNullStreams;
  let lines: AsyncIterator<string>;

  const command = async (what: VisitorCommand): Promise<readonly Visit[]> => {
    visitors.stdin.write(`${JSON.stringify(what)}\n`);
    const { value } = await lines.next();
    return JSON.parse(value as string) as Visit[];
  };
  const visit = async (from: string, times = 1, keep = false) => {
    const to = from.includes(':') ? VIP6 : VIP;
    return await command({ kind: 'visit', to, port: 80, from, times, keep });
  };
  const answered = async (from: string, times = 1, keep = false) =>
    (await visit(from, times, keep)).filter(({ name }) => name !== undefined).length;
  const packets = (verdict: Verdict) =>
    protector.counts().find((count) => count.verdict === verdict)?.packets ?? 0;
  const spoofed = (count: number, flags: number = TCP_FLAG.syn) =>
    command({
      kind: 'send',
      segments: Array.from({ length: count }, (_, index) => ({
        destinationMac: NODE_MAC,
        source: `198.18.${index >> 8}.${index & 255}`,
        destination: VIP,
        sourcePort: 1_024 + index,
        destinationPort: 80,
        flags,
        sequence: index,
      })),
    });
  const trackedConnections = () => Number(onNode('sysctl', '-n', 'net.netfilter.nf_conntrack_count'));

  beforeAll(async () => {
    buildNetwork();
    const pod = inside(NAMES.pod, 'greeter-program.ts', 'pod', '8080');
    await createInterface({ input: pod.stdout })[Symbol.asyncIterator]().next();
    visitors = inside(NAMES.client, 'visitor-program.ts');
    lines = createInterface({ input: visitors.stdout })[Symbol.asyncIterator]();
    const inNode = ['netns', 'exec', NAMES.node];
    await runCommand('ip', [...inNode, 'nft', '-f', '-'], { input: DATA_PLANE });
    const loose = 'net.netfilter.nf_conntrack_tcp_loose';
    // The links' own IPv6 addresses are not there at once, and without them nobody is asked for a neighbour.
    await vi.waitUntil(async () => (await answered(GOOD6)) === 1, { timeout: 20_000 });
    protector = await createNftProtector({
      clock: { wallMs: () => Date.now() },
      logger: { warn: console.warn },
      nft: async (script) => void (await runCommand('ip', [...inNode, 'nft', '-f', '-'], { input: script })),
      isTableThere: () => Promise.resolve(onNode('nft', 'list', 'tables').includes('fairlead_protection')),
      readCounters: () =>
        countersOf(onNode('nft', '-j', 'list', 'counters', 'table', 'inet', 'fairlead_protection')),
      tracking: new StrictTracking({
        read: () => onNode('sysctl', '-n', loose).trim(),
        write: (value) => void onNode('sysctl', '-qw', `${loose}=${value}`),
      }),
    });
  });
  afterEach(async () => {
    await command({ kind: 'leave' });
    await protector.apply(NOTHING_TO_PROTECT);
    onNode('conntrack', '-F');
  });
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL');
    for (const name of Object.values(NAMES)) ip('netns', 'delete', name);
  });

  it('leaves no rule on a node where nothing is to be filtered', async () => {
    expect(onNode('nft', 'list', 'tables')).not.toContain('fairlead_protection');
    expect(await visit(GOOD)).toEqual([{ name: 'pod', from: GOOD }]);
    expect(await visit(GOOD6)).toEqual([{ name: 'pod', from: GOOD6 }]);
  });

  it('lets in the source ranges only, in both families', async () => {
    const sourceRanges = [entryOf(`${GOOD}/32`).range, entryOf('fd00:30::/64').range];
    await protector.apply(modelOf(PORTS, { sourceRanges }));
    expect(await Promise.all([answered(GOOD), answered(GOOD6)])).toEqual([1, 1]);
    expect(await visit(BAD)).toEqual([{ error: 'SILENCE' }]);
    expect(await visit(BAD6)).toEqual([{ error: 'SILENCE' }]);
    expect(packets('outside-ranges')).toBeGreaterThanOrEqual(2);
  });

  it('lets in nobody of a family that the source ranges do not name', async () => {
    await protector.apply(modelOf(PORTS, { sourceRanges: [entryOf(`${GOOD}/32`).range] }));
    expect([await answered(GOOD), await answered(GOOD6)]).toEqual([1, 0]);
  });

  it('ends what is blocked when its time is over', async () => {
    const until = (ms: number) => new Date(Date.now() + ms).toISOString();
    await protector.apply(modelOf(PORTS, { blocked: [entryOf(`${BAD} until ${until(5_000)}`)] }));
    expect([await answered(GOOD), await answered(BAD)]).toEqual([1, 0]);
    await expect.poll(() => answered(BAD), { timeout: 20_000 }).toBe(1);
  });

  it.each([
    ['IPv4', BAD, GOOD],
    ['IPv6', BAD6, GOOD6],
  ])('limits the new connections of one source, over %s, and nobody else', async (_, bad, good) => {
    await protector.apply(modelOf(PORTS, { connectionRate: { perSecond: 1, burst: 3 } }));
    const startMs = Date.now();
    const count = await answered(bad, 20);
    const seconds = (Date.now() - startMs) / 1000;
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThanOrEqual(3 + Math.ceil(seconds));
    expect(await answered(good)).toBe(1);
    expect(packets('connection-rate')).toBeGreaterThanOrEqual(20 - count);
  });

  it('limits the open connections of one source, and forgets those that have ended', async () => {
    await protector.apply(modelOf(PORTS, { openConnections: 4 }));
    expect(await answered(BAD, 10, true)).toBe(4);
    expect(await answered(GOOD)).toBe(1);
    expect(packets('open-connections')).toBeGreaterThanOrEqual(6);
    await command({ kind: 'leave' });
    await expect.poll(() => answered(BAD), { timeout: 20_000 }).toBe(1);
  });

  it('blocks for a while whoever exceeds a limit, but not whom the Service allows', async () => {
    const limit = { connectionRate: { perSecond: 1, burst: 2 }, blockForSeconds: 5 };
    await protector.apply(modelOf(PORTS, { ...limit, allowed: [entryOf(GOOD)] }));
    expect(await answered(GOOD, 20)).toBe(20);
    await answered(BAD, 10);
    expect(await answered(BAD)).toBe(0);
    expect(packets('blocked')).toBeGreaterThan(0);
    await expect.poll(() => answered(BAD), { timeout: 30_000 }).toBe(1);
  });

  it('drops flags that no client sends', async () => {
    await protector.apply(modelOf(PORTS, { dropBogusFlags: true }));
    const { fin, syn, rst, psh, ack, urg } = TCP_FLAG;
    const bogus = [0, fin, fin | syn, syn | rst, fin | psh | urg, syn | ack, fin | rst];
    for (const flags of bogus) await spoofed(1, flags);
    await expect.poll(() => packets('bogus-flags')).toBe(bogus.length);
    expect(await answered(GOOD, 3)).toBe(3);
    expect(packets('bogus-flags')).toBe(bogus.length);
  });

  it('closes all ports but those of Services', async () => {
    const closed = new Map([
      [VIP, [portOf(VIP)]],
      [VIP6, [portOf(VIP6)]],
    ]);
    await protector.apply({ ...NOTHING_TO_PROTECT, closed });
    expect([await answered(GOOD), await answered(GOOD6)]).toEqual([1, 1]);
    for (const to of [VIP, VIP6])
      expect(await command({ kind: 'visit', to, port: 81, times: 1 })).toEqual([{ error: 'SILENCE' }]);
    expect(packets('closed-port')).toBeGreaterThanOrEqual(2);
    await protector.apply(NOTHING_TO_PROTECT);
    expect(await command({ kind: 'visit', to: VIP, port: 81, times: 1 })).toEqual([
      { error: 'ECONNREFUSED' },
    ]);
  });

  describe('the SYN proxy', () => {
    const proxied = modelOf(PORTS, { synProxy: 'always' });

    it.each([GOOD, GOOD6])('connects %s, whose address the pod still sees', async (from) => {
      await protector.apply(proxied);
      expect(await visit(from, 5)).toEqual(Array.from({ length: 5 }, () => ({ name: 'pod', from })));
      expect(packets('syn-proxied')).toBeGreaterThanOrEqual(5);
    });

    it('remembers nothing of packets from invented sources', async () => {
      await protector.apply(proxied);
      const before = trackedConnections();
      await spoofed(500);
      await expect.poll(() => packets('syn-proxied')).toBe(500);
      expect(trackedConnections() - before).toBeLessThan(10);
    });

    it('begins above a rate, and is not there below it', async () => {
      await protector.apply(modelOf(PORTS, { synProxy: { abovePerSecond: 100 } }));
      expect(await answered(GOOD, 20)).toBe(20);
      expect(packets('syn-proxied')).toBe(0);
      await spoofed(1_000);
      await expect.poll(() => packets('syn-proxied')).toBeGreaterThan(500);
      expect(await visit(GOOD, 3)).toEqual(Array.from({ length: 3 }, () => ({ name: 'pod', from: GOOD })));
    });

    it('still limits the connections of one source', async () => {
      await protector.apply(modelOf(PORTS, { synProxy: 'always', openConnections: 3 }));
      expect(await answered(BAD, 10, true)).toBe(3);
      expect(await answered(GOOD)).toBe(1);
    });

    it('goes with the setting that it needs, which comes back as it was', async () => {
      const loose = () => onNode('sysctl', '-n', 'net.netfilter.nf_conntrack_tcp_loose').trim();
      const before = loose();
      await protector.apply(proxied);
      expect(loose()).toBe('0');
      onNode('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=1');
      await protector.verify();
      expect(loose()).toBe('0');
      await protector.apply(NOTHING_TO_PROTECT);
      expect(loose()).toBe(before);
    });
  });

  it('is back after a flush of all rules, and follows changes without forgetting sources', async () => {
    const limited = (sourceRanges: string) =>
      modelOf(PORTS, {
        connectionRate: { perSecond: 1, burst: 2 },
        blockForSeconds: 600,
        sourceRanges: [entryOf(sourceRanges).range],
      });
    await protector.apply(limited('172.30.0.0/16'));
    await answered(BAD, 10);
    await protector.apply(limited('172.30.0.0/24'));
    expect([await answered(BAD), await answered(GOOD)]).toEqual([0, 1]);
    onNode('nft', 'delete', 'table', 'inet', 'fairlead_protection');
    expect(await protector.verify()).toBe(true);
    expect(await protector.verify()).toBe(false);
    await protector.apply(modelOf(PORTS, { blocked: [entryOf(BAD)] }));
    expect([await answered(BAD), await answered(GOOD)]).toEqual([0, 1]);
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
    expect(own.counts()).toHaveLength(7);
    await own.stop();
    expect(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })).not.toContain(
      'fairlead_protection',
    );
  });
});

function countersOf(json: string): readonly { readonly name: string; readonly packets: number }[] {
  const { nftables } = JSON.parse(json) as { nftables: { counter?: { name: string; packets: number } }[] };
  return nftables.flatMap(({ counter }) => counter ?? []);
}
