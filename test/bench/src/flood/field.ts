// SPDX-License-Identifier: Apache-2.0
/** Attackers on the switch, and somebody else whom they can flood instead. */
import { fileURLToPath } from 'node:url';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { applyHost, inHost } from '@fairlead/test-lab/network/apply.ts';
import { CLIENT, type HostPlan, hostOf, nodesOf } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { runOrThrow } from '@fairlead/test-lab/process/run.ts';

/** Addresses of hosts on the switch that the lab does not use. */
const SINK_NUMBER = 110;
const FIRST_ATTACKER_NUMBER = 111;
const ATTACKERS = 4;
/** One alone cannot send 20,000 packets a second while each of them makes work for the kernel in its place. */
const SYN_ATTACKERS = 2;
/** As many as the Service has endpoints. */
const SINK_SERVERS = [8_081, 8_082, 8_083];
const INVENTED_SOURCES = '198.18.0.0/15';

/** Who is flooded. */
export interface Victim {
  readonly address: string;
  /** Of the host that frames for the address are sent to. */
  readonly mac: string;
  /** Where its HTTP servers are, `address:port`. */
  readonly servers: readonly string[];
}

/** A flood under way. */
export interface RunningFlood {
  /** Ends it; packets, or requests and attempts to connect, that were sent per second. */
  stop(): Promise<number>;
}

/** Four attackers, and a host that takes what nobody else is to be troubled with. */
export class Field {
  readonly #lab: Lab;
  readonly #attackers: readonly HostPlan[];
  /** The somebody else: as many servers as the Service has endpoints, on a host that balances nothing. */
  readonly sink: Victim;

  private constructor(lab: Lab, attackers: readonly HostPlan[], sink: HostPlan) {
    this.#lab = lab;
    this.#attackers = attackers;
    const servers = SINK_SERVERS.map((port) => `${sink.ipv4}:${port}`);
    this.sink = { address: sink.ipv4, mac: sink.mac, servers };
  }

  /** Plugs them in. Answers to invented sources go to the sink, which says nothing. */
  static async prepare(lab: Lab): Promise<Field> {
    const { plan } = lab;
    const sink = stranger(lab, 'sink', SINK_NUMBER);
    const attackers = Array.from({ length: ATTACKERS }, (_, index) =>
      stranger(lab, `a${index}`, FIRST_ATTACKER_NUMBER + index),
    );
    for (const host of [sink, ...attackers]) await applyHost(plan, host);
    for (const { name } of nodesOf(plan))
      await runOrThrow(inHost(name, ['ip', 'route', 'add', INVENTED_SOURCES, 'via', sink.ipv4]));
    const server = fileURLToPath(import.meta.resolve('@fairlead/test-lab/workloads/echo.ts'));
    for (const port of SINK_SERVERS) {
      const argv = ['env', `PORT=${port}`, process.execPath, server];
      lab.spawn(CLIENT, inHost(sink.name, argv));
    }
    return new Field(lab, attackers, sink);
  }

  /** First packets of connections from invented sources, by some of the attackers together. */
  async synFlood(victim: Victim, packetsPerSecond: number): Promise<RunningFlood> {
    const target = ['--mac', victim.mac, '--target', victim.address];
    const rate = String(Math.ceil(packetsPerSecond / SYN_ATTACKERS));
    const started = this.#attackers.slice(0, SYN_ATTACKERS).map((attacker, index) => {
      const argv = ['syn-flood-main.ts', ...target, '--rate', rate, '--seed', String(index + 1)];
      return this.#start(attacker, argv);
    });
    return flooding(await Promise.all(started));
  }

  /** Requests on connections that stay open, by all attackers together. */
  async httpFlood(victim: Victim, connections: number): Promise<RunningFlood> {
    const each = String(Math.ceil(connections / this.#attackers.length));
    const argv = ['http-flood-main.ts', '--target', victim.servers.join(','), '--connections', each];
    return flooding(await Promise.all(this.#attackers.map((attacker) => this.#start(attacker, argv))));
  }

  async #start(
    attacker: HostPlan | undefined,
    [program = '', ...args]: readonly string[],
  ): Promise<LabProcess> {
    const path = fileURLToPath(new URL(`./${program}`, import.meta.url));
    const started = this.#lab.spawn(
      CLIENT,
      inHost(attacker?.name ?? CLIENT, [process.execPath, path, ...args]),
    );
    await started.waitForLine((line) => line === 'ready', 60_000);
    return started;
  }
}

/** A host like the client; the name makes it part of that one, so that it goes with it. */
function stranger({ plan }: Lab, name: string, number: number): HostPlan {
  return {
    ...hostOf(plan, CLIENT),
    name: `${CLIENT}-${name}`,
    mac: `02:fa:1e:00:00:${number.toString(16)}`,
    ipv4: `172.18.0.${number}`,
    ...(plan.ipv6 ? { ipv6: `fd00:18::${number.toString(16)}` } : {}),
    switchPort: `p-${CLIENT}-${name}`,
  };
}

function flooding(processes: readonly LabProcess[]): RunningFlood {
  return {
    stop: async () => {
      for (const each of processes) each.kill('SIGTERM');
      const rates = await Promise.all(processes.map(ratePerSecond));
      return rates.reduce((sum, rate) => sum + rate, 0);
    },
  };
}

/** What an attacker that was told to end has sent per second. */
async function ratePerSecond(attacker: LabProcess): Promise<number> {
  await attacker.exited;
  const last = attacker.stdout.find((line) => line.startsWith('{'));
  if (last === undefined) throw new Error(`an attacker failed:\n${attacker.stderr.join('\n')}`);
  const { offered, seconds } = JSON.parse(last) as { offered: number; seconds: number };
  return offered / seconds;
}
