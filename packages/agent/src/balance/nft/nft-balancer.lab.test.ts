// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../system/commands.ts';
import type { Balancer } from '../balancer.ts';
import type { Frontend } from '../model/frontend.ts';
import { NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { modelOf } from '../testing/frontends.ts';
import { staleFlows } from './conntrack.ts';
import { allChanges, changesBetween } from './nat-layer.ts';
import { createNftBalancer } from './nft-balancer.ts';
import {
  BALANCE_CASES,
  clientAddresses,
  served as frontend,
  OTHER_VIP,
  POD_PORT,
  PODS,
  podAddress,
  VIP,
  VIP6,
} from './testing/cases.ts';
import { type Outcome, type Packet, PacketTracer } from './testing/packet-tracer.ts';

/*
 * One node between a client and pods, each in a network namespace of its own:
 *
 *   client 172.30.0.100 --- 172.30.0.3 node 10.99.1.1 --- pods 10.99.1.2, .3, .4
 *
 * The addresses of the Services sit on the node's lo, as the address keeper puts them there.
 */
const NAMES = { client: 'fbcl', node: 'fbnd', pods: ['fbp2', 'fbp3', 'fbp4'] } as const;
const VIPS = [VIP, OTHER_VIP, VIP6] as const;

interface Answer {
  readonly name?: string;
  readonly from?: string;
  readonly error?: string;
}

const running: ChildProcessWithoutNullStreams[] = [];

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function inside(namespace: string, program: string, ...args: string[]): ChildProcessWithoutNullStreams {
  const path = fileURLToPath(new URL(`./lab/${program}`, import.meta.url));
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, ...args]);
  child.stderr.pipe(process.stderr);
  running.push(child);
  return child;
}

function buildNetwork(): void {
  const all = [NAMES.client, NAMES.node, ...NAMES.pods];
  for (const name of all) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip(
    'link',
    'add',
    'eth0',
    'netns',
    NAMES.client,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    NAMES.node,
  );
  ip('-n', NAMES.node, 'link', 'add', 'pods', 'type', 'bridge');
  const setUp = (name: string, link: string, ...addresses: string[]) => {
    for (const address of addresses)
      ip('-n', name, 'address', 'add', address, 'dev', link, ...nodad(address));
    ip('-n', name, 'link', 'set', link, 'up');
  };
  const ofClient = [
    ...clientAddresses(4).map((address) => `${address}/24`),
    ...clientAddresses(6).map((address) => `${address}/64`),
  ];
  setUp(NAMES.client, 'eth0', ...ofClient);
  setUp(NAMES.node, 'eth0', '172.30.0.3/24', 'fd00:30::3/64');
  setUp(NAMES.node, 'pods', '10.99.1.1/24', 'fd00:99::1/64');
  for (const [index, name] of NAMES.pods.entries()) {
    const link = `pod${index + 2}`;
    ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', link, 'netns', NAMES.node);
    ip('-n', NAMES.node, 'link', 'set', link, 'master', 'pods', 'up');
    // As bridge CNIs do: with br_netfilter the bridge itself returns a pod's packet to it.
    ip('-n', NAMES.node, 'link', 'set', link, 'type', 'bridge_slave', 'hairpin', 'on');
    setUp(name, 'eth0', `10.99.1.${index + 2}/24`, `fd00:99::${index + 2}/64`);
    // The way back of connections whose client address is kept.
    ip('-n', name, 'route', 'add', '172.30.0.0/24', 'via', '10.99.1.1');
    ip('-n', name, '-6', 'route', 'add', 'fd00:30::/64', 'via', 'fd00:99::1');
  }
  for (const address of VIPS) setUp(NAMES.node, 'lo', `${address}/${address.includes(':') ? 128 : 32}`);
  for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']) {
    ip('netns', 'exec', NAMES.node, 'sysctl', '-qw', setting);
  }
}

function nodad(address: string): readonly string[] {
  return address.includes(':') ? ['nodad'] : [];
}

function count(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, error } of answers) {
    const key = name ?? error ?? 'nothing';
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** What the client is told when the rules do this with its packet. */
function expectedAnswer({ from, to }: Packet, outcome: Outcome): Answer {
  if (outcome === 'refused') return { error: 'ECONNREFUSED' };
  const family = to.includes(':') ? 6 : 4;
  const pod = PODS.find((each) => podAddress(each, family) === outcome.destination.address);
  const node = podAddress(1, family);
  return { name: `pod${pod}`, from: outcome.isMasqueraded ? node : from };
}

describe('the nftables balancer in the kernel', () => {
  let client: ChildProcessWithoutNullStreams;
  let lines: AsyncIterator<string>;
  let balancer: Balancer;
  const scripts: string[] = [];

  const nft = async (script: string): Promise<void> => {
    scripts.push(script);
    await runCommand('ip', ['netns', 'exec', NAMES.node, 'nft', '-f', '-'], { input: script });
  };
  const conntrack = {
    forget: (before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>) => {
      for (const flow of staleFlows(before, after)) {
        execFileSync(
          'ip',
          ['netns', 'exec', NAMES.node, 'sh', '-c', 'conntrack "$@" || [ $? = 1 ]', 'sh', ...flow],
          {
            stdio: 'ignore',
          },
        );
      }
    },
  };
  const ask = async (
    to: readonly (readonly [host: string, port: number, from?: string])[],
    over: 'tcp' | 'udp' | 'udpFlow' = 'tcp',
  ): Promise<readonly Answer[]> => {
    client.stdin.write(`${JSON.stringify({ to, over })}\n`);
    const { value } = await lines.next();
    return JSON.parse(value as string) as Answer[];
  };
  const connect = async (packets: readonly Packet[]): Promise<readonly Answer[]> => {
    const answers: Answer[] = [];
    for (const { from, to, port, protocol } of packets) {
      if (protocol === 'sctp') throw new Error('this kernel has no sockets for SCTP');
      answers.push(...(await ask([[to, port, from]], protocol)));
    }
    return answers;
  };
  const times = (total: number, address: string, port = 80) =>
    Array.from({ length: total }, () => [address, port] as const);

  beforeAll(async () => {
    buildNetwork();
    await Promise.all(
      NAMES.pods.map(async (name, index) => {
        const pod = inside(name, 'echo-program.ts', `pod${index + 2}`, String(POD_PORT));
        await createInterface({ input: pod.stdout })[Symbol.asyncIterator]().next();
      }),
    );
    client = inside(NAMES.client, 'client-program.ts');
    lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    // How neighbours are answered is not the matter here.
    ip('-n', NAMES.client, 'route', 'add', '172.30.0.200/31', 'via', '172.30.0.3');
    ip('-n', NAMES.client, '-6', 'route', 'add', `${VIP6}/128`, 'via', 'fd00:30::3');
    balancer = await createNftBalancer({ logger: silentLogger, nft, conntrack });
  });
  afterEach(() => balancer.apply(modelOf()));
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL');
    for (const name of [NAMES.client, NAMES.node, ...NAMES.pods]) ip('netns', 'delete', name);
  });

  it.each(BALANCE_CASES)('does with each connection what the rules say: $name', async ({ steps }) => {
    const tracer = new PacketTracer();
    tracer.apply(allChanges(NOTHING_TO_BALANCE));
    let model = NOTHING_TO_BALANCE;
    for (const step of steps) {
      if ('serve' in step) {
        const before = model;
        model = modelOf(...step.serve);
        tracer.apply(changesBetween(before, model));
        await balancer.apply(model);
        continue;
      }
      const predicted = step.connect.map((packet) => expectedAnswer(packet, tracer.connect(packet)));
      expect(await connect(step.connect)).toEqual(predicted);
    }
  });

  it('sends nothing new to a removed backend, and leaves the other Services alone', async () => {
    const other = frontend(OTHER_VIP, [2, 3, 4]);
    await balancer.apply(modelOf(frontend(VIP, [2, 3, 4]), other));
    await ask(times(3, VIP));
    await balancer.apply(modelOf(frontend(VIP, [2, 4]), other));
    expect(scripts.at(-1)).not.toContain(OTHER_VIP);
    expect(count(await ask(times(20, VIP)))).toEqual({ pod2: 10, pod4: 10 });
    expect(count(await ask(times(9, OTHER_VIP)))).toEqual({ pod2: 3, pod3: 3, pod4: 3 });
  });

  it('balances UDP, and moves a flow away from a removed backend', async () => {
    await balancer.apply(modelOf(frontend(VIP, [2, 3, 4], { protocol: 'udp', port: 53 })));
    expect(count(await ask(times(9, VIP, 53), 'udp'))).toEqual({ pod2: 3, pod3: 3, pod4: 3 });
    const [first] = await ask(times(1, VIP, 53), 'udpFlow');
    expect(count(await ask(times(5, VIP, 53), 'udpFlow'))).toEqual({ [first?.name ?? '']: 5 });
    const left = [2, 3, 4].filter((pod) => `pod${pod}` !== first?.name);
    await balancer.apply(modelOf(frontend(VIP, left, { protocol: 'udp', port: 53 })));
    const [moved] = await ask(times(1, VIP, 53), 'udpFlow');
    expect(left.map((pod) => `pod${pod}`)).toContain(moved?.name);
  });

  it('lets a pod reach its own Service, itself included, and the node too', async () => {
    await balancer.apply(modelOf(frontend(VIP, [2])));
    ip('-n', NAMES.pods[0], 'route', 'add', `${VIP}/32`, 'via', '10.99.1.1');
    const reach = async (namespace: string) => {
      const program = inside(namespace, 'client-program.ts');
      program.stdin.write(`${JSON.stringify({ to: times(2, VIP), over: 'tcp' })}\n`);
      const { value } = await createInterface({ input: program.stdout })[Symbol.asyncIterator]().next();
      program.stdin.end();
      return JSON.parse(value as string) as Answer[];
    };
    expect(count(await reach(NAMES.pods[0]))).toEqual({ pod2: 2 });
    expect(count(await reach(NAMES.node))).toEqual({ pod2: 2 });
  });

  it('writes nothing when nothing differs, and leaves nothing behind', async () => {
    await balancer.apply(modelOf(frontend(VIP, [2, 3])));
    const written = scripts.length;
    await balancer.apply(modelOf(frontend(VIP, [2, 3])));
    expect(scripts).toHaveLength(written);
    await balancer.apply(modelOf());
    const { stdout } = await runCommand('ip', ['netns', 'exec', NAMES.node, 'nft', 'list', 'ruleset']);
    expect(stdout).not.toContain('numgen');
    expect(stdout).not.toContain('elements');
  });
});
