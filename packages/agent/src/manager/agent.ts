// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import { type Clock, delay, type Timer } from '@fairlead/shared/runtime/clock.ts';
import type { CheckReport } from '@fairlead/shared/runtime/http.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AddressKeeper, ForeignClaim, HeldAddress } from '../announce/address-keeper.ts';
import type { Balancer } from '../balance/balancer.ts';
import { type HealthChecker, NO_HEALTH } from '../balance/health/health-checker.ts';
import { Protection } from '../balance/protection/protection.ts';
import { synProxyObstacle } from '../balance/protection/protection-model.ts';
import { NO_PROTECTOR, type Protector } from '../balance/protection/protector.ts';
import { usualForwarding } from '../config/ipvs-settings.ts';
import type { AgentSettings } from '../config/settings.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { type DhcpAddresses, NO_DHCP } from '../dhcp/dhcp-addresses.ts';
import { DhcpDesk } from '../dhcp/dhcp-desk.ts';
import { translateEngine } from '../dhcp/translated-engine.ts';
import { NameWatcher } from '../dns/name-watcher.ts';
import { createResolver, type ResolveName } from '../dns/resolve-name.ts';
import type { OwnershipEngine } from '../ownership/engine.ts';
import { NodeBook, sayTheSame } from '../ownership/node-eligibility.ts';
import { preferredNodes } from '../ownership/node-watch.ts';
import { rendezvousRank } from '../ownership/rank.ts';
import { canMoveAddresses } from '../services/moving-change.ts';
import { AGENT_REASON } from '../services/problem.ts';
import { type EngineView, NO_VIEW } from '../status/engine-view.ts';
import { NodeLabeler } from '../status/node-labels.ts';
import { nodeReference } from '../status/node-reference.ts';
import { type StatusReport, statusReport } from '../status/status-report.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { VERSION } from '../version.ts';
import { Announcements } from './announcements.ts';
import { EndpointFollower } from './endpoint-follower.ts';
import { needsDefaultRoute } from './interfaces.ts';
import { ReconcileLoop } from './loop.ts';
import type { AgentMetrics } from './metrics.ts';
import { MoveTeller } from './move-teller.ts';
import { type NodeLinks, readNodeLinks } from './node-links.ts';
import { PlaneWatch, type Verifiable } from './plane-watch.ts';
import { healthReport, readyReport } from './probes.ts';
import { Reconciler } from './reconciler.ts';
import type { Watches } from './watches.ts';

/** What {@link createAgent} connects. The caller owns `client` and `watches`; the rest is stopped with the agent. */
export interface AgentOptions {
  readonly settings: AgentSettings;
  readonly client: KubeClient;
  readonly watches: Watches;
  readonly engine: OwnershipEngine;
  /** What else can be seen of the engine's group; default: nothing. */
  readonly view?: EngineView;
  readonly keeper: AddressKeeper;
  /** Default: no address comes by DHCP. */
  readonly dhcp?: DhcpAddresses;
  readonly balancer: Balancer;
  /** Filters what comes for addresses of Services; default: nothing is filtered. */
  readonly protector?: Protector;
  /** Probes the back ends of Services; default: nothing is probed. */
  readonly health?: HealthChecker;
  /** Default: no address of the control plane is known. */
  readonly controlPlane?: ControlPlane | undefined;
  readonly metrics: AgentMetrics;
  /** One for the whole process: where RBAC forbids Events, it says so once. */
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests: the node's links. */
  readonly readLinks?: () => Promise<NodeLinks>;
  /** For tests: resolves DNS names. */
  readonly resolve?: ResolveName;
}

/** The agent of one node, from Services to frames. */
export interface Agent {
  /** Resolves when the first pass has been made. */
  start(): Promise<void>;
  /** Addresses off, then Leases back, then the tables away. Nothing of ours is left on the node. */
  stop(): Promise<void>;
  health(): CheckReport;
  ready(): CheckReport;
  /** All that can be seen from outside. */
  status(): StatusReport;
}

/** A pass without a reason: repairs what somebody else changed on the node. */
const RESYNC_MS = 15_000;
/** How often links are read anew, whether or not somebody has told of a change. */
const UPKEEP_MS = 5_000;
/** Pause after a failed pass. */
const RETRY_MS = 500;
/** Wait for the list of nodes before the first election; without it the preferences are only less even. */
const NODES_WAIT_MS = 2_000;
/** Handing over takes some milliseconds for each address; without others to take them it ends here. */
const DRAIN_LIMIT_MS = 3_000;
/** Neighbours send to this node until they have heard of the next owner; until then what comes still reaches its pod. */
const LINGER_MS = 200;
/** Links often change together; the first change is looked at at once, those after it together. */
const LINKS_PAUSE_MS = 100;
/** For taking the labels off the Node at the end. */
const LABELS_LIMIT_MS = 2_000;
/** This many nodes tell of troubles with a Service that nobody owns; not all nodes run an agent. */
const SPEAKERS = 3;

/** Connects everything; nothing runs before `start()`. */
export function createAgent(options: AgentOptions): Agent {
  return new NodeAgent(options);
}

class NodeAgent implements Agent {
  readonly #options: AgentOptions;
  readonly #reconciler: Reconciler;
  readonly #loop: ReconcileLoop;
  readonly #events: EventRecorder;
  readonly #status: StatusWriter | undefined;
  readonly #view: EngineView;
  readonly #names: NameWatcher;
  readonly #labels: NodeLabeler | undefined;
  readonly #moves: MoveTeller;
  readonly #planes: PlaneWatch;
  readonly #ended = new AbortController();
  readonly #unsubscribers: (() => void)[] = [];
  #statusEnd: Promise<void> = Promise.resolve();
  #nodes = NodeBook.unknown;
  #links: NodeLinks = { links: [], defaultInterface: undefined };
  #upkeepTimer: Timer | undefined;
  #linksTimer: Timer | undefined;
  #areLinksStale = false;
  #workerProblem: string | undefined;

  constructor(options: AgentOptions) {
    const { settings, client, watches, keeper, balancer, metrics, clock, logger } = options;
    const { dhcp = NO_DHCP, health = NO_HEALTH, protector = NO_PROTECTOR } = options;
    const desk = new DhcpDesk(dhcp, clock);
    const engine = translateEngine(options.engine, desk);
    this.#options = { ...options, engine, dhcp };
    const node = settings.nodeName;
    this.#events = options.events;
    this.#labels = settings.nodeLabels
      ? new NodeLabeler({ client, node, nodes: watches.nodes.store, clock, logger })
      : undefined;
    const { resolve = createResolver() } = options;
    const onChange = () => this.#loop.wake();
    this.#names = new NameWatcher({ mode: settings.dnsMode, resolve, clock, logger, onChange });
    this.#status = settings.serviceUpdates
      ? new StatusWriter({
          client,
          node,
          sources: { names: this.#names },
          isProxy: settings.balance !== 'none' && balancer.isProxy === true,
          clock,
          logger,
        })
      : undefined;
    this.#view = options.view ?? NO_VIEW;
    this.#moves = new MoveTeller({
      node,
      engine,
      view: this.#view,
      keeper,
      events: this.#events,
      clock,
      logger,
      onTakeover: ({ from, reason, tookMs }) => {
        if (from !== node) metrics.moves.inc({ from: from ?? '', reason });
        metrics.takeoverSeconds.observe(tookMs / 1000);
      },
      onDetection: (silentMs) => metrics.detectionSeconds.observe(silentMs / 1000),
    });
    const announcements = new Announcements({
      events: this.#events,
      logger,
      onProblem: ({ namespace, name }, { reason }) =>
        metrics.reconcileErrors.inc({ namespace, name, reason }),
    });
    this.#reconciler = new Reconciler({
      services: watches.services.store,
      slices: watches.slices.store,
      nodes: () => this.#readNodes(),
      rule: {
        node,
        classRule: settings.classRule,
        forwarding: usualForwarding(settings),
        namespace: settings.servicesNamespace,
        lease:
          settings.election === 'perService'
            ? { election: 'perService' }
            : { election: settings.election, lease: settings.servicesLease },
      },
      links: () => ({
        ...this.#links,
        interface: settings.interface,
        servicesInterface: settings.servicesInterface,
      }),
      names: this.#names,
      engine,
      dhcp: desk,
      keeper,
      balancer,
      health,
      protection: new Protection(protector, {
        closePorts: settings.closePorts,
        synProxyObstacle: synProxyObstacle(settings.balance, settings.forwarding),
      }),
      balancesServices: settings.balance !== 'none',
      controlPlane: options.controlPlane,
      announcements,
      moves: this.#moves,
      status: this.#status,
      speaksFor: (key) => this.#speaksFor(key),
      clock,
      logger,
    });
    this.#loop = new ReconcileLoop({
      pass: () => this.#pass(),
      resyncMs: RESYNC_MS,
      retryMs: RETRY_MS,
      clock,
      logger,
    });
    this.#planes = new PlaneWatch({
      planes: new Map<string, Verifiable>([
        ['data plane', balancer],
        ['protection', protector],
      ]),
      onRepair: () => this.#loop.wake(),
      clock,
      logger,
    });
    metrics.observe({
      services: () => this.#reconciler.desired.services,
      held: () => keeper.held(),
      announcer: () => keeper.stats(),
      ownership: () => engine.state(),
      engine: () => engine.stats(),
      raft: () => this.#view.raft(),
      balance: () => this.#reconciler.model,
      userSpace: () => balancer.relayed?.() ?? new Map(),
      health,
      protection: protector,
      controlPlane: () => options.controlPlane?.view(),
      loop: () => this.#loop,
      reflectors: watches.all,
    });
  }

  async start(): Promise<void> {
    const { watches, engine, logger } = this.#options;
    const signal = this.#ended.signal;
    await this.#readLinks();
    await Promise.all([watches.services.synced(signal), watches.slices.synced(signal)]);
    await watches.nodes.synced(AbortSignal.any([signal, AbortSignal.timeout(NODES_WAIT_MS)])).catch(() => {
      logger.warn('no list of nodes yet; the first owners are chosen without it');
    });
    // The engine learns what there is before it begins to contend: a common Lease is known by its Services only.
    this.#reconciler.observe();
    await engine.start();
    if (signal.aborted) return;
    this.#subscribe();
    if (this.#status !== undefined) this.#statusEnd = this.#status.run(signal);
    await this.#loop.once();
    this.#upkeepLater();
    this.#planes.start();
  }

  async stop(): Promise<void> {
    const { keeper, dhcp = NO_DHCP, engine, balancer, health, controlPlane, clock } = this.#options;
    const { protector = NO_PROTECTOR } = this.#options;
    this.#ended.abort(new Error('the agent was stopped'));
    this.#upkeepTimer?.cancel();
    this.#planes.stop();
    this.#names.stop();
    this.#linksTimer?.cancel();
    const hasHandedOver = keeper.held().size > 0;
    // Passes go on until here: what is handed over comes off and is confirmed while others take it.
    await engine.drain(DRAIN_LIMIT_MS);
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    this.#reconciler.stop();
    // The addresses do not wait for a pass that is under way: the keeper takes the newest wish.
    const errors: unknown[] = [];
    const step = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        errors.push(error);
      }
    };
    await step(() => keeper.apply([]));
    await step(() => dhcp.stop());
    await step(() => engine.stop());
    await step(() => keeper.stop());
    await step(() => this.#loop.stop());
    controlPlane?.stop();
    health?.stop();
    if (hasHandedOver) await delay(clock, LINGER_MS);
    await step(() => balancer.stop());
    await step(() => protector.stop());
    await step(() => this.#statusEnd);
    await step(async () => this.#labels?.stop(LABELS_LIMIT_MS));
    this.#moves.stop();
    await step(() => this.#events.flush());
    if (errors.length > 0) throw new AggregateError(errors, 'the agent could not be stopped cleanly');
  }

  health(): CheckReport {
    return healthReport(this.#probeSources());
  }

  ready(): CheckReport {
    return readyReport(this.#probeSources());
  }

  status(): StatusReport {
    const { settings, engine, keeper, health = NO_HEALTH, clock } = this.#options;
    const { services, groups, problems } = this.#reconciler.desired;
    return statusReport({
      version: VERSION,
      node: settings.nodeName,
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMs(),
      checks: this.ready(),
      dataPlane: settings.balance,
      engine: { name: this.#engineName(), health: engine.health() },
      groupProblems: this.#view.problems?.() ?? [],
      ownership: engine.state(),
      raft: this.#view.raft(),
      group: this.#view.group(),
      held: keeper.held(),
      announcer: keeper.stats(),
      services,
      groups,
      problems,
      verdicts: health.verdicts(),
      controlPlane: this.#options.controlPlane?.view(),
      failovers: this.#moves.recent,
    });
  }

  #engineName(): string {
    const { inForce } = this.#view;
    return inForce === undefined ? this.#options.engine.name : (inForce.call(this.#view) ?? 'none');
  }

  #probeSources() {
    const { keeper, engine, watches } = this.#options;
    return {
      stuckMs: () => this.#loop.stuckMs(),
      workerProblem: () => this.#workerProblem,
      held: () => keeper.held(),
      engine: () => engine.health(),
      reflectors: watches.all,
    };
  }

  #subscribe(): void {
    const { watches, engine, keeper, dhcp = NO_DHCP, health = NO_HEALTH } = this.#options;
    const { controlPlane, metrics, clock, logger } = this.#options;
    const wake = () => this.#loop.wake();
    const [reconciler, loop] = [this.#reconciler, this.#loop];
    const endpoints = new EndpointFollower({ reconciler, loop, clock, logger });
    this.#unsubscribers.push(
      watches.services.subscribe((change) => {
        metrics.serviceEvents.inc({ type: EVENT_TYPES[change.type] });
        if (canMoveAddresses(change)) wake();
        else this.#loop.wakeSoon();
      }),
      watches.slices.subscribe((change) => endpoints.follow(change)),
      controlPlane?.onChange(wake) ?? (() => undefined),
      watches.nodes.subscribe((change) => {
        // Heartbeats change a Node all the time, and nothing that matters here.
        if (change.type !== 'updated' || !sayTheSame(change.object, change.previous)) wake();
      }),
      engine.onChange(wake),
      health.onChange(wake),
      dhcp.onChange(wake),
      engine.onExtended((deadlines) => this.#reconciler.extend(deadlines)),
      keeper.onLinksChanged(() => this.#followLinks()),
      keeper.onForeignClaim((claim) => this.#tellClaim(claim)),
      keeper.onLoss(({ addresses, reason }) => {
        logger.warn({ addresses, reason }, 'answering ended without being asked for');
        if (reason === 'workerFailed') this.#workerProblem = 'the answering thread failed';
        wake();
      }),
    );
  }

  async #pass(): Promise<void> {
    const { keeper, metrics, clock } = this.#options;
    const startMs = clock.monotonicMs();
    const before = keeper.held();
    await this.#reconciler.pass();
    const after = keeper.held();
    if ([...after.values()].some(({ answering }) => answering)) this.#workerProblem = undefined;
    this.#wantLabels(after);
    const changed = (address: string) => before.has(address) !== after.has(address);
    const namespaces = new Set<string>();
    for (const { namespace, addresses } of this.#reconciler.desired.services) {
      if (addresses.some(changed)) namespaces.add(namespace);
    }
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    for (const namespace of namespaces) metrics.reconcileSeconds.observe({ namespace }, seconds);
  }

  #wantLabels(held: ReadonlyMap<string, HeldAddress>): void {
    const answered = [...held.values()].filter(({ answering }) => answering).map(({ address }) => address);
    this.#labels?.want({
      services: this.#reconciler.desired.services,
      answered: new Set(answered),
      lostNodes: this.#options.engine.state().lostNodes,
    });
  }

  /** What changes without anybody telling: links come and go. */
  #upkeepLater(): void {
    if (this.#ended.signal.aborted) return;
    this.#upkeepTimer = this.#options.clock.setTimer(() => {
      const before = this.#links;
      this.#readLinks()
        .then(() => {
          if (!isDeepStrictEqual(before, this.#links)) this.#loop.wake();
        })
        .catch((error: unknown) =>
          this.#options.logger.warn({ err: error }, 'upkeep failed; it is tried again'),
        )
        .finally(() => this.#upkeepLater());
    }, UPKEEP_MS);
  }

  /** At once, and not more often than every {@link LINKS_PAUSE_MS}. */
  #followLinks(): void {
    this.#areLinksStale = true;
    if (this.#linksTimer !== undefined) return;
    const look = () => {
      this.#linksTimer = undefined;
      if (!this.#areLinksStale || this.#ended.signal.aborted) return;
      this.#areLinksStale = false;
      this.#linksTimer = this.#options.clock.setTimer(look, LINKS_PAUSE_MS);
      this.#readLinks()
        .then(() => this.#loop.wake())
        .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'links cannot be read'));
    };
    look();
  }

  #readNodes(): NodeBook {
    const { nodes } = this.#options.watches;
    this.#nodes = NodeBook.read(nodes.store.values(), nodes.isSynced, this.#nodes);
    return this.#nodes;
  }

  async #readLinks(): Promise<void> {
    const { settings, readLinks = () => readNodeLinks(needsDefaultRoute(settings.interface)) } =
      this.#options;
    this.#links = await readLinks();
  }

  #speaksFor(serviceKey: string): boolean {
    const { nodeName } = this.#options.settings;
    const agents = this.#likelyAgents();
    // A node that is spared may be one of those few that run an agent at all.
    return !agents.includes(nodeName) || rendezvousRank(serviceKey, nodeName, agents) < SPEAKERS;
  }

  /** Nodes that run a living agent, where the engine knows, or else those that might. */
  #likelyAgents(): readonly string[] {
    const { watches, engine } = this.#options;
    const members = [...(this.#view.raft()?.members ?? [])];
    if (members.length > 0) return members.flatMap(([name, state]) => (state === 'up' ? name : []));
    return preferredNodes(watches.nodes.store.values(), engine.state().lostNodes, () => true);
  }

  #tellClaim({ address, interface: link, mac, count }: ForeignClaim): void {
    const { logger } = this.#options;
    // A machine that fights for the address sends many frames; the first of each power of two is told.
    if ((count & (count - 1)) !== 0) return;
    logger.error(
      { address, interface: link, mac, count },
      'another machine claims an address that this node holds',
    );
    const message = `${mac} on ${link} answers for ${address} as well (${count} times); find and stop that machine`;
    for (const { object, addresses } of this.#reconciler.desired.services) {
      if (addresses.includes(address))
        this.#events.event(object, 'Warning', AGENT_REASON.foreignClaim, message);
    }
    if (this.#options.controlPlane?.view().addresses.includes(address) === true) {
      const { nodeName } = this.#options.settings;
      this.#events.event(nodeReference(nodeName), 'Warning', AGENT_REASON.foreignClaim, message);
    }
  }
}

const EVENT_TYPES = { added: 'ADDED', updated: 'MODIFIED', deleted: 'DELETED' } as const;
