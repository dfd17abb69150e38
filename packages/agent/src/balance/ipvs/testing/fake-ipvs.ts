// SPDX-License-Identifier: Apache-2.0
import { address as parse } from '@fairlead/shared/address/address.ts';
import { CommandError } from '../../../system/commands.ts';
import type { IpvsKernel } from '../ipvs-balancer.ts';

interface Server {
  forwarding: string;
  weight: number;
  connections: number;
}

interface Service {
  options: string;
  readonly servers: Map<string, Server>;
}

const WORDS: Readonly<Record<string, string>> = { '-m': 'Masq', '-g': 'Route', '-i': 'Tunnel' };
const NAMES: Readonly<Record<string, string>> = { '-t': 'TCP', '-u': 'UDP', '--sctp-service': 'SCTP' };

/** A kernel with IPVS: understands batches as strictly as `ipvsadm -R` and prints its table as `/proc/net/ip_vs`. */
export class FakeIpvs implements IpvsKernel {
  /** `-t 192.0.2.10:80` -> service. */
  readonly services = new Map<string, Service>();
  readonly batches: string[] = [];
  /** Connections whose server was taken out of the table. */
  lost = 0;
  /** Schedulers that it does not have. */
  readonly lacks = new Set<string>();
  /** The next batch stops after so many lines. */
  failAfter: number | undefined;
  /** Family -> ids of the front ends that there are rules for. */
  readonly rules = new Map<number, readonly string[]>();
  readonly chains: IpvsKernel['chains'] = new Map(
    ([4, 6] as const).map((family) => {
      const set = (wanted: ReadonlyMap<string, string>) => {
        this.rules.set(family, [...wanted.keys()]);
        return Promise.resolve();
      };
      const chain = {
        grow: (wanted: ReadonlyMap<string, string>) =>
          set(new Map([...(this.rules.get(family) ?? []).map((id) => [id, ''] as const), ...wanted])),
        shrink: set,
        verify: () => Promise.resolve(false),
        close: () => set(new Map()),
      };
      return [family, chain];
    }),
  );

  readonly restoreTracking = () => Promise.resolve(false);

  readonly read = () => {
    const lines = [...this.services].flatMap(([place, { options, servers }]) => {
      const [flag = '', host = ''] = place.split(' ');
      const [, scheduler = ''] = /-s (\S+)/.exec(options) ?? [];
      const seconds = /-p (\d+)/.exec(options)?.[1];
      const persistent = seconds === undefined ? '' : `persistent ${seconds} FFFFFFFF`;
      return [
        `${NAMES[flag]}  ${hexPlace(host)} ${scheduler} ${persistent}`,
        ...[...servers].map(
          ([server, { forwarding, weight, connections }]) =>
            `  -> ${hexPlace(server)}      ${WORDS[forwarding]}    ${weight}      ${connections}          0         `,
        ),
      ];
    });
    const head = ['IP Virtual Server version 1.2.1 (size=4096)', 'Prot LocalAddress:Port Scheduler Flags'];
    return Promise.resolve(
      [...head, '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn', ...lines, ''].join('\n'),
    );
  };

  readonly restore = (batch: string) => {
    if (batch === '') return Promise.resolve();
    this.batches.push(batch);
    const lines = batch.trimEnd().split('\n');
    const limit = this.failAfter ?? lines.length;
    this.failAfter = undefined;
    let isRefused = false;
    for (const line of lines.slice(0, limit)) {
      const [, scheduler = ''] = /^-[AE] .* -s (\S+)/.exec(line) ?? [];
      // The program goes on; what follows for that service is refused as well.
      if (this.lacks.has(scheduler)) isRefused = true;
      else this.#run(line, isRefused);
    }
    if (isRefused) {
      const words = 'Scheduler or persistence engine not found';
      return Promise.reject(new CommandError('ipvsadm', ['-R'], 'was refused lines', 0, words));
    }
    return limit < lines.length ? Promise.reject(new Error('Memory allocation problem')) : Promise.resolve();
  };

  /** One connection to a server of weight above 0, the n-th of them; none where there is none. */
  connect(place: string, choice: number): void {
    const takers = [...(this.services.get(place)?.servers.values() ?? [])].filter(({ weight }) => weight > 0);
    const taker = takers[choice % Math.max(takers.length, 1)];
    if (taker !== undefined) taker.connections += 1;
  }

  endAll(): void {
    for (const { servers } of this.services.values())
      for (const server of servers.values()) server.connections = 0;
  }

  #run(line: string, isLenient: boolean): void {
    const [command = '', flag = '', host = '', ...rest] = line.split(' ');
    const place = `${flag} ${host}`;
    const service = this.services.get(place);
    if (command === '-A') {
      if (service !== undefined) throw new Error(`Service already exists: ${line}`);
      this.services.set(place, { options: rest.join(' '), servers: new Map() });
      return;
    }
    if (service === undefined) {
      if (isLenient) return;
      throw new Error(`No such service: ${line}`);
    }
    if (command === '-E') service.options = rest.join(' ');
    else if (command === '-D') {
      for (const { connections } of service.servers.values()) this.lost += connections;
      this.services.delete(place);
    } else this.#runServer(command, service, rest, line);
  }

  #runServer(command: string, { servers }: Service, rest: readonly string[], line: string): void {
    const [, key = '', forwarding = '', , weight] = rest;
    const server = servers.get(key);
    if ((command === '-a') !== (server === undefined))
      throw new Error(`Destination does (not) exist: ${line}`);
    if (command === '-d') {
      this.lost += server?.connections ?? 0;
      servers.delete(key);
      return;
    }
    servers.set(key, { forwarding, weight: Number(weight), connections: server?.connections ?? 0 });
  }
}

function hexPlace(text: string): string {
  const end = text.lastIndexOf(':');
  const port = Number(text.slice(end + 1))
    .toString(16)
    .toUpperCase()
    .padStart(4, '0');
  const { family, value } = parse(text.slice(0, end).replace(/[[\]]/g, ''));
  const hex = value.toString(16).padStart(family === 4 ? 8 : 32, '0');
  if (family === 4) return `${hex.toUpperCase()}:${port}`;
  return `[${hex.match(/.{4}/g)?.join(':')}]:${port}`;
}
