// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { runCommand } from '../../../system/commands.ts';
import type { Balancer } from '../../balancer.ts';
import type { Frontend } from '../../model/frontend.ts';
import { deletionOf, staleFlows } from '../conntrack.ts';
import type { Command } from '../lab/client-program.ts';
import { createNftBalancer } from '../nft-balancer.ts';
import { clientAddresses, OTHER_VIP, POD_PORT, PODS, podAddress, VIP, VIP6 } from './cases.ts';
import type { Packet } from './packet-tracer.ts';

/** What a client was told: who answered, and whom the pod saw. */
export interface Answer {
  readonly name?: string;
  readonly from?: string;
  readonly error?: string;
}

const NODE = 'fbnd';
const CLIENT = 'fbcl';
const podNamespace = (pod: number) => `fbp${pod}`;

/**
 * One node between a client and pods, each in a network namespace of its own:
 *
 *     client 172.30.0.100 … --- 172.30.0.3 node 10.99.1.1 --- pods 10.99.1.2, .3, .4
 *
 * The addresses of the Services sit on the node's `lo`, as the address keeper puts them there. The balancer runs here and
 * writes to the node.
 */
export class BalanceLab {
  /** All scripts that the balancer has written. */
  readonly scripts: string[] = [];
  readonly #programs: ChildProcessWithoutNullStreams[] = [];
  #client: Program | undefined;
  #sctpClient: Program | undefined;

  /** Builds everything; {@link close} removes it. */
  static async start(): Promise<BalanceLab> {
    const lab = new BalanceLab();
    buildNetwork();
    await Promise.all(
      PODS.map(async (pod) => {
        const program = lab.#run(podNamespace(pod), 'echo-program.ts', `pod${pod}`, String(POD_PORT));
        const sctp = lab.#run(podNamespace(pod), 'sctp-program.ts', 'pod', `pod${pod}`, String(POD_PORT));
        await Promise.all([program.lines.next(), sctp.lines.next()]);
      }),
    );
    lab.#client = lab.#run(CLIENT, 'client-program.ts');
    lab.#sctpClient = lab.#run(CLIENT, 'sctp-program.ts', 'client');
    return lab;
  }

  close(): void {
    for (const program of this.#programs) program.kill('SIGKILL');
    for (const name of [CLIENT, NODE, ...PODS.map(podNamespace)]) ip('netns', 'delete', name);
  }

  /** A balancer of the node. */
  balancer(): Promise<Balancer> {
    const nft = async (script: string): Promise<void> => {
      this.scripts.push(script);
      await this.onNode(['nft', '-f', '-'], script);
    };
    return createNftBalancer({ logger: silentLogger, nft, conntrack: { forget } });
  }

  /** Runs a program on the node; its output. */
  async onNode(argv: readonly string[], input?: string): Promise<string> {
    const { stdout } = await runCommand('ip', ['netns', 'exec', NODE, ...argv], { ...(input && { input }) });
    return stdout;
  }

  /** Has the client open connections, one after the other. */
  async ask(to: Command['to'], over: Command['over'] = 'tcp'): Promise<readonly Answer[]> {
    const client = over === 'sctp' ? this.#sctpClient : this.#client;
    if (client === undefined) throw new Error('the lab has not been started');
    return ask(client, { to, over });
  }

  /** Has the client open a connection for each packet. */
  async connect(packets: readonly Packet[]): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (const { from, to, port, protocol } of packets) {
      answers.push(...(await this.ask([[to, port, from]], protocol)));
    }
    return answers;
  }

  /** Has a pod, or the node, open connections. */
  async askFrom(where: number | 'node', to: Command['to']): Promise<readonly Answer[]> {
    const program = this.#run(where === 'node' ? NODE : podNamespace(where), 'client-program.ts');
    const answers = await ask(program, { to, over: 'tcp' });
    program.child.stdin.end();
    return answers;
  }

  /** Adds a route in a pod. */
  routeFromPod(pod: number, address: string): void {
    ip('-n', podNamespace(pod), 'route', 'replace', `${address}/32`, 'via', podAddress(1));
  }

  #run(namespace: string, file: string, ...args: readonly string[]): Program {
    const path = fileURLToPath(new URL(`../lab/${file}`, import.meta.url));
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, path, ...args]);
    child.stderr.pipe(process.stderr);
    this.#programs.push(child);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }
}

interface Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: AsyncIterator<string>;
}

async function ask({ child, lines }: Program, command: Command): Promise<readonly Answer[]> {
  child.stdin.write(`${JSON.stringify(command)}\n`);
  const { value } = await lines.next();
  return JSON.parse(value as string) as Answer[];
}

/** How many connections each pod got, and how many ended in each error. */
export function count(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, error } of answers) {
    const key = name ?? error ?? 'nothing';
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** So many connections to one address. */
export function times(total: number, address: string, port = 80): Command['to'] {
  return Array.from({ length: total }, () => [address, port] as const);
}

/** As the balancer's own, but at once, and on the node. */
function forget(before: ReadonlyMap<string, Frontend>, after: ReadonlyMap<string, Frontend>): void {
  for (const flow of staleFlows(before, after)) {
    const argv = [
      'netns',
      'exec',
      NODE,
      'sh',
      '-c',
      'conntrack "$@" || [ $? = 1 ]',
      'sh',
      ...deletionOf(flow),
    ];
    execFileSync('ip', argv, { stdio: 'ignore' });
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function buildNetwork(): void {
  for (const name of [CLIENT, NODE, ...PODS.map(podNamespace)]) {
    ip('netns', 'add', name);
    // While a link-local address is tentative (2 s from here), the kernel solicits no neighbour for an answer from an address on
    // `lo`: the first connection of a client over IPv6 would time out now and then.
    ip('netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  cable(CLIENT, 'eth0');
  const ofClient = [
    ...clientAddresses(4).map((address) => `${address}/24`),
    ...clientAddresses(6).map((address) => `${address}/64`),
  ];
  setUp(CLIENT, 'eth0', ...ofClient);
  setUp(NODE, 'eth0', '172.30.0.3/24', 'fd00:30::3/64');
  ip('-n', NODE, 'link', 'add', 'pods', 'type', 'bridge');
  setUp(NODE, 'pods', `${podAddress(1)}/24`, `${podAddress(1, 6)}/64`);
  for (const pod of PODS) buildPod(pod);
  for (const address of [VIP, OTHER_VIP, VIP6])
    setUp(NODE, 'lo', `${address}/${address.includes(':') ? 128 : 32}`);
  for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']) {
    ip('netns', 'exec', NODE, 'sysctl', '-qw', setting);
  }
  // How neighbours are answered is not the matter here.
  ip('-n', CLIENT, 'route', 'add', '172.30.0.200/31', 'via', '172.30.0.3');
  ip('-n', CLIENT, '-6', 'route', 'add', `${VIP6}/128`, 'via', 'fd00:30::3');
}

function buildPod(pod: number): void {
  const [name, link] = [podNamespace(pod), `pod${pod}`];
  cable(name, link);
  ip('-n', NODE, 'link', 'set', link, 'master', 'pods', 'up');
  // As bridge CNIs do: with br_netfilter the bridge itself returns a pod's packet to it.
  ip('-n', NODE, 'link', 'set', link, 'type', 'bridge_slave', 'hairpin', 'on');
  setUp(name, 'eth0', `${podAddress(pod)}/24`, `${podAddress(pod, 6)}/64`);
  // The way back of connections whose client address is kept.
  ip('-n', name, 'route', 'add', '172.30.0.0/24', 'via', podAddress(1));
  ip('-n', name, '-6', 'route', 'add', 'fd00:30::/64', 'via', podAddress(1, 6));
}

/** From `eth0` in a namespace to a link on the node. */
function cable(name: string, link: string): void {
  ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', link, 'netns', NODE);
}

function setUp(name: string, link: string, ...addresses: readonly string[]): void {
  for (const address of addresses) {
    ip('-n', name, 'address', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : []));
  }
  ip('-n', name, 'link', 'set', link, 'up');
}
