// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { applyNft, deleteTables, listTables } from '../../system/nft.ts';
import type { Balancer } from '../balancer.ts';
import type { BalanceModel, Frontend } from '../model/frontend.ts';
import { Conntrack } from './conntrack.ts';
import { BALANCE_TABLES, renderAll, renderChanges } from './nft-script.ts';

/** What {@link createNftBalancer} needs; the functions are replaced in tests. */
export interface NftBalancerOptions {
  readonly logger: Logger;
  readonly nft?: (script: string) => Promise<void>;
  readonly conntrack?: Pick<Conntrack, 'forget'>;
}

/** NAT by nftables. Replaces a predecessor's tables at once. @throws CommandError when nft refuses. */
export async function createNftBalancer(options: NftBalancerOptions): Promise<Balancer> {
  const { logger, nft = applyNft, conntrack = new Conntrack(logger) } = options;
  await nft(renderAll([]));
  await warnWithoutForwarding(logger);
  return new NftBalancer(nft, conntrack);
}

class NftBalancer implements Balancer {
  readonly name = 'nftables';
  readonly #nft: (script: string) => Promise<void>;
  readonly #conntrack: Pick<Conntrack, 'forget'>;
  /** What the kernel has; undefined when a failed script leaves that open. */
  #applied: ReadonlyMap<string, Frontend> | undefined = new Map();
  #wanted: ReadonlyMap<string, Frontend> = new Map();
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(nft: (script: string) => Promise<void>, conntrack: Pick<Conntrack, 'forget'>) {
    this.#nft = nft;
    this.#conntrack = conntrack;
  }

  apply({ frontends }: BalanceModel): Promise<void> {
    this.#wanted = frontends;
    return this.#inTurn(() => this.#apply(frontends));
  }

  verify(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#applied !== undefined && (await areThere())) return false;
      const wasThere = this.#applied === undefined;
      this.#applied = undefined;
      await this.#apply(this.#wanted);
      return !wasThere;
    });
  }

  stop(): Promise<void> {
    this.#wanted = new Map();
    return this.#inTurn(async () => {
      this.#applied = undefined;
      await deleteTables(BALANCE_TABLES);
    });
  }

  async #apply(frontends: ReadonlyMap<string, Frontend>): Promise<void> {
    const before = this.#applied;
    const wanted = [...frontends.values()];
    const script = before === undefined ? renderAll(wanted) : renderChanges(before, wanted);
    if (script === '') return;
    this.#applied = undefined;
    await this.#nft(script);
    this.#applied = frontends;
    this.#conntrack.forget(before ?? new Map(), frontends);
  }

  /** One after the other: while a script runs, nobody knows what the kernel has, and a look at it would be misjudged. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}

/** Does the kernel have the tables? */
async function areThere(): Promise<boolean> {
  const tables = await listTables();
  return BALANCE_TABLES.every((ours) =>
    tables.some(({ family, name }) => family === ours.family && name === ours.name),
  );
}

const FORWARDING = [
  { family: 'IPv4', path: '/proc/sys/net/ipv4/ip_forward', setting: 'net.ipv4.ip_forward' },
  { family: 'IPv6', path: '/proc/sys/net/ipv6/conf/all/forwarding', setting: 'net.ipv6.conf.all.forwarding' },
] as const;

/** Without forwarding the kernel drops what it should pass on to a pod. CNIs switch it on; we only say so. */
async function warnWithoutForwarding(logger: Logger): Promise<void> {
  for (const { family, path, setting } of FORWARDING) {
    const value = await readFile(path, 'utf8').catch(() => undefined);
    if (value === undefined || value.trim() === '1') continue;
    logger.warn(
      { setting, received: value.trim(), expected: '1' },
      `${family} is not forwarded on this node`,
    );
  }
}
