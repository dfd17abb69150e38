// SPDX-License-Identifier: Apache-2.0
import { ADDRESS, MEMBERS, PORT, type Trio } from './trio.ts';

const TABLE = 'lab-connections';

/** Counts the connections that reach each API server, on its own host, where the packets end up. */
export class ConnectionCounters {
  readonly #trio: Trio;

  private constructor(trio: Trio) {
    this.#trio = trio;
  }

  /** Counts from now on. Those that come from the node itself by its loopback address do not count: nobody but its agent does so. */
  static async start(trio: Trio): Promise<ConnectionCounters> {
    const rules = [
      `add table inet ${TABLE}`,
      `add chain inet ${TABLE} input { type filter hook input priority 10; }`,
      `add rule inet ${TABLE} input iifname != "lo" tcp dport ${PORT} tcp flags syn / syn,ack counter`,
    ].join('; ');
    for (const host of MEMBERS) await must(trio, host, ['nft', rules]);
    return new ConnectionCounters(trio);
  }

  /** Host -> connections so far. */
  async read(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const host of MEMBERS) {
      const text = await must(this.#trio, host, ['nft', 'list', 'chain', 'inet', TABLE, 'input']);
      counts.set(host, Number(/counter packets (\d+)/.exec(text)?.[1] ?? Number.NaN));
    }
    return counts;
  }

  /** Takes the counters away. */
  async stop(): Promise<void> {
    for (const host of MEMBERS) await must(this.#trio, host, ['nft', 'delete', 'table', 'inet', TABLE]);
  }
}

/** What a number of new connections of the client add to each API server's count. */
export async function sharesOf(trio: Trio, count: number): Promise<ReadonlyMap<string, number>> {
  const counters = await ConnectionCounters.start(trio);
  try {
    const target = `${ADDRESS}:${PORT}`;
    const prober = await trio.lab.probeTcp({ target, tls: true, path: '/version', count, concurrency: 4 });
    const samples = await prober.finished();
    const failed = samples.filter(({ ok }) => !ok);
    if (failed.length > 0)
      throw new Error(`${failed.length} of ${count} connections failed: ${failed[0]?.error}`);
    return await counters.read();
  } finally {
    await counters.stop();
  }
}

async function must(trio: Trio, host: string, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await trio.lab.exec(host, argv);
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${host}: ${stderr}`);
  return stdout;
}
