// SPDX-License-Identifier: Apache-2.0
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { warnWithoutForwarding } from '../../system/forwarding.ts';
import { applyNft, deleteTables, listTables } from '../../system/nft.ts';
import { NftSocket } from '../../system/nftables/nft-socket.ts';
import type { Balancer } from '../balancer.ts';
import { dsrLayer } from '../dsr/dsr-layer.ts';
import {
  type BalanceModel,
  type Frontend,
  NOTHING_TO_BALANCE,
  type Scheduler,
  withFrontends,
} from '../model/frontend.ts';
import { Conntrack } from './conntrack.ts';
import { type Difference, type LaidOut, layOut, layOutOnly, tidied } from './lay-out.ts';
import { BALANCE_TABLES, frameChanges, natTransactions } from './nat-layer.ts';
import { encodeChanges } from './nft-encoding.ts';
import type { NftLayer } from './nft-layer.ts';
import { printChanges } from './nft-text.ts';
import type { Change } from './ruleset.ts';

/** What {@link createNftBalancer} needs; the functions are replaced in tests. */
export interface NftBalancerOptions {
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  /** Runs a script as one transaction. */
  readonly nft?: (script: string) => Promise<void>;
  /** Makes one transaction. Default: straight to the kernel where the changes allow it, else, or with a given `nft`, by script. */
  readonly write?: (changes: readonly Change[]) => Promise<void>;
  readonly conntrack?: Pick<Conntrack, 'forget'>;
  /** What is made of the model beside NAT. Default: direct return. */
  readonly layers?: readonly NftLayer[];
}

const LAYERS: readonly NftLayer[] = [dsrLayer];

/** Rules count no connections. */
const MISSING_SCHEDULERS: ReadonlySet<Scheduler> = new Set(['leastConnections']);

/** Tables of turns are made exactly even again when nothing has changed for so long, as that costs new rules. */
const TIDY_AFTER_MS = 1_000;
/** Where something changes all the time they are after so long. */
const TIDY_AT_LAST_MS = 10_000;

/** Balancing by nftables. Replaces a predecessor's tables at once. @throws CommandError when nft refuses. */
export async function createNftBalancer(options: NftBalancerOptions): Promise<Balancer> {
  const { logger } = options;
  const balancer = new NftBalancer(options);
  await balancer.start();
  await warnWithoutForwarding(logger);
  return balancer;
}

class NftBalancer implements Balancer {
  readonly name = 'nftables';
  readonly missingSchedulers = MISSING_SCHEDULERS;
  readonly directReturn = true;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #nft: (script: string) => Promise<void>;
  /** Makes everything ready for one transaction; the answer makes it. */
  readonly #prepare: (changes: readonly Change[]) => () => Promise<void>;
  readonly #conntrack: Pick<Conntrack, 'forget'>;
  readonly #layers: readonly NftLayer[];
  readonly #socket = new NftSocket();
  /** What the kernel has; undefined when a transaction that failed leaves that open. */
  #applied: BalanceModel | undefined;
  /** The model that this was made of, if it was a whole one: to have it again costs nothing. */
  #appliedFrom: BalanceModel | undefined;
  #wanted = NOTHING_TO_BALANCE;
  /** What has been replaced since that model came; put into it when somebody needs it whole, as that takes time with thousands. */
  #replaced = new Map<string, Frontend | undefined>();
  /** When tables of turns went on from others, for the first and for the last time; undefined: all are even. */
  #untidy: { readonly sinceMs: number; readonly lastMs: number } | undefined;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor({ logger, clock = systemClock, nft, write, conntrack, layers = LAYERS }: NftBalancerOptions) {
    this.#clock = clock;
    this.#nft = nft ?? applyNft;
    const byScript = (changes: readonly Change[]) => this.#nft(printChanges(changes));
    const given = write ?? (nft === undefined ? undefined : byScript);
    this.#prepare =
      given === undefined ? (changes) => this.#encode(changes) : (changes) => () => given(changes);
    this.#conntrack = conntrack ?? new Conntrack({ logger });
    this.#layers = layers;
  }

  /** Tables without front ends, in the place of any leftover. */
  start(): Promise<void> {
    return this.apply(NOTHING_TO_BALANCE);
  }

  apply(model: BalanceModel): Promise<void> {
    this.#wanted = model;
    this.#replaced = new Map();
    return this.#inTurn(() => this.#apply(model));
  }

  replace(frontends: ReadonlyMap<string, Frontend | undefined>): Promise<void> {
    for (const [id, frontend] of frontends) this.#replaced.set(id, frontend);
    return this.#inTurn(async () => {
      const before = this.#applied;
      this.#appliedFrom = undefined;
      if (before === undefined) await this.#apply(this.#wholeWish());
      else await this.#move(before, layOutOnly(before, frontends));
    });
  }

  verify(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#applied !== undefined && (await this.#areThere())) {
        await this.#tidy(this.#applied);
        return false;
      }
      const wasThere = this.#applied === undefined;
      this.#applied = undefined;
      await this.#apply(this.#wholeWish());
      return !wasThere;
    });
  }

  stop(): Promise<void> {
    this.#wanted = NOTHING_TO_BALANCE;
    this.#replaced = new Map();
    return this.#inTurn(async () => {
      this.#applied = undefined;
      this.#socket.close();
      await deleteTables([...BALANCE_TABLES, ...this.#layers.flatMap(({ tables }) => tables)]);
    });
  }

  #wholeWish(): BalanceModel {
    if (this.#replaced.size > 0) this.#wanted = withFrontends(this.#wanted, this.#replaced);
    this.#replaced = new Map();
    return this.#wanted;
  }

  async #apply(model: BalanceModel): Promise<void> {
    const before = this.#applied;
    if (before !== undefined && this.#appliedFrom === model) return;
    this.#appliedFrom = undefined;
    if (before === undefined) await this.#rebuild(model);
    else await this.#move(before, layOut(before, model));
    this.#appliedFrom = model;
  }

  /** At once as long as it fits; a large model comes into empty tables, whole front ends at a time. */
  async #rebuild(model: BalanceModel): Promise<void> {
    const laidOut = layOut(NOTHING_TO_BALANCE, model);
    const [only = [], another] = natTransactions(NOTHING_TO_BALANCE, laidOut.model, laidOut.differences);
    const isSmall = another === undefined;
    const first = isSmall ? laidOut.model : NOTHING_TO_BALANCE;
    const changes = [...frameChanges(), ...(isSmall ? only : [])];
    const others = this.#layers.map((layer) => layer.renderAll(first));
    await this.#nft(printChanges(changes) + others.join(''));
    this.#untidy = undefined;
    this.#applied = first;
    if (isSmall) this.#forgetFlows(laidOut.differences);
    else await this.#move(first, laidOut);
  }

  async #move(before: BalanceModel, { model, differences }: LaidOut): Promise<void> {
    if (differences.length === 0) {
      this.#applied = model;
      return;
    }
    const isForOthers = differences.some((each) => !each.every(isNat));
    const others = isForOthers
      ? this.#layers.map((layer) => layer.renderChanges(before, model)).join('')
      : '';
    this.#applied = undefined;
    const [only = [], another] = others === '' ? [] : natTransactions(before, model, differences);
    // What belongs together is written together, unless it is too much.
    if (others !== '' && another === undefined) await this.#nft(printChanges(only) + others);
    else {
      await this.#write(natTransactions(before, model, differences));
      if (others !== '') await this.#nft(others);
    }
    this.#applied = model;
    if (differences.some(([, next]) => next?.slots !== undefined)) {
      const lastMs = this.#clock.monotonicMs();
      this.#untidy = { sinceMs: this.#untidy?.sinceMs ?? lastMs, lastMs };
    }
    this.#forgetFlows(differences);
  }

  async #tidy(applied: BalanceModel): Promise<void> {
    if (this.#untidy === undefined) return;
    const { sinceMs, lastMs } = this.#untidy;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - lastMs < TIDY_AFTER_MS && nowMs - sinceMs < TIDY_AT_LAST_MS) return;
    await this.#move(applied, tidied(applied));
    this.#untidy = undefined;
  }

  /** Each is made ready while the kernel is at the one before. */
  async #write(transactions: Iterable<readonly Change[]>): Promise<void> {
    let underWay: Promise<void> | undefined;
    for (const changes of transactions) {
      const send = this.#prepare(changes);
      if (underWay !== undefined) await underWay;
      underWay = send();
    }
    await underWay;
  }

  /** A datagram straight to the kernel, or a script where it is about something rare. */
  #encode(changes: readonly Change[]): () => Promise<void> {
    const batch = encodeChanges(changes);
    return batch === undefined ? () => this.#nft(printChanges(changes)) : () => this.#socket.send(batch);
  }

  #forgetFlows(differences: readonly Difference[]): void {
    const named = (at: 0 | 1) =>
      new Map(
        differences.flatMap((each) => (each[at] === undefined ? [] : [[each[at].id, each[at]] as const])),
      );
    this.#conntrack.forget(named(0), named(1));
  }

  /** Does the kernel have all tables? */
  async #areThere(): Promise<boolean> {
    const there = await listTables();
    const tables = [...BALANCE_TABLES, ...this.#layers.flatMap((layer) => layer.tables)];
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

/** The other layers have nothing to do with such a front end. */
function isNat(frontend: Frontend | undefined): boolean {
  return frontend === undefined || frontend.forwarding === 'nat';
}
