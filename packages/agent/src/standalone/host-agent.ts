// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AddressKeeper, ForeignClaim, HeldAddress } from '../announce/address-keeper.ts';
import type { Grant } from '../announce/grant.ts';
import type { HealthChecker } from '../balance/health/health-checker.ts';
import { NOTHING_TO_BALANCE } from '../balance/model/frontend.ts';
import { NO_PROTECTOR } from '../balance/protection/protector.ts';
import { GrantsSeen } from '../manager/grants-seen.ts';
import { ReconcileLoop } from '../manager/loop.ts';
import type { AgentMetrics } from '../manager/metrics.ts';
import { MoveTeller } from '../manager/move-teller.ts';
import { PlaneWatch } from '../manager/plane-watch.ts';
import { healthReport, readyReport } from '../manager/probes.ts';
import type { OwnershipEngine } from '../ownership/engine.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import type { EngineView } from '../status/engine-view.ts';
import { type StatusReport, statusReport } from '../status/status-report.ts';
import { VERSION } from '../version.ts';
import type { DemandSource } from './demand.ts';
import type { EntryBalancer } from './entry-balancer.ts';
import { deadTargets, entryTargets } from './entry-health.ts';
import { chooseLinks, type HostLinks, type LinkChoice } from './host-links.ts';

/** What {@link createHostAgent} connects. All of it is stopped with the agent, but for the demand. */
export interface HostAgentOptions {
  readonly node: string;
  /** Link to answer on, or a comma list; undefined: the one with the default route. */
  readonly interface: string | undefined;
  readonly demand: DemandSource;
  readonly engine: OwnershipEngine;
  readonly view: EngineView;
  readonly keeper: AddressKeeper;
  readonly balancer: EntryBalancer;
  readonly health: HealthChecker;
  /** Begins to show what this agent does. */
  readonly metrics: Pick<AgentMetrics, 'observe' | 'moves' | 'takeoverSeconds' | 'detectionSeconds'>;
  /** What the demand is read from, for the probe of readiness; default: nothing that could be out of date. */
  readonly reflectors?: readonly Reflector<KubeObject>[];
  readonly readLinks: () => Promise<HostLinks>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The agent of one host that has no Services to look at: addresses and balancers that somebody has written down. */
export interface HostAgent {
  /** Resolves when the first pass has been made. */
  start(): Promise<void>;
  /** Hands over; addresses off; the right to them given back; nothing of ours is left on the host. */
  stop(): Promise<void>;
  health(): CheckReport;
  ready(): CheckReport;
  status(): StatusReport;
}

/** A pass without a reason: repairs what somebody else changed on the host. */
const RESYNC_MS = 5_000;
/** Pause after a failed pass. */
const RETRY_MS = 500;
/** Handing over takes some milliseconds; without others to take over it ends here. */
const DRAIN_LIMIT_MS = 3_000;
/** Neighbours send to this host until they have heard of the next owner. */
const LINGER_MS = 200;

/** Connects everything; nothing runs before `start()`. */
export function createHostAgent(options: HostAgentOptions): HostAgent {
  return new RunningHost(options);
}

class RunningHost implements HostAgent {
  readonly #options: HostAgentOptions;
  readonly #loop: ReconcileLoop;
  readonly #moves: MoveTeller;
  readonly #planes: PlaneWatch;
  readonly #grants = new GrantsSeen();
  readonly #ended = new AbortController();
  readonly #unsubscribers: (() => void)[] = [];
  #links: HostLinks = { links: [], defaultInterface: undefined };
  #choice: LinkChoice = { interfaces: new Map(), unservable: new Map() };
  #prepared = '';
  #workerProblem: string | undefined;
  /** Version of the engine's state that was acted upon completely. */
  #doneVersion = 0;

  constructor(options: HostAgentOptions) {
    this.#options = options;
    const { node, metrics, engine, view, keeper, balancer, health, clock, logger } = options;
    const { reflectors = [] } = options;
    this.#moves = new MoveTeller({
      node,
      engine,
      view,
      keeper,
      clock,
      logger,
      onTakeover: ({ from, reason, tookMs }) => {
        if (from !== node) metrics.moves.inc({ from: from ?? '', reason });
        metrics.takeoverSeconds.observe(tookMs / 1_000);
      },
      onDetection: (silentMs) => metrics.detectionSeconds.observe(silentMs / 1_000),
    });
    this.#loop = new ReconcileLoop({
      pass: () => this.#pass(),
      resyncMs: RESYNC_MS,
      retryMs: RETRY_MS,
      clock,
      logger,
    });
    this.#planes = new PlaneWatch({
      planes: new Map([['data plane', balancer]]),
      onRepair: () => this.#loop.wake(),
      clock,
      logger,
    });
    metrics.observe({
      services: () => [],
      held: () => keeper.held(),
      announcer: () => keeper.stats(),
      ownership: () => engine.state(),
      engine: () => engine.stats(),
      raft: () => view.raft(),
      balance: () => NOTHING_TO_BALANCE,
      userSpace: () => balancer.relayed(),
      health,
      protection: NO_PROTECTOR,
      loop: () => this.#loop,
      reflectors,
    });
  }

  async start(): Promise<void> {
    const { engine } = this.#options;
    await this.#look();
    await engine.start();
    if (this.#ended.signal.aborted) return;
    this.#subscribe();
    await this.#loop.once();
    this.#planes.start();
  }

  async stop(): Promise<void> {
    const { keeper, engine, balancer, health, clock } = this.#options;
    this.#ended.abort(new Error('the agent was stopped'));
    this.#planes.stop();
    const hasHandedOver = keeper.held().size > 0;
    // Passes go on until here: what is handed over comes off and is confirmed while others take it.
    await engine.drain(DRAIN_LIMIT_MS);
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    await this.#loop.stop();
    this.#moves.stop();
    const errors: unknown[] = [];
    const step = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        errors.push(error);
      }
    };
    await step(() => keeper.apply([]));
    await step(() => engine.stop());
    await step(() => keeper.stop());
    health.stop();
    if (hasHandedOver) await delay(clock, LINGER_MS);
    await step(() => balancer.stop());
    if (errors.length > 0) throw new AggregateError(errors, 'the agent could not be stopped cleanly');
  }

  health(): CheckReport {
    return healthReport(this.#probeSources());
  }

  ready(): CheckReport {
    return readyReport(this.#probeSources());
  }

  status(): StatusReport {
    const { node, demand, engine, view, keeper, health, clock } = this.#options;
    const { services, groups } = demand.current();
    return statusReport({
      version: VERSION,
      node,
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
      checks: this.ready(),
      engine: { name: engine.name, health: engine.health() },
      ownership: engine.state(),
      raft: view.raft(),
      group: view.group(),
      held: keeper.held(),
      announcer: keeper.stats(),
      services,
      groups,
      problems: this.#problems(),
      verdicts: health.verdicts(),
      failovers: this.#moves.recent,
    });
  }

  #probeSources() {
    const { keeper, engine, reflectors = [] } = this.#options;
    return {
      stuckMs: () => this.#loop.stuckMs(),
      workerProblem: () => this.#workerProblem,
      held: () => keeper.held(),
      engine: () => engine.health(),
      reflectors,
    };
  }

  #problems(): ReadonlyMap<string, readonly ServiceProblem[]> {
    const { demand, balancer } = this.#options;
    const { services, problems } = demand.current();
    const found = new Map(problems);
    for (const { key, addresses } of services) {
      const own = addresses.flatMap((address): readonly ServiceProblem[] => {
        const [link, port] = [this.#choice.unservable.get(address), balancer.broken().get(address)];
        return [
          ...(link === undefined ? [] : [{ reason: AGENT_REASON.interfaceMissing, message: link }]),
          ...(port === undefined ? [] : [{ reason: AGENT_REASON.portUnavailable, message: port }]),
        ];
      });
      if (own.length > 0) found.set(key, [...(found.get(key) ?? []), ...own]);
    }
    return found;
  }

  #subscribe(): void {
    const { demand, engine, keeper, health, logger } = this.#options;
    const wake = () => this.#loop.wake();
    this.#unsubscribers.push(
      demand.onChange(wake),
      engine.onChange(wake),
      health.onChange(wake),
      engine.onExtended((deadlines) => keeper.extend(this.#toGrants(deadlines))),
      keeper.onLinksChanged(wake),
      keeper.onForeignClaim((claim) => this.#tellClaim(claim)),
      keeper.onLoss(({ addresses, reason }) => {
        logger.warn({ addresses, reason }, 'answering ended without being asked for');
        if (reason === 'workerFailed') this.#workerProblem = 'the answering thread failed';
        wake();
      }),
    );
  }

  /** What there is to own, and what of it this host can serve. */
  async #look(): Promise<void> {
    const { demand, engine, balancer, readLinks, interface: wanted } = this.#options;
    this.#links = await readLinks();
    const { groups } = demand.current();
    const addresses = groups.flatMap((group) => group.addresses);
    this.#choice = chooseLinks(addresses, this.#links, wanted);
    engine.want(groups, new Set([...this.#choice.unservable.keys(), ...balancer.broken().keys()]));
    this.#prepare([...this.#choice.interfaces.keys()].sort());
  }

  /** The order is what matters: what is not granted goes off first, and whoever answers has somebody who balances. */
  async #pass(): Promise<void> {
    const { keeper, engine, clock } = this.#options;
    await this.#look();
    this.#grants.note(engine.state().grants, clock.monotonicMs());
    const before = keeper.held();
    const kept = this.#toGrants(engine.state().grants);
    if ([...before.keys()].some((address) => !kept.some((grant) => grant.address === address))) {
      await this.#answerFor(
        kept.filter(({ address }) => before.has(address)),
        this.#doneVersion,
      );
    }
    const failure = await this.#balance();
    // Grants may have come and gone meanwhile.
    const { grants, version } = engine.state();
    this.#grants.note(grants, clock.monotonicMs());
    await this.#answerFor(this.#toGrants(grants), version);
    this.#doneVersion = version;
    this.#tell(before, keeper.held());
    if (failure !== undefined) throw failure;
  }

  async #answerFor(grants: readonly Grant[], version: number): Promise<void> {
    const { keeper, engine } = this.#options;
    await keeper.apply(grants);
    engine.report(new Set(keeper.held().keys()), version);
  }

  /** An error is returned: addresses must come and go even when the plane fails. */
  async #balance(): Promise<unknown> {
    const { demand, engine, balancer, health } = this.#options;
    const wanted = demand.current();
    health.want(entryTargets(wanted.entries));
    const dead = deadTargets(wanted, health.down, engine.state().lostNodes);
    const broken = balancer.broken();
    try {
      const { interfaces } = this.#choice;
      const where = { links: this.#links.links, linkOf: (address: string) => interfaces.get(address) };
      await balancer.apply(wanted.entries, dead, where);
      if (!sameKeys(broken, balancer.broken())) this.#loop.wake();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #toGrants(deadlines: ReadonlyMap<string, number>): readonly Grant[] {
    return [...deadlines].flatMap(([address, untilMs]) => {
      const link = this.#choice.interfaces.get(address);
      return link === undefined ? [] : [{ address, interface: link, untilMs }];
    });
  }

  /** Guards all addresses that could come here, so that a takeover need not. Nothing waits for it. */
  #prepare(addresses: readonly string[]): void {
    const { keeper, logger } = this.#options;
    const key = addresses.join(' ');
    if (key === this.#prepared) return;
    this.#prepared = key;
    keeper.prepare(addresses).catch((error: unknown) => {
      this.#prepared = '';
      logger.warn({ err: error }, 'addresses cannot be guarded ahead; it is tried again');
    });
  }

  #tell(before: ReadonlyMap<string, HeldAddress>, after: ReadonlyMap<string, HeldAddress>): void {
    const { demand, logger } = this.#options;
    this.#moves.tell({ services: demand.current().services, granted: this.#grants.since });
    if ([...after.values()].some(({ answering }) => answering)) this.#workerProblem = undefined;
    const left = [...before.keys()].filter((address) => !after.has(address));
    if (left.length > 0) logger.info({ addresses: left }, 'this host answers for addresses no more');
  }

  #tellClaim({ address, interface: link, mac, count }: ForeignClaim): void {
    // A machine that fights for the address sends many frames; the first of each power of two is told.
    if ((count & (count - 1)) !== 0) return;
    this.#options.logger.error(
      { address, interface: link, mac, count },
      'another machine claims an address that this host holds: find and stop it',
    );
  }
}

function sameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}
