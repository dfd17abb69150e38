// SPDX-License-Identifier: Apache-2.0
import { CLIENT } from '@fairlead/test-lab/network/plan.ts';
import { ADDRESS, MEMBERS, PORT, type Trio } from './trio.ts';

const TABLE = 'lab-connections';

/** Counts the connections that reach each API server, on its own host, where the packets end up. */
export class ConnectionCounters {
  readonly #trio: Trio;

  private constructor(trio: Trio) {
    this.#trio = trio;
  }

  /**
   * Counts from now on. Those that come from the node itself by its loopback address do not count: nobody but its agent does so.
   *
   * @param source count only what comes from this address
   */
  static async start(trio: Trio, source?: string): Promise<ConnectionCounters> {
    const match = source === undefined ? '' : `${source.includes(':') ? 'ip6' : 'ip'} saddr ${source}`;
    const rules = [
      `add table inet ${TABLE}`,
      `add chain inet ${TABLE} input { type filter hook input priority 10; }`,
      `add rule inet ${TABLE} input iifname != "lo" ${match} tcp dport ${PORT} tcp flags syn / syn,ack counter`,
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

/** Where the connections of {@link sharesOf} go, and from which host. */
export interface ConnectionOptions {
  readonly address?: string;
  readonly port?: number;
  readonly from?: string;
  /** Counts only what comes from this address as API servers see it. Default: from any. */
  readonly source?: string;
}

/** What a number of new connections add to each API server's count. @throws Error when one of them fails */
export async function sharesOf(
  trio: Trio,
  count: number,
  { address = ADDRESS, port = PORT, from = CLIENT, source }: ConnectionOptions = {},
): Promise<ReadonlyMap<string, number>> {
  const counters = await ConnectionCounters.start(trio, source);
  try {
    const target = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const prober = await trio.lab.probeTcp({
      target,
      host: from,
      tls: true,
      path: '/version',
      count,
      concurrency: 4,
    });
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
