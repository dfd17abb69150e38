// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { applyNft, deleteTables, listTables } from '../../system/nft.ts';
import type { Balancer } from '../balancer.ts';
import { dsrLayer } from '../dsr/dsr-layer.ts';
import { type BalanceModel, NOTHING_TO_BALANCE, type Scheduler } from '../model/frontend.ts';
import { Conntrack } from './conntrack.ts';
import { natLayer } from './nat-layer.ts';
import type { NftLayer } from './nft-layer.ts';

/** What {@link createNftBalancer} needs; the functions are replaced in tests. */
export interface NftBalancerOptions {
  readonly logger: Logger;
  readonly nft?: (script: string) => Promise<void>;
  readonly conntrack?: Pick<Conntrack, 'forget'>;
  /** What is made of the model. Default: NAT, and direct return. */
  readonly layers?: readonly NftLayer[];
}

const LAYERS: readonly NftLayer[] = [natLayer, dsrLayer];

/** Rules count no connections. */
const MISSING_SCHEDULERS: ReadonlySet<Scheduler> = new Set(['leastConnections']);

/** Balancing by nftables. Replaces a predecessor's tables at once. @throws CommandError when nft refuses. */
export async function createNftBalancer(options: NftBalancerOptions): Promise<Balancer> {
  const { logger, nft = applyNft, conntrack = new Conntrack(logger), layers = LAYERS } = options;
  const balancer = new NftBalancer(nft, conntrack, layers);
  await balancer.start();
  await warnWithoutForwarding(logger);
  return balancer;
}

class NftBalancer implements Balancer {
  readonly name = 'nftables';
  readonly missingSchedulers = MISSING_SCHEDULERS;
  readonly directReturn = true;
  readonly #nft: (script: string) => Promise<void>;
  readonly #conntrack: Pick<Conntrack, 'forget'>;
  readonly #layers: readonly NftLayer[];
  /** What the kernel has; undefined when a failed script leaves that open. */
  #applied: BalanceModel | undefined;
  #wanted = NOTHING_TO_BALANCE;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(
    nft: (script: string) => Promise<void>,
    conntrack: Pick<Conntrack, 'forget'>,
    layers: readonly NftLayer[],
  ) {
    this.#nft = nft;
    this.#conntrack = conntrack;
    this.#layers = layers;
  }

  /** Tables without front ends, in the place of any leftover. */
  start(): Promise<void> {
    return this.apply(NOTHING_TO_BALANCE);
  }

  apply(model: BalanceModel): Promise<void> {
    this.#wanted = model;
    return this.#inTurn(() => this.#apply(model));
  }

  verify(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#applied !== undefined && (await this.#areThere())) return false;
      const wasThere = this.#applied === undefined;
      this.#applied = undefined;
      await this.#apply(this.#wanted);
      return !wasThere;
    });
  }

  stop(): Promise<void> {
    this.#wanted = NOTHING_TO_BALANCE;
    return this.#inTurn(async () => {
      this.#applied = undefined;
      await deleteTables(this.#layers.flatMap(({ tables }) => tables));
    });
  }

  async #apply(model: BalanceModel): Promise<void> {
    const before = this.#applied;
    const scripts = this.#layers.map((layer) =>
      before === undefined ? layer.renderAll(model) : layer.renderChanges(before, model),
    );
    const script = scripts.join('');
    if (script === '') {
      this.#applied = model;
      return;
    }
    this.#applied = undefined;
    await this.#nft(script);
    this.#applied = model;
    this.#conntrack.forget(before?.frontends ?? new Map(), model.frontends);
  }

  /** Does the kernel have all tables? */
  async #areThere(): Promise<boolean> {
    const there = await listTables();
    const tables = this.#layers.flatMap((layer) => layer.tables);
    return tables.every((ours) =>
      there.some(({ family, name }) => family === ours.family && name === ours.name),
    );
  }

  /** One after the other: while a script runs, nobody knows what the kernel has, and a look at it would be misjudged. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
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
