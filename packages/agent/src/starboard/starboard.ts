// SPDX-License-Identifier: Apache-2.0
import { FAMILIES, type Family, familyName } from '@fairlead/shared/address/address.ts';
import { Backoff } from '@fairlead/shared/kubernetes/backoff.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { ReconcileLoop } from '../manager/loop.ts';
import { IPTABLES_BACKENDS, type IptablesBackend } from '../system/iptables.ts';
import type { ListedRule } from './accept-rule.ts';
import { type Chains, sweepChains } from './chains.ts';
import { PlaceKeeper } from './place-keeper.ts';
import { hasKubeProxy, planChange, restoreLines } from './plan.ts';
import type { WantedRule } from './pool-rules.ts';
import { caseText, type DataPlane, type ProxyCase, proxyCase, refusal } from './proxy-case.ts';

/** What {@link Starboard} needs. */
export interface StarboardOptions {
  readonly chains: Chains;
  /** The one in which the rules are to be. */
  readonly backend: IptablesBackend;
  /** What there is to be; undefined: not known yet, so what is there stays. */
  readonly wanted: () => readonly WantedRule[] | undefined;
  /** Who carries the traffic of Services here. Asked only where that matters. */
  readonly dataPlane: () => Promise<DataPlane>;
  /** Whether kube-proxy has an nftables table of its own here. */
  readonly hasProxyTable: () => boolean;
  /** Whether anything in nftables may have changed since the last call. */
  readonly hasNftChanged: () => boolean;
  readonly isForced: boolean;
  /** How long an agent that has not answered yet is waited for before that counts as nobody. */
  readonly patienceMs: number;
  /** There must be no rules on this node; none are left. */
  readonly onRefusal: (why: string) => void;
  readonly clock: Clock;
  /** [0, 1), for pauses after failures. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** What has been done so far, for metrics. */
export interface StarboardStats {
  /** Family -> rules that are in place. */
  readonly rules: ReadonlyMap<Family, number>;
  /** Passes that found other rules than the last one had left. */
  readonly repairs: number;
  /** Changes that could not be made. */
  readonly failures: number;
}

/** nftables says when it changes; looking there is a system call. */
const NFT_LOOK_MS = 250;
/**
 * Of the other back end nobody tells: each look is a program for each family, which has the kernel copy the whole table. With 40,000 rules that
 * takes 90 ms, so there it is looked less often, and still often enough for a repair within a second.
 */
const LEGACY_LOOK_MS = 500;
const MOST_LEGACY_LOOK_MS = 800;
const LEGACY_REST_FACTOR = 8;
/** A whole look however quiet it is. */
const RESYNC_MS = 30_000;
/** Between two looks whether rules may be written by now. */
const WAIT_MS = 1_000;
/** First and longest pause after a failure. */
const RETRY_MS = 500;
const MOST_RETRY_MS = 10_000;

/** Keeps the accept rules as they are wanted: compares all of the chain with all that is wanted, and writes the difference. */
export class Starboard {
  readonly #options: StarboardOptions;
  readonly #loop: ReconcileLoop;
  readonly #place: PlaceKeeper;
  readonly #rules = new Map<Family, number>();
  /** Family -> what the last pass left in the chain: anything else later is someone else's doing. */
  readonly #left = new Map<Family, string>();
  readonly #startedMs: number;
  #case: ProxyCase | undefined;
  #plane: DataPlane;
  #isSwept = false;
  /** After a failure nothing is tried before. */
  #retryAtMs = 0;
  readonly #backoff: Backoff;
  #problem: string | undefined = 'nothing has been done yet';
  /** How long the last listing took. */
  #listingMs = 0;
  #repairs = 0;
  #failures = 0;
  #look: { cancel(): void } | undefined;
  #isStopped = false;

  constructor(options: StarboardOptions) {
    const { clock, random, logger } = options;
    this.#options = options;
    this.#backoff = new Backoff({ minMs: RETRY_MS, maxMs: MOST_RETRY_MS, random });
    this.#startedMs = clock.monotonicMs();
    this.#place = new PlaceKeeper(clock, logger);
    this.#loop = new ReconcileLoop({
      pass: () => this.#pass(),
      resyncMs: RESYNC_MS,
      retryMs: RETRY_MS,
      clock,
      logger,
    });
  }

  /** Which case it is on this node; undefined before the first look. */
  get case(): ProxyCase | undefined {
    return this.#case;
  }

  get stats(): StarboardStats {
    return { rules: this.#rules, repairs: this.#repairs, failures: this.#failures };
  }

  /** For the readiness probe. */
  ready(): CheckReport {
    const problem = this.#problem;
    return [{ name: 'rules', ok: problem === undefined, ...(problem !== undefined && { detail: problem }) }];
  }

  start(): void {
    this.#loop.wake();
    this.#lookLater();
  }

  /** What is wanted has changed. */
  wake(): void {
    this.#loop.wake();
  }

  /** Ends the work and removes all rules. @throws Error when some cannot be removed */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#look?.cancel();
    await this.#loop.stop();
    const count = await sweepChains(this.#options.chains, this.#options.backend);
    this.#options.logger.info({ count }, 'removed the rules');
  }

  #lookLater(): void {
    if (this.#isStopped) return;
    const { backend, clock } = this.#options;
    this.#look = clock.setTimer(
      () => {
        if (this.#hasReason()) this.#loop.wake();
        this.#lookLater();
      },
      backend === 'nft' ? NFT_LOOK_MS : legacyPauseMs(this.#listingMs),
    );
  }

  #hasReason(): boolean {
    const { hasNftChanged, backend, clock } = this.#options;
    // Asked first, and always: what has changed until now is seen by the pass that follows.
    const isNews = hasNftChanged() || backend === 'legacy' || this.#problem !== undefined;
    return isNews && clock.monotonicMs() >= this.#retryAtMs;
  }

  async #pass(): Promise<void> {
    try {
      this.#problem = await this.#keep();
      this.#backoff.reset();
      // What stands in the way does not go by itself within milliseconds.
      const pauseMs = this.#problem === undefined ? 0 : WAIT_MS;
      this.#retryAtMs = this.#options.clock.monotonicMs() + pauseMs;
    } catch (error) {
      this.#failures += 1;
      this.#retryAtMs = this.#options.clock.monotonicMs() + this.#backoff.next();
      const problem = error instanceof Error ? error.message : String(error);
      // What stays wrong is told once.
      if (problem !== this.#problem) {
        this.#options.logger.error({ err: error }, 'the rules cannot be kept; it is tried again and again');
      }
      this.#problem = problem;
    }
  }

  /** One look at everything, and the changes that it asks for. Returns what stands in the way, if anything. */
  async #keep(): Promise<string | undefined> {
    const { chains, backend, onRefusal, wanted, clock } = this.#options;
    await this.#sweepOther();
    const listed = new Map<Family, readonly ListedRule[]>();
    const startedMs = clock.monotonicMs();
    for (const family of FAMILIES) listed.set(family, await chains.list(backend, family));
    this.#listingMs = clock.monotonicMs() - startedMs;
    await this.#findCase([...listed.values()].some((rules) => hasKubeProxy(rules)));
    const obstacle = await this.#obstacle();
    const rules = obstacle === undefined ? wanted() : [];
    if (rules === undefined) return 'the ConfigMap has not been read yet';
    // Of two families that both fail the first is told; that one fails does not keep the other from being settled.
    const failures: unknown[] = [];
    for (const [family, found] of listed) {
      try {
        await this.#settle(
          family,
          found,
          rules.filter((rule) => rule.family === family),
        );
      } catch (error) {
        this.#left.delete(family);
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    if (obstacle?.isFinal === true) onRefusal(obstacle.why);
    return obstacle?.why;
  }

  /** A predecessor may have written to the other back end. */
  async #sweepOther(): Promise<void> {
    if (this.#isSwept) return;
    const { chains, backend, logger } = this.#options;
    for (const other of IPTABLES_BACKENDS.filter((each) => each !== backend)) {
      const count = await sweepChains(chains, other);
      if (count > 0)
        logger.warn({ count, backend: other }, 'removed rules from the back end that is not in use');
    }
    this.#isSwept = true;
  }

  async #findCase(isHere: boolean): Promise<void> {
    const { chains, backend, hasProxyTable, logger } = this.#options;
    if (this.#case !== undefined && (this.#case === 'cuts-off') === isHere) return;
    const iptables = new Set<IptablesBackend>(isHere ? [backend] : []);
    for (const other of IPTABLES_BACKENDS.filter((each) => each !== backend)) {
      for (const family of FAMILIES) if (hasKubeProxy(await chains.list(other, family))) iptables.add(other);
    }
    const found = proxyCase(backend, { iptables, nftables: hasProxyTable() });
    this.#case = found;
    logger.info({ case: found, backend }, caseText(found, backend));
  }

  /** Why there must be no rule, for now or for good. */
  async #obstacle(): Promise<{ readonly why: string; readonly isFinal: boolean } | undefined> {
    const { isForced, dataPlane, patienceMs, clock } = this.#options;
    const found = this.#case ?? 'absent';
    if (refusal(found, undefined, isForced) === undefined) return undefined;
    // An agent that is away for a moment has not changed its mind.
    this.#plane = (await dataPlane()) ?? this.#plane;
    const why = refusal(found, this.#plane, isForced);
    const isEarly = clock.monotonicMs() - this.#startedMs < patienceMs;
    return why === undefined ? undefined : { why, isFinal: this.#plane !== undefined || !isEarly };
  }

  async #settle(family: Family, listed: readonly ListedRule[], wanted: readonly WantedRule[]): Promise<void> {
    const { chains, backend, logger } = this.#options;
    const plan = planChange(listed, wanted, this.#place.place(family));
    const before = this.#left.get(family);
    const now = wanted.map(({ cidr, comment }) => `${cidr} ${comment}`).join('\n');
    if (plan !== undefined) {
      const { deletions, insertions } = plan;
      const isRepair = before === now;
      if (isRepair) {
        this.#repairs += 1;
        this.#place.repaired(family, deletions.length === insertions.length);
      }
      await chains.change(backend, family, restoreLines(plan));
      logger[isRepair ? 'warn' : 'info'](
        { family: familyName(family), backend, removed: deletions.length, added: insertions.length },
        isRepair ? 'the rules were not as they should be, and were repaired' : 'changed the rules',
      );
    }
    this.#left.set(family, now);
    this.#rules.set(family, wanted.length);
  }
}

function legacyPauseMs(listingMs: number): number {
  return Math.min(Math.max(LEGACY_LOOK_MS, LEGACY_REST_FACTOR * listingMs), MOST_LEGACY_LOOK_MS);
}
