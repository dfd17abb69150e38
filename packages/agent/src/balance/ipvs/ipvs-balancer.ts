// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family } from '@fairlead/shared/address/address.ts';
import { type Clock, systemClock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ServiceProblem } from '../../services/problem.ts';
import { CommandError } from '../../system/commands.ts';
import { readIpvsTable, requireIpvs, restoreIpvs } from '../../system/ipvs.ts';
import type { Balancer, KernelSchedulers } from '../balancer.ts';
import { type BalanceModel, type Frontend, NOTHING_TO_BALANCE } from '../model/frontend.ts';
import type { KernelScheduler } from '../model/kernel-schedulers.ts';
import { batchBetween } from './batch.ts';
import { type IpvsSurroundings, withIpvsForwarding } from './ipvs-forwarding.ts';
import { withLeaving, withoutGone } from './leaving.ts';
import { MasqueradeChain } from './masquerade-chain.ts';
import { haveOtherRules, masqueradeRules } from './masquerade-rules.ts';
import { lackingIn, missingProblems, withoutMissing } from './missing-schedulers.ts';
import { modelTable } from './model-table.ts';
import { type CountedTable, readTable } from './read-table.ts';
import { restoreTracking, setSettings } from './settings.ts';
import { type IpvsTable, serverKey } from './virtual-service.ts';

/** The kernel, as far as this plane needs it; replaced in tests. */
export interface IpvsKernel {
  /** Its table, as it prints it. */
  readonly read: () => Promise<string>;
  /** Runs a batch of `ipvsadm`. */
  readonly restore: (batch: string) => Promise<void>;
  /** Family -> chain; families that there is none for have no front ends that need one. */
  readonly chains: ReadonlyMap<Family, Pick<MasqueradeChain, 'grow' | 'shrink' | 'verify' | 'close'>>;
  readonly restoreTracking: () => Promise<boolean>;
}

/** What {@link createIpvsBalancer} needs. */
export interface IpvsBalancerOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Scheduler of Services that say nothing; undefined: as in other planes. */
  readonly scheduler?: KernelScheduler | undefined;
}

/** Looks at the kernel take at most this part of the time, unless that would leave it alone for too long. */
const SHARE = 1 / 20;
const MAX_PAUSE_MS = 5_000;
/** Rules are lost seldom, and a look at them starts programs. */
const CHAIN_PAUSE_MS = 1_000;

const NO_TABLE: IpvsTable = new Map();

/**
 * Balancing by IPVS, free of a predecessor's leftovers.
 *
 * @throws IpvsUnavailable when the kernel does not have it
 * @throws CommandError when `ipvsadm` or iptables cannot be used
 */
export async function createIpvsBalancer(options: IpvsBalancerOptions): Promise<Balancer> {
  const { logger, clock = systemClock } = options;
  await requireIpvs();
  await setSettings(logger);
  const chains = new Map<Family, MasqueradeChain>();
  for (const family of FAMILIES) {
    try {
      chains.set(family, await MasqueradeChain.open(family));
    } catch (error) {
      if (family === 4) throw error;
      logger.warn({ err: error }, 'IPv6 cannot be masqueraded: pods on other nodes are not reached over it');
    }
  }
  const read = async () => (await readIpvsTable()) ?? '';
  const left = [...chains.values()].flatMap(({ leftovers }) => [...leftovers.keys()]);
  const leftovers = readTable(await read(), new Set(left));
  await restoreIpvs(batchBetween(leftovers, NO_TABLE));
  return new IpvsBalancer({ read, restore: restoreIpvs, chains, restoreTracking }, clock, options.scheduler);
}

/** See {@link createIpvsBalancer}. Services that others have in the same table are never touched. */
export class IpvsBalancer implements Balancer {
  readonly name = 'ipvs';
  readonly isProxy = true;
  readonly kernelSchedulers: KernelSchedulers;
  readonly #kernel: IpvsKernel;
  readonly #clock: Clock;
  #model = NOTHING_TO_BALANCE;
  /** What is wanted, and with those servers that are leaving. */
  #wanted = NO_TABLE;
  #expected = NO_TABLE;
  /** Ids that the kernel may have from us. */
  #ours = new Set<string>();
  /** Whether the kernel has `#expected`; a failed batch leaves that open. */
  #isKnown = true;
  /** Schedulers that this kernel has refused. */
  readonly #missing = new Set<string>();
  #lastTurn: Promise<unknown> = Promise.resolve();
  #nextLookMs = 0;
  #nextChainLookMs = 0;

  constructor(kernel: IpvsKernel, clock: Clock, scheduler?: KernelScheduler) {
    this.kernelSchedulers = { usual: scheduler };
    this.#kernel = kernel;
    this.#clock = clock;
  }

  resolve(model: BalanceModel, surroundings: IpvsSurroundings): BalanceModel {
    return withIpvsForwarding(model, surroundings);
  }

  apply(model: BalanceModel): Promise<void> {
    return this.#inTurn(() => this.#apply(model));
  }

  verify(): Promise<boolean> {
    return this.#inTurn(async () => {
      const tables = await this.#verifyTable();
      const chains = await this.#verifyChains();
      return tables || chains;
    });
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      this.#model = NOTHING_TO_BALANCE;
      this.#wanted = NO_TABLE;
      this.#expected = NO_TABLE;
      const found = readTable(await this.#kernel.read(), this.#ours);
      await this.#kernel.restore(batchBetween(found, NO_TABLE));
      this.#ours.clear();
      for (const chain of this.#kernel.chains.values()) await chain.close();
    });
  }

  problems(): ReadonlyMap<string, readonly ServiceProblem[]> {
    return missingProblems(modelTable(this.#model), this.#model, this.#missing);
  }

  async #apply(model: BalanceModel): Promise<void> {
    try {
      await this.#write(model);
    } catch (error) {
      // One Service that asks for a scheduler that this kernel does not have costs the others nothing.
      if (!(await this.#learnMissing(error))) throw error;
      await this.#apply(model);
    }
  }

  async #write(model: BalanceModel): Promise<void> {
    const wanted = withoutMissing(modelTable(model), model, this.#missing);
    const spared = (id: string) => sparedIn(model.frontends.get(id));
    const before = this.#isKnown ? this.#expected : await this.#found(wanted);
    const after = withLeaving({ before: this.#expected, wantedBefore: this.#wanted }, wanted, spared);
    const rulesChange = !this.#isKnown || haveOtherRules(this.#model.frontends, model.frontends);
    this.#model = model;
    this.#wanted = wanted;
    this.#expected = after;
    this.#isKnown = false;
    for (const id of wanted.keys()) this.#ours.add(id);
    // Rules are there before the first connection, and after the last.
    if (rulesChange) await this.#eachChain((chain, rules) => chain.grow(rules));
    const batch = batchBetween(before, after);
    if (batch !== '') await this.#kernel.restore(batch);
    if (rulesChange) await this.#eachChain((chain, rules) => chain.shrink(rules));
    this.#isKnown = true;
    this.#ours = new Set(wanted.keys());
  }

  /** Was it for want of a scheduler? Then it is not asked for again. */
  async #learnMissing(error: unknown): Promise<boolean> {
    if (!(error instanceof CommandError && error.stderr.includes('Scheduler'))) return false;
    const lacking = lackingIn(await this.#found(this.#wanted), this.#wanted);
    const fresh = [...lacking].filter((name) => !this.#missing.has(name));
    for (const name of fresh) this.#missing.add(name);
    return fresh.length > 0;
  }

  async #found(wanted: IpvsTable): Promise<CountedTable> {
    const ids = new Set([...this.#ours, ...wanted.keys()]);
    return readTable(await this.#kernel.read(), ids);
  }

  async #eachChain(
    work: (
      chain: Pick<MasqueradeChain, 'grow' | 'shrink'>,
      rules: ReadonlyMap<string, string>,
    ) => Promise<void>,
  ): Promise<void> {
    for (const [family, chain] of this.#kernel.chains) await work(chain, this.#rulesOf(family));
  }

  #rulesOf(family: Family): ReadonlyMap<string, string> {
    return masqueradeRules(this.#model.frontends.values(), family);
  }

  async #verifyTable(): Promise<boolean> {
    if (!this.#isKnown) {
      await this.#apply(this.#model);
      return false;
    }
    const startMs = this.#clock.monotonicMs();
    if (startMs < this.#nextLookMs || this.#expected.size === 0) return false;
    const found = await this.#found(this.#expected);
    this.#nextLookMs = this.#afterLook(startMs, 0);
    this.#expected = withoutGone(this.#expected, this.#wanted, found);
    const drift = batchBetween(found, this.#expected);
    const wasLost = isDrift(found, this.#expected);
    if (drift !== '') {
      this.#isKnown = false;
      await this.#kernel.restore(drift);
      this.#isKnown = true;
    }
    return wasLost;
  }

  async #verifyChains(): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    if (startMs < this.#nextChainLookMs || this.#model.frontends.size === 0) return false;
    try {
      let wasLost = await this.#kernel.restoreTracking();
      for (const [family, chain] of this.#kernel.chains) {
        const rules = this.#rulesOf(family);
        if (rules.size > 0 && (await chain.verify(rules))) wasLost = true;
      }
      return wasLost;
    } finally {
      this.#nextChainLookMs = this.#afterLook(startMs, CHAIN_PAUSE_MS);
    }
  }

  /** When to look again after a look that began then. */
  #afterLook(startMs: number, pauseMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    return nowMs + Math.min(Math.max((nowMs - startMs) / SHARE, pauseMs), MAX_PAUSE_MS);
  }

  /** One after the other: while a batch runs, nobody knows what the kernel has, and a look at it would be misjudged. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}

function sparedIn(frontend: Frontend | undefined): ReadonlySet<string> | undefined {
  return frontend?.resetsRemoved === true ? new Set(frontend.ending?.map(serverKey)) : undefined;
}

/** Does the kernel lack anything, or have it otherwise? Leaving servers that are to go are no drift. */
function isDrift(found: CountedTable, expected: IpvsTable): boolean {
  const withoutExtra = new Map(
    [...found].map(([id, service]) => {
      const target = expected.get(id)?.servers;
      const servers = new Map(
        [...service.servers].filter(([key, { weight }]) => weight > 0 || target?.has(key)),
      );
      return [id, { ...service, servers }] as const;
    }),
  );
  return batchBetween(withoutExtra, expected) !== '';
}
