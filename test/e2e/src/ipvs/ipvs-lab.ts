// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import type { DirectorAnswer, DirectorOrder } from '@fairlead/agent/balance/ipvs/lab/director-program.ts';
import type { Backend, Frontend } from '@fairlead/agent/balance/model/frontend.ts';
import { Uml, type UmlTalker } from '@fairlead/test-lab/uml/uml.ts';
import type { ClientAnswer, ClientOrder } from './clients.ts';

/** The network of the experiments: addresses by family. */
export const VIP = { 4: '192.168.113.200', 6: 'fd00:113::200' } as const;
/** Names and last numbers of the servers. */
export const SERVERS = { master1: 22, master2: 23, master3: 24 } as const;
/** Ports at which every server answers; the director does so at the last two. */
export const PORTS = { virtual: 8443, own: 6443, everywhere: 7443 } as const;
const DIRECTOR = 21;
const CLIENT = 5;
/** More addresses that the client has: last numbers. */
export const CLIENTS: readonly number[] = Array.from({ length: 24 }, (_, index) => 101 + index);

const PROGRAM = fileURLToPath(new URL('server-program.ts', import.meta.url));
const DIRECTOR_PROGRAM = fileURLToPath(
  import.meta.resolve('@fairlead/agent/balance/ipvs/lab/director-program.ts'),
);

/** Address of a host. */
export function addressOf(number: number, family: 4 | 6 = 4): string {
  return family === 4 ? `192.168.113.${number}` : `fd00:113::${number}`;
}

/** The director as a back end of weight 1. */
export function directorBackend(port: number, family: 4 | 6 = 4): Backend {
  return { address: addressOf(DIRECTOR, family), port, weight: 1, node: 'director' };
}

/** All servers as back ends of weight 1. */
export function backends(port: number, family: 4 | 6 = 4): readonly Backend[] {
  return Object.entries(SERVERS).map(([node, number]) => ({
    address: addressOf(number, family),
    port,
    weight: 1,
    node,
  }));
}

/** The virtual address on port 8443 with round robin over all servers, but for what `parts` says. */
export function frontend(parts: Partial<Frontend> = {}, family: 4 | 6 = 4): Frontend {
  const { protocol = 'tcp', port = PORTS.virtual } = parts;
  return {
    id: `${protocol}/${port}/${VIP[family]}`,
    service: 'default/api',
    family,
    address: VIP[family],
    protocol,
    port,
    backends: backends(port, family),
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    forwarding: 'nat',
    masquerade: true,
    ...parts,
  };
}

/**
 * A user-mode Linux with a switch and hosts as network namespaces: a client, a director that holds the virtual address and runs the
 * data plane, and three servers.
 */
export class IpvsLab {
  readonly uml: Uml;
  readonly #client: UmlTalker;
  #director: UmlTalker;

  private constructor(uml: Uml, client: UmlTalker, director: UmlTalker) {
    this.uml = uml;
    this.#client = client;
    this.#director = director;
  }

  static async start(): Promise<IpvsLab> {
    const uml = await Uml.boot({ modules: ['ip_vs'] });
    try {
      await uml.runOrThrow(['sh', '-e'], networkScript());
      const start = (host: string, ...argv: readonly string[]) => startOn(uml, host, argv);
      const client = start('client', PROGRAM, 'client');
      const director = start('director', DIRECTOR_PROGRAM);
      const ports = Object.values(PORTS).map(String);
      const servers = Object.keys(SERVERS).map((name) => start(name, PROGRAM, 'server', name, ...ports));
      servers.push(
        start('director', PROGRAM, 'server', 'director', String(PORTS.own), String(PORTS.everywhere)),
      );
      for (const talker of [client, director, ...servers]) await untilReady(talker);
      return new IpvsLab(uml, client, director);
    } catch (error) {
      await uml.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.uml.stop();
  }

  /** Starts a program of the agent's own labs on a host; servers say that they are ready. */
  async start(host: string, file: string, ...args: readonly string[]): Promise<UmlTalker> {
    const path = fileURLToPath(import.meta.resolve(`@fairlead/agent/balance/${file}`));
    const talker = startOn(this.uml, host, [path, ...args]);
    if (args.length > 1) await untilReady(talker);
    return talker;
  }

  /** Kills the data plane of the director and starts it again. */
  async restartDirector(plane: 'ipvs' | 'none' = 'ipvs'): Promise<void> {
    this.#director.kill();
    await this.#director.line().catch(() => undefined);
    this.#director = startOn(this.uml, 'director', [DIRECTOR_PROGRAM, plane]);
    await untilReady(this.#director);
  }

  /** What the data plane of the director has to do. Rejects when it refuses. Resolves to what it tells of. */
  async apply(...frontends: readonly Frontend[]): Promise<readonly string[]> {
    return (await this.order({ apply: frontends, node: 'director' })).problems ?? [];
  }

  async order(order: DirectorOrder): Promise<DirectorAnswer> {
    const answer = JSON.parse(await this.#director.ask(JSON.stringify(order))) as DirectorAnswer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** What clients get. */
  async ask(order: ClientOrder): Promise<readonly ClientAnswer[]> {
    return JSON.parse(await this.#client.ask(JSON.stringify(order))) as ClientAnswer[];
  }

  /** Runs a program on a host, and returns its output. */
  run(host: string, ...argv: readonly string[]): Promise<string> {
    return this.uml.runOrThrow(['ip', 'netns', 'exec', host, ...argv]);
  }

  /** The kernel's table as `ipvsadm -S -n` prints it, ordered. */
  async table(): Promise<readonly string[]> {
    const text = await this.run('director', 'ipvsadm', '-S', '-n');
    return text.trim() === '' ? [] : text.trim().split('\n').sort();
  }

  /** The virtual address on the loopback of every server, as direct routing and tunnels need it; IPv4 is not to be answered for. */
  async holdOnServers(isHeld: boolean): Promise<void> {
    for (const name of Object.keys(SERVERS)) {
      const verb = isHeld ? 'replace' : 'delete';
      const script = `
        sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.all.rp_filter=0
        ip address ${verb} ${VIP[4]}/32 dev lo
        ip address ${verb} ${VIP[6]}/128 dev lo`;
      await this.uml.runOrThrow(['ip', 'netns', 'exec', name, 'sh', '-c', script]);
    }
  }
}

function startOn(uml: Uml, host: string, argv: readonly string[]): UmlTalker {
  return uml.talk(['ip', 'netns', 'exec', host, process.execPath, ...argv]);
}

async function untilReady(talker: UmlTalker): Promise<void> {
  const word = await talker.line();
  if (word !== 'ready') throw new Error(word);
}

function networkScript(): string {
  const hosts = { client: CLIENT, director: DIRECTOR, ...SERVERS };
  const build = Object.entries(hosts).map(
    ([name, number]) => `
ip netns add ${name}
ip -n ${name} link set lo up
ip netns exec ${name} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0
ip link add ${name} type veth peer name eth0 netns ${name}
ip link set ${name} master switch up
ip -n ${name} address add ${addressOf(number)}/24 dev eth0
ip -n ${name} address add ${addressOf(number, 6)}/64 dev eth0 nodad
ip -n ${name} link set eth0 up`,
  );
  return `ip link add switch type bridge
ip link set switch up
${build.join('\n')}
ip -n director address add ${VIP[4]}/32 dev lo
ip -n director address add ${VIP[6]}/128 dev eth0 preferred_lft 0 nodad
for number in ${CLIENTS.join(' ')}; do ip -n client address add ${addressOf(CLIENT).replace(/\d+$/, '')}$number/24 dev eth0; done
ip netns exec director sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip netns exec director sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
`;
}
