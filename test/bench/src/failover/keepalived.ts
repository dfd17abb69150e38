// SPDX-License-Identifier: Apache-2.0
/** keepalived, the fastest of the field, on the same nodes, with the same back ends and under the same probes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { inHost } from '@fairlead/test-lab/network/apply.ts';
import { HOST_INTERFACE } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { run, runOrThrow } from '@fairlead/test-lab/process/run.ts';

/** Its address: in the switch's subnet, outside of the pools. */
export const KEEPALIVED_ADDRESS = '172.18.0.240';
const TABLE = 'ip bench_keepalived';
const STEADY_LIMIT_MS = 30_000;

/** How often a master says that it lives. */
export interface KeepalivedTiming {
  /** Seconds; undefined: keepalived's default of one second. Fractions need version 3 of VRRP. */
  readonly advertInterval: number | undefined;
}

/** Configuration of one node. Only what has to be said is said; all else is keepalived's default. Pure. */
export function keepalivedConfig(priority: number, { advertInterval }: KeepalivedTiming): string {
  const timing = advertInterval === undefined ? [] : [`  advert_int ${advertInterval}`];
  return [
    ...(advertInterval === undefined ? [] : ['global_defs {', '  vrrp_version 3', '}']),
    'vrrp_instance bench {',
    '  state BACKUP',
    `  interface ${HOST_INTERFACE}`,
    '  virtual_router_id 51',
    `  priority ${priority}`,
    ...timing,
    '  virtual_ipaddress {',
    `    ${KEEPALIVED_ADDRESS}/32`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** What sends connections on, which keepalived leaves to the kernel's IPVS, or to others. Pure. */
export function forwardingRules(backend: string): string {
  return [
    `table ${TABLE} {`,
    '  chain in { type nat hook prerouting priority dstnat;',
    `    ip daddr ${KEEPALIVED_ADDRESS} tcp dport 80 dnat to ${backend}:80`,
    '  }',
    '  chain out { type nat hook postrouting priority srcnat;',
    `    ct original ip daddr ${KEEPALIVED_ADDRESS} masquerade`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** keepalived on some nodes. */
export class KeepalivedGroup {
  readonly #lab: Lab;
  readonly #nodes: readonly string[];
  readonly #running: readonly LabProcess[];

  private constructor(lab: Lab, nodes: readonly string[], running: readonly LabProcess[]) {
    this.#lab = lab;
    this.#nodes = nodes;
    this.#running = running;
  }

  /** Is the program there? */
  static async isInstalled(): Promise<boolean> {
    return (await run(['sh', '-c', 'command -v keepalived'])).code === 0;
  }

  /** Starts it on all these nodes; the first one is preferred. */
  static async start(
    lab: Lab,
    nodes: readonly string[],
    backend: string,
    timing: KeepalivedTiming,
  ): Promise<KeepalivedGroup> {
    const running: LabProcess[] = [];
    for (const [index, node] of nodes.entries()) {
      await runOrThrow(inHost(node, ['nft', '-f', '-']), { stdin: forwardingRules(backend) });
      const file = (kind: string) => join(lab.workDir, `keepalived-${node}.${kind}`);
      writeFileSync(file('conf'), keepalivedConfig(200 - 50 * index, timing));
      const argv = [
        ...['keepalived', '--dont-fork', '--log-console', '--vrrp', '--use-file', file('conf')],
        ...['--pid', file('pid'), '--vrrp_pid', file('vrrp.pid')],
      ];
      running.push(lab.spawn(node, argv));
    }
    return new KeepalivedGroup(lab, nodes, running);
  }

  /** Waits until the preferred node has the address, and no other: one that returns takes it back. That node. */
  async master(): Promise<string> {
    return await this.#lab.waitFor(
      async () => {
        const ended = this.#running.find(({ exit }) => exit !== undefined);
        if (ended !== undefined) throw new Error(`keepalived ended: ${ended.stderr.slice(-5).join(' | ')}`);
        const having = await Promise.all(this.#nodes.map((node) => this.#hasAddress(node)));
        const masters = this.#nodes.filter((_, index) => having[index]);
        return masters.length === 1 && masters[0] === this.#nodes[0] ? masters[0] : undefined;
      },
      {
        what: 'the preferred node to be the one master of keepalived',
        timeoutMs: STEADY_LIMIT_MS,
        details: () =>
          this.#running
            .map(({ stderr, stdout }) => [...stdout, ...stderr].slice(-8).join('\n'))
            .join('\n--\n'),
      },
    );
  }

  /** Ends it and takes the rules away. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.map((each) => each.stop()));
    for (const node of this.#nodes)
      await runOrThrow(inHost(node, ['nft', 'delete', 'table', 'ip', 'bench_keepalived']));
  }

  async #hasAddress(node: string): Promise<boolean> {
    const { stdout } = await this.#lab.exec(node, ['ip', '-o', 'addr', 'show', 'dev', HOST_INTERFACE]);
    return stdout.includes(` ${KEEPALIVED_ADDRESS}/`);
  }
}
