// SPDX-License-Identifier: Apache-2.0
/** For lab tests: a switch with a client and nodes, one pod behind each node, and the data plane of each node. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { runCommand } from '../../../system/commands.ts';
import type { Link } from '../../../system/link.ts';
import { TRANSACTION_BOUNDARY } from '../../../system/nft.ts';
import type { Balancer } from '../../balancer.ts';
import type { Backend, Frontend } from '../../model/frontend.ts';
import { createNftBalancer } from '../../nft/nft-balancer.ts';
import { modelOf } from '../../testing/frontends.ts';
import { withDirectReturn } from '../direct-return.ts';

/** Where pods listen: connections that stay, and those that are answered and closed (TCP and UDP); and where nodes do. */
export const POD_PORT = { flows: 8080, answers: 8081, hosts: 8082 } as const;
const CLIENT = 'fdcl';
const SWITCH = 'fdsw';
const CLIENT_NUMBER = 100;

/** What a lab program got back from one connection. */
export interface Answer {
  readonly name?: string;
  readonly from?: string;
  /** Of the client. */
  readonly port?: number;
  readonly error?: string;
}

/** A program that answers each line with a line. */
export interface Talker {
  ask(command: object): Promise<readonly Answer[]>;
}

/** One node with its pod. Addresses by family. */
export interface DsrNode {
  readonly name: string;
  readonly pod: string;
  readonly mac: string;
  readonly address: Readonly<Record<4 | 6, string>>;
  readonly podAddress: Readonly<Record<4 | 6, string>>;
  readonly balancer: Balancer;
  readonly link: Link;
}

/** Builds it all; `remove` ends all programs and takes all away. Nodes get the numbers 1, 2, … */
export class DsrNetwork {
  readonly nodes: readonly DsrNode[];
  readonly clientAddress = addressesOf(CLIENT_NUMBER);
  readonly #programs: ChildProcess[] = [];

  private constructor(nodes: readonly DsrNode[]) {
    this.nodes = nodes;
  }

  static async build(count: number): Promise<DsrNetwork> {
    ip('link', 'add', SWITCH, 'type', 'bridge');
    ip('link', 'set', SWITCH, 'up');
    addHost(CLIENT, CLIENT_NUMBER);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const nodes = await Promise.all(numbers.map((number) => buildNode(number)));
    for (const node of nodes) routeToPods(node, nodes);
    return new DsrNetwork(nodes);
  }

  /** Front ends as the Services have them, rendered on each node as it sees them; `lost` nodes learn nothing. */
  async apply(frontends: readonly Frontend[], lost: readonly DsrNode[] = []): Promise<void> {
    const addresses = new Map(this.nodes.map(({ name, address }) => [name, Object.values(address)]));
    const rest = this.nodes.filter((node) => !lost.includes(node));
    await Promise.all(
      rest.map(({ name, link, balancer }) => {
        const surroundings = {
          node: name,
          links: [link],
          linkOf: () => link.name,
          addressesOf: (node: string) => addresses.get(node) ?? [],
        };
        return balancer.apply(withDirectReturn(modelOf(...frontends), surroundings));
      }),
    );
  }

  /** Puts an address on a node, takes it from the others, and makes the client ask anew for who has it. */
  hold(address: string, holder: DsrNode): void {
    // The kernel answers neighbours for IPv6 addresses of the link alone.
    const [length, link] = address.includes(':') ? [128, 'eth0'] : [32, 'lo'];
    for (const { name } of this.nodes) {
      const verb = name === holder.name ? 'replace' : 'delete';
      tryRun('ip', '-n', name, 'address', verb, `${address}/${length}`, 'dev', link);
    }
    tryRun('ip', '-n', CLIENT, 'neighbour', 'delete', address, 'dev', 'eth0');
  }

  /** Takes a node's cable out of the switch, or puts it back. */
  plug({ name }: DsrNode, state: 'up' | 'down'): void {
    ip('link', 'set', `${name}-sw`, state);
  }

  /** Makes the client think that an address is on a node, whatever that answers. */
  believe(address: string, { mac }: DsrNode): void {
    ip('-n', CLIENT, 'neighbour', 'replace', address, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent');
  }

  /** Puts an address on a node that answers for it only where packets come anyway, as back ends of direct routing do. */
  holdSilently(address: string, { name }: DsrNode): void {
    const length = address.includes(':') ? 128 : 32;
    for (const [setting, value] of [
      ['arp_ignore', 1],
      ['arp_announce', 2],
    ])
      inside(name, ['sysctl', '-qw', `net.ipv4.conf.eth0.${setting}=${value}`]);
    ip('-n', name, 'address', 'replace', `${address}/${length}`, 'dev', 'lo');
  }

  /** Counts on the client's wire which node's frames come from an address; returns node -> frames since then. */
  watchSenders(address: string): () => Readonly<Record<string, number>> {
    const ipName = address.includes(':') ? 'ip6' : 'ip';
    const rules = this.nodes.map(
      ({ mac, name }) => `ether saddr ${mac} ${ipName} saddr ${address} counter comment "${name}"`,
    );
    inside(
      CLIENT,
      ['nft', '-f', '-'],
      `table netdev judge
delete table netdev judge
table netdev judge {
  chain wire { type filter hook ingress device "eth0" priority 0; policy accept;
    ${rules.join('\n    ')}
  }
}
`,
    );
    return () => {
      const listed = inside(CLIENT, ['nft', 'list', 'table', 'netdev', 'judge']);
      const counts = [...listed.matchAll(/counter packets (\d+) bytes \d+ comment "(\w+)"/g)];
      return Object.fromEntries(counts.map(([, packets, name]) => [name, Number(packets)]));
    };
  }

  /** A lab program of this folder, or of the one of the nftables plane, on the client or a node or a pod. */
  async start(host: DsrNode['name'] | 'client', program: string, ...args: string[]): Promise<Talker> {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const namespace = host === 'client' ? CLIENT : host;
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#programs.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    // Servers say that they are ready; clients wait for commands.
    if (args.length > 1) await lines.next();
    return {
      ask: async (command) => {
        child.stdin.write(`${JSON.stringify(command)}\n`);
        const { value } = await lines.next();
        return JSON.parse(value as string) as Answer[];
      },
    };
  }

  /** Runs a program on a node or pod or the client and returns its output. */
  run(host: string, ...argv: readonly string[]): string {
    return inside(host === 'client' ? CLIENT : host, argv);
  }

  async remove(): Promise<void> {
    for (const program of this.#programs) program.kill('SIGKILL');
    for (const { name, pod } of this.nodes) for (const each of [name, pod]) ip('netns', 'delete', each);
    ip('netns', 'delete', CLIENT);
    ip('link', 'delete', SWITCH);
    await Promise.resolve();
  }
}

/** The pods of these nodes as back ends of weight 1. */
export function podsOf(
  nodes: readonly DsrNode[],
  family: 4 | 6 = 4,
  port: number = POD_PORT.flows,
): readonly Backend[] {
  return nodes.map(({ name, podAddress }) => ({ address: podAddress[family], port, weight: 1, node: name }));
}

async function buildNode(number: number): Promise<DsrNode> {
  const name = `fdn${number}`;
  const pod = `fdp${number}`;
  addHost(name, number);
  for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
    inside(name, ['sysctl', '-qw', setting]);
  addPod(name, pod, number);
  const [link] = JSON.parse(ip('-n', name, '-json', 'link', 'show', 'eth0')) as [
    { ifindex: number; address: string },
  ];
  const nft = async (script: string) => {
    for (const input of script.split(TRANSACTION_BOUNDARY))
      await runCommand('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input });
  };
  const balancer = await createNftBalancer({
    logger: silentLogger,
    nft,
    conntrack: { forget: () => undefined },
  });
  return {
    name,
    pod,
    mac: link.address,
    address: addressesOf(number),
    podAddress: { 4: `10.98.${number}.2`, 6: `fd00:98:${number}::2` },
    balancer,
    link: {
      name: 'eth0',
      index: link.ifindex,
      kind: 'ether',
      isUp: true,
      mtu: 1500,
      addresses: ([4, 6] as const).map((family) => ({
        family,
        address: addressesOf(number)[family],
        prefixLength: family === 4 ? 24 : 64,
        scope: 'global',
        validSeconds: Number.POSITIVE_INFINITY,
        preferredSeconds: Number.POSITIVE_INFINITY,
        tentative: false,
      })),
    },
  };
}

function addressesOf(number: number): Readonly<Record<4 | 6, string>> {
  return { 4: `172.31.0.${number}`, 6: `fd00:31::${number}` };
}

function addHost(name: string, number: number): void {
  addNamespace(name);
  const port = `${name}-sw`;
  ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  ip('link', 'set', port, 'master', SWITCH, 'up');
  configure(name, 'eth0', addressesOf(number), [24, 64]);
}

/** Behind a bridge, as most CNIs have it. */
function addPod(node: string, pod: string, number: number): void {
  addNamespace(pod);
  ip('-n', node, 'link', 'add', 'pods', 'type', 'bridge');
  configure(node, 'pods', { 4: `10.98.${number}.1`, 6: `fd00:98:${number}::1` }, [24, 64]);
  ip('-n', node, 'link', 'add', 'pod', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod);
  ip('-n', node, 'link', 'set', 'pod', 'master', 'pods', 'up');
  ip('-n', node, 'link', 'set', 'pod', 'type', 'bridge_slave', 'hairpin', 'on');
  configure(pod, 'eth0', { 4: `10.98.${number}.2`, 6: `fd00:98:${number}::2` }, [24, 64]);
  ip('-n', pod, 'route', 'add', 'default', 'via', `10.98.${number}.1`);
  ip('-n', pod, '-6', 'route', 'add', 'default', 'via', `fd00:98:${number}::1`);
}

function routeToPods({ name }: DsrNode, nodes: readonly DsrNode[]): void {
  for (const other of nodes) {
    if (other.name === name) continue;
    ip('-n', name, 'route', 'add', `${other.podAddress[4]}/32`, 'via', other.address[4]);
    ip('-n', name, '-6', 'route', 'add', `${other.podAddress[6]}/128`, 'via', other.address[6]);
  }
}

function addNamespace(name: string): void {
  ip('netns', 'add', name);
  for (const setting of ['dad_transmits', 'accept_dad'])
    inside(name, ['sysctl', '-qw', `net.ipv6.conf.default.${setting}=0`]);
  ip('-n', name, 'link', 'set', 'lo', 'up');
}

function configure(
  host: string,
  link: string,
  addresses: Readonly<Record<4 | 6, string>>,
  lengths: readonly [number, number],
): void {
  ip('-n', host, 'address', 'add', `${addresses[4]}/${lengths[0]}`, 'dev', link);
  ip('-n', host, 'address', 'add', `${addresses[6]}/${lengths[1]}`, 'dev', link, 'nodad');
  ip('-n', host, 'link', 'set', link, 'up');
}

function inside(namespace: string, argv: readonly string[], input = ''): string {
  return execFileSync('ip', ['netns', 'exec', namespace, ...argv], { encoding: 'utf8', input });
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function tryRun(program: string, ...args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
  } catch {
    // It was not there.
  }
}
