// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { runCommand } from '../../../system/commands.ts';
import { createNftProtector } from '../nft-protector.ts';
import { NOTHING_TO_PROTECT, type ProtectedPort } from '../policy.ts';
import type { Protector, Verdict } from '../protector.ts';
import { StrictTracking } from '../strict-tracking.ts';
import { portOf } from '../testing/policies.ts';
import { TCP_FLAG } from './tcp-segment.ts';
import type { Visit, VisitorCommand } from './visitor-program.ts';

/*
 * One node between clients and a pod, each in a network namespace of its own:
 *
 *   clients 172.30.0.100, .101 --- 172.30.0.3 node 10.99.1.1 --- pod 10.99.1.2
 */
const NAMES = { client: 'fpcl', node: 'fpnd', pod: 'fppd' } as const;
const NODE_MAC = '02:fa:1e:00:00:03';
/** The protected addresses, one of each family. */
export const [VIP, VIP6] = ['172.30.0.200', 'fd00:30::c8'] as const;
/** A client, and one that will be kept out. */
export const [GOOD, BAD] = ['172.30.0.100', '172.30.0.101'] as const;
/** The same in the other family; they are of different networks of 64 bits. */
export const [GOOD6, BAD6] = ['fd00:30::64', 'fd00:30:0:1::65'] as const;
/** The port of the pod, at both addresses. */
export const PORTS: readonly ProtectedPort[] = [portOf(VIP), portOf(VIP6)];

/** Rules by hand send connections on, as any data plane that translates addresses would. */
const DATA_PLANE = `
table inet plane {
  chain prerouting { type nat hook prerouting priority -110; jump translate; }
  chain output { type nat hook output priority -110; jump translate; }
  chain translate {
    ip daddr ${VIP} tcp dport 80 dnat ip to 10.99.1.2:8080
    ip daddr ${VIP} udp dport 514 dnat ip to 10.99.1.2:514
    ip6 daddr ${VIP6} tcp dport 80 dnat ip6 to [fd00:99::2]:8080
  }
}`;

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The network above, with clients that do what they are told and a protector on the node. */
export class ProtectedNode {
  readonly #running: ChildProcessWithoutNullStreams[];
  readonly #visitors: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly protector: Protector;

  private constructor(running: ChildProcessWithoutNullStreams[], protector: Protector) {
    this.#running = running;
    this.protector = protector;
    this.#visitors = inside(NAMES.client, 'visitor-program.ts');
    running.push(this.#visitors);
    this.#lines = createInterface({ input: this.#visitors.stdout })[Symbol.asyncIterator]();
  }

  /** Builds it all. Resolves when the pod answers over both families. */
  static async start(): Promise<ProtectedNode> {
    buildNetwork();
    const pod = await greeter(NAMES.pod, 'pod', '8080');
    const inNode = ['netns', 'exec', NAMES.node];
    const script = (text: string) => runCommand('ip', [...inNode, 'nft', '-f', '-'], { input: text });
    await script(DATA_PLANE);
    const loose = 'net.netfilter.nf_conntrack_tcp_loose';
    const protector = await createNftProtector({
      clock: { wallMs: () => Date.now() },
      logger: { warn: console.warn },
      nft: async (text) => void (await script(text)),
      isTableThere: ({ name }) => Promise.resolve(onNode('nft', 'list', 'tables').includes(name)),
      readCounters: () =>
        countersOf(onNode('nft', '-j', 'list', 'counters', 'table', 'inet', 'fairlead_protection')),
      tracking: new StrictTracking({
        read: () => onNode('sysctl', '-n', loose).trim(),
        write: (value) => void onNode('sysctl', '-qw', `${loose}=${value}`),
      }),
    });
    const node = new ProtectedNode([pod], protector);
    // The links' own IPv6 addresses are not there at once, and without them nobody is asked for a neighbour.
    await vi.waitUntil(async () => (await node.answered(GOOD6)) === 1, { timeout: 20_000 });
    return node;
  }

  /** Puts the rules back that send connections on. */
  async translate(): Promise<void> {
    await runCommand('ip', ['netns', 'exec', NAMES.node, 'nft', '-f', '-'], { input: DATA_PLANE });
  }

  /** Runs a program on the node; what it printed. */
  run(...argv: readonly string[]): string {
    return onNode(...argv);
  }

  /** Runs a program where the pod is; what it printed. */
  inPod(...argv: readonly string[]): string {
    return inNamespace(NAMES.pod, argv);
  }

  /** Runs a program where the clients are; what it printed. */
  byClient(...argv: readonly string[]): string {
    return inNamespace(NAMES.client, argv);
  }

  /** Starts a program on the node itself that greets as the pod does, as the user-space data plane has it. */
  async greetOnNode(name: string, port: number): Promise<void> {
    this.#running.push(await greeter(NAMES.node, name, String(port)));
  }

  async command(what: VisitorCommand): Promise<readonly Visit[]> {
    this.#visitors.stdin.write(`${JSON.stringify(what)}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(value as string) as Visit[];
  }

  /** So many connections at the same time to the address of the same family. */
  async visit(from: string, times = 1, keep = false, port = 80): Promise<readonly Visit[]> {
    const to = from.includes(':') ? VIP6 : VIP;
    return await this.command({ kind: 'visit', to, port, from, times, keep });
  }

  /** How many of them were greeted. */
  async answered(from: string, times = 1, keep = false): Promise<number> {
    return (await this.visit(from, times, keep)).filter(({ name }) => name !== undefined).length;
  }

  /** Packets that met this verdict. */
  packets(verdict: Verdict): number {
    return this.protector.counts().find((count) => count.verdict === verdict)?.packets ?? 0;
  }

  /** Segments from as many invented sources. */
  async spoofed(count: number, flags: number = TCP_FLAG.syn): Promise<void> {
    const segments = Array.from({ length: count }, (_, index) => ({
      destinationMac: NODE_MAC,
      source: `198.18.${index >> 8}.${index & 255}`,
      destination: VIP,
      sourcePort: 1_024 + index,
      destinationPort: 80,
      flags,
      sequence: index,
    }));
    await this.command({ kind: 'send', segments });
  }

  /** Connections that the node remembers. */
  tracked(): number {
    return Number(onNode('sysctl', '-n', 'net.netfilter.nf_conntrack_count'));
  }

  /** As at the start: no connection, nothing filtered. */
  async reset(): Promise<void> {
    await this.command({ kind: 'leave' });
    await this.protector.apply(NOTHING_TO_PROTECT);
    onNode('conntrack', '-F');
  }

  stop(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    for (const name of Object.values(NAMES)) ip('netns', 'delete', name);
  }
}

function inNamespace(name: string, argv: readonly string[]): string {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return execFileSync('ip', ['netns', 'exec', name, ...argv], { encoding: 'utf8', stdio: [...stdio] });
}

function onNode(...argv: readonly string[]): string {
  return inNamespace(NAMES.node, argv);
}

function inside(
  namespace: string,
  program: string,
  ...args: readonly string[]
): ChildProcessWithoutNullStreams {
  const path = fileURLToPath(new URL(`./${program}`, import.meta.url));
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, ...args]);
  child.stderr.pipe(process.stderr);
  return child;
}

async function greeter(
  namespace: string,
  name: string,
  port: string,
): Promise<ChildProcessWithoutNullStreams> {
  const child = inside(namespace, 'greeter-program.ts', name, port);
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return child;
}

function buildNetwork(): void {
  for (const name of Object.values(NAMES)) {
    ip('netns', 'add', name);
    // While a link-local address is tentative, the kernel solicits no neighbour for an answer from an address on `lo`.
    ip('netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
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

function countersOf(json: string): readonly { readonly name: string; readonly packets: number }[] {
  const { nftables } = JSON.parse(json) as { nftables: { counter?: { name: string; packets: number } }[] };
  return nftables.flatMap(({ counter }) => counter ?? []);
}
