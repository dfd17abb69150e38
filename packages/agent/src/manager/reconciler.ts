// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AddressKeeper, HeldAddress } from '../announce/address-keeper.ts';
import type { Grant } from '../announce/grant.ts';
import type { Balancer } from '../balance/balancer.ts';
import { possibleModel } from '../balance/dsr/direct-return.ts';
import { checksWithoutPlane } from '../balance/health/annotated-check.ts';
import { targetsOf, tellUnprobed, withoutDead } from '../balance/health/checked-model.ts';
import type { HealthChecker } from '../balance/health/health-checker.ts';
import {
  type BalanceModel,
  type Frontend,
  NOTHING_TO_BALANCE,
  withFrontends,
} from '../balance/model/frontend.ts';
import {
  type BalanceInput,
  balanceModel,
  isWanted,
  possibleFrontends,
} from '../balance/model/service-frontends.ts';
import type { Protection } from '../balance/protection/protection.ts';
import type { Surroundings } from '../balance/surroundings.ts';
import { CONTROL_PLANE_KEY, type ControlPlaneClaim } from '../control-plane/claim.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { withClaim } from '../control-plane/desired.ts';
import type { DhcpDesk } from '../dhcp/dhcp-desk.ts';
import { isOwnershipKey } from '../dhcp/ownership-key.ts';
import type { TranslatedEngine } from '../dhcp/translated-engine.ts';
import type { NameWatcher } from '../dns/name-watcher.ts';
import { UNTIL_WITHDRAWN } from '../ownership/engine.ts';
import type { NodeBook } from '../ownership/node-eligibility.ts';
import type { ServiceEndpoint } from '../services/endpoints.ts';
import type { ServiceProblem } from '../services/problem.ts';
import { type ServedService, servedService } from '../services/served-service.ts';
import { nodeReference } from '../status/node-reference.ts';
import type { WantedStatus } from '../status/status-writer.ts';
import type { Announcements } from './announcements.ts';
import { type Desired, type DesiredRule, desiredState } from './desired.ts';
import { GrantsSeen } from './grants-seen.ts';
import type { InterfaceRule } from './interfaces.ts';
import type { MovedService, MoveTeller } from './move-teller.ts';

/** What {@link Reconciler} connects. */
export interface ReconcilerOptions {
  readonly services: ReadonlyStore<Service>;
  readonly slices: ReadonlyStore<EndpointSlice>;
  /** What the Node objects say; the same object as long as they say the same. */
  readonly nodes: () => NodeBook;
  readonly rule: DesiredRule;
  readonly links: () => InterfaceRule;
  /** Resolves the DNS names among the addresses. */
  readonly names: Pick<NameWatcher, 'mode' | 'stateOf' | 'want'>;
  /** Speaks of addresses where ownership knows keys of DHCP. */
  readonly engine: TranslatedEngine;
  readonly dhcp: DhcpDesk;
  readonly keeper: AddressKeeper;
  readonly balancer: Balancer;
  /** Probes the back ends of Services. */
  readonly health: Pick<HealthChecker, 'want' | 'down'>;
  /** Filters what comes for the addresses. */
  readonly protection: Pick<Protection, 'follow' | 'problems'>;
  /** False: somebody else sends connections on to pods, and the balancer is for the control plane alone. */
  readonly balancesServices: boolean;
  /** Undefined: no address of the control plane is known. */
  readonly controlPlane: ControlPlane | undefined;
  readonly announcements: Announcements;
  readonly moves: Pick<MoveTeller, 'tell'>;
  /** Undefined when Services are not to be written. */
  readonly status: { want(wanted: ReadonlyMap<string, WantedStatus>): void } | undefined;
  readonly speaksFor: (serviceKey: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One pass of the agent: look at cluster and node, compute the whole desired state, apply the difference. The order is
 * what makes it safe:
 *
 * 1. addresses that are not granted any more go off, and the engine hears of it, before anything slower;
 * 2. the data plane gets what is missing for an address before neighbours are told to send here: usually nothing, as
 *    frontends are there ahead;
 * 3. then the new addresses come up;
 * 4. what only the holder of an address needs is removed last, when no packet comes for it any more.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #desired: Desired = {
    services: [],
    groups: [],
    interfaces: new Map(),
    unservable: new Set(),
    problems: new Map(),
  };
  #claim: ControlPlaneClaim | undefined;
  /** The Services of the last pass, with the addresses that DHCP gave them. */
  #services: readonly ServedService[] = [];
  #model: BalanceModel = NOTHING_TO_BALANCE;
  /** What it was made from. */
  #modelled:
    | {
        readonly services: readonly ServedService[];
        readonly addresses: ReadonlySet<string>;
        readonly lostNodes: ReadonlySet<string>;
      }
    | undefined;
  /** What its frontends depend on beside their Services. */
  #terms: BalanceTerms | undefined;
  /** The Services of the last pass by key, once somebody has asked. */
  #byKey: Map<string, ServedService> | undefined;
  /** Services whose endpoints were followed since the last look at all: what a pass under way has seen of them is older. */
  readonly #followed = new Map<string, ServedService>();
  #prepared: ReadonlySet<string> = NO_ADDRESSES;
  /** Version of the engine's state that was applied last. */
  #done = 0;
  readonly #grants = new GrantsSeen();
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** The desired state of the last pass. */
  get desired(): Desired {
    const { dhcp } = this.#options;
    const groups = this.#desired.groups.map((group) => dhcp.named(group));
    return { ...this.#desired, services: this.#services, groups, problems: this.#problems() };
  }

  /** The frontends of the last pass. */
  get model(): BalanceModel {
    return this.#model;
  }

  /** Computes what there is to own and tells the engine, without applying anything. */
  observe(): void {
    const { services, slices, nodes, links, names, engine, rule, controlPlane } = this.#options;
    this.#claim = controlPlane?.claim(names);
    const forServices = desiredState(
      {
        services: services.values(),
        slices: slices.values(),
        nodes: nodes(),
        lostNodes: engine.state().lostNodes,
        links: links(),
        sources: { names },
      },
      rule,
    );
    this.#desired = withClaim(forServices, this.#claim, links());
    const namedByServices = this.#desired.services.flatMap((service) => service.names);
    names.want(new Set([...namedByServices, ...(controlPlane?.names ?? [])]));
    this.#services = this.#options.dhcp.resolve(this.#desired.services);
    this.#byKey = undefined;
    this.#followed.clear();
    engine.want(this.#desired.groups, this.#unservable());
    this.#noteGrants();
  }

  /** Asks DHCP for what this node owns now; what it owns no more is off by now. A noted lease gives its address at once. */
  #askDhcp(): void {
    const { dhcp, engine } = this.#options;
    if (this.#stopped) return;
    const { services, interfaces } = this.#desired;
    const owned = [...engine.ownedKeys()].flatMap((key) => {
      const link = interfaces.get(key);
      return link === undefined ? [] : [[key, link] as const];
    });
    dhcp.follow(services, new Map(owned));
    this.#services = dhcp.resolve(services);
    this.#byKey = undefined;
  }

  /** Whether {@link followEndpoints} can do anything: not before the first pass, and not where the data plane has no way to. */
  get isFollowing(): boolean {
    const { balancer, balancesServices } = this.#options;
    return this.#terms !== undefined && balancesServices && balancer.replace !== undefined && !this.#stopped;
  }

  /**
   * Endpoints of one Service have changed: straight to the data plane, without a look at anything else.
   *
   * @throws as the balancer does; then a pass has to follow, too
   */
  async followEndpoints(key: string, endpoints: readonly ServiceEndpoint[] | undefined): Promise<Followed> {
    const { balancer, health } = this.#options;
    const terms = this.#terms;
    if (!this.isFollowing || terms === undefined || balancer.replace === undefined) return 'left';
    this.#byKey ??= new Map(this.#services.map((service) => [service.key, service]));
    const before = this.#byKey.get(key);
    // Addresses that come from elsewhere are looked up by a pass.
    if (before === undefined || before.dhcp.length > 0 || before.names.length > 0) return 'left';
    const service = servedService(before.object, endpoints, {});
    this.#byKey.set(key, service);
    this.#followed.set(key, service);
    const own = possibleFrontends(service, terms).frontends.filter(({ id }) => {
      const holder = this.#model.frontends.get(id);
      return holder === undefined || holder.service === key;
    });
    const wanted = own.filter((frontend) => isWanted(frontend, terms));
    const part = { frontends: new Map(wanted.map((each) => [each.id, each])), problems: new Map() };
    const { frontends } = possibleModel(withoutDead(part, health.down), balancer, () => this.#surroundings());
    const changed = new Map(own.map(({ id }) => [id, frontends.get(id)]));
    this.#model = withFrontends(this.#model, changed);
    await balancer.replace(changed);
    return isBalancingAlone(before, service, own) ? 'done' : 'steered';
  }

  /** See the class. */
  async pass(): Promise<void> {
    const { keeper, engine } = this.#options;
    this.observe();
    this.#prepare();
    const before = keeper.held();
    const kept = this.#stopped ? [] : this.#toGrants(engine.state().grants);
    const staying = new Set(kept.map(({ address }) => address));
    if ([...before.keys()].some((address) => !staying.has(address))) {
      // What is new in this state is still to be done.
      await this.#apply(
        kept.filter(({ address }) => before.has(address)),
        this.#done,
      );
    }
    await this.#breathe();
    this.#askDhcp();
    const granted = this.#stopped ? [] : this.#toGrants(engine.state().grants);
    const unprotected = await this.#protect();
    const unbalanced = await this.#balance([
      ...granted.map(({ address }) => address),
      ...keeper.held().keys(),
    ]);
    if (this.#stopped) return;
    // Deadlines moved on, and grants may have ended, while nft was running.
    const { grants, version } = engine.state();
    this.#noteGrants();
    await this.#apply(this.#toGrants(grants), version);
    this.#done = version;
    const held = keeper.held();
    await this.#balance(held.keys());
    await this.#breathe();
    this.#tell(held);
    const failure = unprotected ?? unbalanced;
    if (failure !== undefined) throw failure;
  }

  /** Among thousands of Services each part of a pass takes a while, and changes of endpoints do not wait for all of them. */
  async #breathe(): Promise<void> {
    if (this.#services.length >= MANY_SERVICES) await new Promise((resolve) => setImmediate(resolve));
  }

  /** What this node cannot serve: its link is down, or a port of it cannot be listened on. */
  #unservable(): ReadonlySet<string> {
    const { unservable } = this.#desired;
    const refused = this.#options.balancer.unservable?.() ?? NO_ADDRESSES;
    return refused.size === 0 ? unservable : new Set([...unservable, ...refused]);
  }

  /** New deadlines, straight to the worker. */
  extend(deadlines: ReadonlyMap<string, number>): void {
    if (this.#stopped) return;
    this.#options.keeper.extend(this.#toGrants(deadlines));
  }

  /** No pass does anything to the node any more. */
  stop(): void {
    this.#stopped = true;
  }

  #toGrants(deadlines: ReadonlyMap<string, number>): readonly Grant[] {
    return [...deadlines].flatMap(([address, untilMs]) => {
      // There is no address yet.
      if (isOwnershipKey(address)) return [];
      const lease = this.#options.dhcp.factsOf(address);
      const link = this.#desired.interfaces.get(lease?.key ?? address);
      if (link === undefined) return [];
      if (lease === undefined) return [{ address, interface: link, untilMs }];
      const endMs = untilMs === UNTIL_WITHDRAWN ? untilMs : Math.min(untilMs, lease.untilMs);
      return [{ address, interface: link, untilMs: endMs, ownedAs: lease.key, notAfterMs: lease.untilMs }];
    });
  }

  async #apply(grants: readonly Grant[], version: number): Promise<void> {
    const { keeper, engine } = this.#options;
    await keeper.apply(grants);
    engine.report(new Set(keeper.held().keys()), version);
  }

  /** Filters for all addresses, here or not. An error is returned: an address is better off unprotected than nowhere. */
  async #protect(): Promise<unknown> {
    try {
      const { nodes, protection } = this.#options;
      await protection.follow(this.#services, [nodes().allAddresses(), new Set(this.#claim?.addresses)]);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Programs the data plane for these addresses. An error is returned: addresses must go off even when nft fails. */
  async #balance(addresses: Iterable<string>): Promise<unknown> {
    const { balancer } = this.#options;
    const wanted = new Set(addresses);
    // Nearly always nothing has changed since the first time in the same pass.
    if (!this.#isModelFor(wanted)) this.#model = this.#modelFor(wanted);
    if (balancer.name === 'none') return undefined;
    try {
      await balancer.apply(this.#model);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #modelFor(addresses: ReadonlySet<string>): BalanceModel {
    const { balancer, controlPlane, engine } = this.#options;
    const { lostNodes } = engine.state();
    const forServices = this.#forServices(addresses, lostNodes);
    this.#modelled = { services: this.#services, addresses, lostNodes };
    const model =
      controlPlane === undefined || this.#claim === undefined
        ? forServices
        : controlPlane.balanced(forServices, this.#claim, lostNodes);
    return possibleModel(model, balancer, () => this.#surroundings());
  }

  #isModelFor(addresses: ReadonlySet<string>): boolean {
    const { health, engine } = this.#options;
    const last = this.#modelled;
    return (
      last !== undefined &&
      last.services === this.#services &&
      // What there is to know of API servers changes without a new look.
      this.#claim === undefined &&
      health.down.size === 0 &&
      sameSet(last.addresses, addresses) &&
      sameSet(last.lostNodes, engine.state().lostNodes)
    );
  }

  #surroundings(): Surroundings {
    const { nodes, links, rule, dhcp } = this.#options;
    const { interfaces } = this.#desired;
    return {
      node: rule.node,
      links: links().links,
      linkOf: (address) => interfaces.get(dhcp.factsOf(address)?.key ?? address),
      addressesOf: (node) => nodes().addressesOf(node),
    };
  }

  /** The frontends of Services that are wanted here, without their dead back ends. */
  #forServices(addresses: ReadonlySet<string>, lostNodes: ReadonlySet<string>): BalanceModel {
    const { balancer, balancesServices, health, rule } = this.#options;
    const { missingSchedulers, kernelSchedulers } = balancer;
    const followed = this.#followed;
    const services =
      followed.size === 0 ? this.#services : this.#services.map((each) => followed.get(each.key) ?? each);
    if (!balancesServices) return { frontends: new Map(), problems: checksWithoutPlane(services) };
    const prepared = new Set(this.#possible());
    const { node, forwarding = 'nat' } = rule;
    const terms = { node, lostNodes, missingSchedulers, kernelSchedulers, forwarding };
    this.#terms = { addresses, prepared, ...terms };
    const model = balanceModel({ services, ...this.#terms });
    const here = { name: node, isHeld: (address: string) => addresses.has(address) };
    health.want(targetsOf(model.frontends.values(), here).values());
    return withoutDead(tellUnprobed(model), health.down);
  }

  /** Guards all addresses that could come here, so that a takeover need not. Nothing waits for it. */
  #prepare(): void {
    const { keeper, logger } = this.#options;
    const addresses = new Set(this.#possible());
    if (sameSet(addresses, this.#prepared)) return;
    this.#prepared = addresses;
    keeper.prepare([...addresses].sort()).catch((error: unknown) => {
      this.#prepared = NO_ADDRESSES;
      logger.warn({ err: error }, 'addresses cannot be guarded ahead; it is tried again');
    });
  }

  /** Addresses that may come to this node at any time. */
  #possible(): readonly string[] {
    const named = [...this.#desired.interfaces.keys()].filter((address) => !isOwnershipKey(address));
    return [...named, ...this.#options.dhcp.known()];
  }

  #tell(held: ReadonlyMap<string, HeldAddress>): void {
    const { announcements, moves, engine, dhcp, protection, balancer, status, speaksFor } = this.#options;
    const { controlPlane } = this.#options;
    const answered = new Set(
      [...held.values()].filter(({ answering }) => answering).map(({ address }) => address),
    );
    moves.tell({
      services: [...this.#services, ...this.#movedControlPlane()],
      granted: this.#grants.since,
    });
    const problems = [
      this.#model.problems,
      protection.problems(),
      balancer.problems?.() ?? NO_PROBLEMS,
    ].reduce(mergeProblems, this.#problems());
    controlPlane?.tell(problems.get(CONTROL_PLANE_KEY) ?? []);
    announcements.tell({
      services: this.#services,
      problems,
      // Who asks for an address tells why there is none.
      held: new Set([...answered, ...engine.ownedKeys()]),
      owners: engine.state().owners,
      speaksFor,
    });
    if (status === undefined) return;
    const wanted = new Map<string, WantedStatus>();
    for (const service of this.#services) {
      const { key, object, addresses, refused } = service;
      const isOurs = addresses.length > 0 && addresses.every((address) => answered.has(address));
      // What it was written before it was refused would mislead users, and kube-proxy.
      if (isOurs || (refused && speaksFor(key))) {
        const [annotations, announced] = [dhcp.notes(service), dhcp.wordOn(service)];
        wanted.set(key, { service: object, addresses, annotations, announced });
        continue;
      }
      const lack = dhcp.lackOf(service);
      if (lack === undefined) continue;
      const left = addresses.filter((address) => answered.has(address));
      wanted.set(key, { service: object, addresses: left, announced: lack });
    }
    status.want(wanted);
  }

  /** Its addresses move like those of a Service; the Node tells of it, for there is no other object. */
  #movedControlPlane(): readonly MovedService[] {
    const { rule } = this.#options;
    const { addresses = [] } = this.#claim ?? {};
    return addresses.length === 0 ? [] : [{ addresses, object: nodeReference(rule.node) }];
  }

  #problems(): Desired['problems'] {
    return mergeProblems(this.#desired.problems, this.#options.dhcp.problems(this.#desired.services));
  }

  #noteGrants(): void {
    const { engine, clock } = this.#options;
    this.#grants.note(engine.state().grants, clock.monotonicMs());
  }
}

const NO_PROBLEMS: Desired['problems'] = new Map();
const NO_ADDRESSES: ReadonlySet<string> = new Set();

const MANY_SERVICES = 1_000;

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const each of a) if (!b.has(each)) return false;
  return true;
}

/**
 * How far a change of endpoints has been followed: `done`: entirely; `steered`: connections follow, and a pass has the rest to do;
 * `left`: to a pass.
 */
export type Followed = 'done' | 'steered' | 'left';

/** What frontends depend on beside their Services. */
type BalanceTerms = Omit<BalanceInput, 'services'>;

/** Whether a change of endpoints matters to nothing but balancing: not to who may own the address, and not to whom is probed. */
function isBalancingAlone(
  before: ServedService,
  after: ServedService,
  frontends: readonly Frontend[],
): boolean {
  return (
    after.policy === 'Cluster' &&
    before.endpoints.length > 0 &&
    after.endpoints.length > 0 &&
    frontends.every(({ forwarding, healthCheck }) => forwarding === 'nat' && healthCheck === undefined)
  );
}

function mergeProblems(
  first: ReadonlyMap<string, readonly ServiceProblem[]>,
  second: ReadonlyMap<string, readonly ServiceProblem[]>,
): ReadonlyMap<string, readonly ServiceProblem[]> {
  if (second.size === 0) return first;
  const merged = new Map(first);
  for (const [key, problems] of second) merged.set(key, [...(merged.get(key) ?? []), ...problems]);
  return merged;
}
