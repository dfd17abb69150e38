import { NONE_AVOIDED } from '../node-eligibility.ts';
import { rendezvousSeed } from '../rank.ts';
import type { PlacementGroup } from './placement-group.ts';
import {
  choose,
  chooseWelcome,
  compare,
  isCandidate,
  mayKeep,
  mayStay,
  mostWilling,
  outranks,
  type PlacedNode,
  sameCandidates,
  sameList,
  soonest,
  type Unit,
} from './placement-unit.ts';
import { type NodeCondition, NodeStanding, type StandingPolicy } from './standing.ts';

/** How addresses are placed. */
export interface PlacementPolicy extends StandingPolicy {
  /** `one`: all addresses on one node, as kube-vip does without `svc_election`. */
  readonly spread: 'all' | 'one';
  /**
   * A node may have this many times the average before new addresses pass it by; outside of [average / slack, average *
   * slack] addresses are moved for balance.
   */
  readonly slack: number;
  /** One group is moved for balance per such time at most; undefined: never. */
  readonly rebalanceEveryMs: number | undefined;
}

/** What our manifests use. */
export const DEFAULT_PLACEMENT: PlacementPolicy = {
  spread: 'all',
  slack: 1.25,
  rebalanceEveryMs: 5_000,
  settleMs: 30_000,
  maxSettleMs: 1_800_000,
  forgiveMs: 600_000,
};

/** Why an address is placed anew; the first that holds. */
export type MoveReason =
  /** Nobody had it. */
  | 'placed'
  /** There is no Service for it any more. */
  | 'unwanted'
  /** Its node is not heard any more. */
  | 'lost'
  /** Its node leaves. */
  | 'drained'
  /** Its node cannot serve at all. */
  | 'ineligible'
  /** Its node cannot serve this one (no endpoint there any more). */
  | 'notCandidate'
  /** Its node could, but is to be avoided (excluded by a label, going to be deleted), and another one can have it. */
  | 'avoided'
  /** It must be where another address of its group is, or where all are. */
  | 'together'
  /** Another node had too little to do. */
  | 'rebalanced';

/** An address gets another node. `to` undefined: no node can have it now. */
export interface Move {
  readonly address: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly reason: MoveReason;
}

/**
 * Which node each address should be on: rule 7 of the `raft` engine, for the coordinator alone. It says what is wanted;
 * that the old holder lets go first is the coordinator's business.
 *
 * Sticky: an address stays until its node is lost, drained, ineligible, to be avoided or no candidate any more. Then it
 * goes to the node that comes first for it by rendezvous hash and has room. Nothing goes back only because a node has come back; but
 * when the loads have drifted too far apart, one group per interval is moved to a node that has been there for a while.
 *
 * Pure: time is passed in, and the same calls give the same moves. `place` costs what has changed, not what there is.
 */
export class Placement {
  readonly #policy: PlacementPolicy;
  readonly #nodes = new Map<string, PlacedNode>();
  #groups: readonly PlacementGroup[] | undefined;
  /** Where no single group is meant: a node is avoided for all groups or for none. */
  #avoided = NONE_AVOIDED;
  #unitOf = new Map<string, Unit>();
  /** Where each address is as far as the caller knows: adopted, or told by `place`. */
  readonly #told = new Map<string, string>();
  /** Addresses whose node may differ from what was told. */
  readonly #touched = new Set<string>();
  /** Units that are not on a ready candidate, or on one to be avoided; they are tried again whenever something changes. */
  readonly #unsettled = new Set<Unit>();
  #changed = false;
  /** What was moved for balance in this round. */
  #movedForBalance: Unit | undefined;
  /** When balance is looked at next; infinity when nothing can be done before something changes. */
  #rebalanceMs = Number.NEGATIVE_INFINITY;
  #lastRebalanceMs = Number.NEGATIVE_INFINITY;

  constructor(policy: PlacementPolicy) {
    this.#policy = policy;
  }

  /** The node an address should be on, as of the last `place`. */
  nodeOf(address: string): string | undefined {
    return this.#told.get(address);
  }

  /** All placed addresses and their nodes, as of the last `place`. */
  get placed(): ReadonlyMap<string, string> {
    return this.#told;
  }

  /** Addresses on a node, as of the last `place`. */
  loadOf(node: string): number {
    return this.#nodes.get(node)?.load ?? 0;
  }

  /**
   * A new coordinator has found this address on this node. Takes effect as if `place` had put it there. An address that is
   * not wanted comes off again; but as long as nobody has said what is wanted (an agent that started while the API server
   * is away can become coordinator, too), what others hold is kept, and moved when its node is lost.
   */
  adopt(address: string, node: string): void {
    this.#told.set(address, node);
    this.#touched.add(address);
    this.#changed = true;
    const unit = this.#unitOf.get(address);
    if (unit !== undefined) this.#put(unit, this.#homeOf(unit.addresses));
    else if (this.#groups === undefined) this.#add({ addresses: [address], candidates: 'any' });
  }

  /** All groups that there are; no address is in two of them. */
  setGroups(groups: readonly PlacementGroup[]): void {
    if (groups === this.#groups) return;
    this.#groups = groups;
    this.#avoided = groups.find(({ avoided }) => avoided !== undefined)?.avoided ?? NONE_AVOIDED;
    const before = this.#unitOf;
    const after = new Map<string, Unit>();
    const fresh: PlacementGroup[] = [];
    const stays = new Set<Unit>();
    for (const group of groups) {
      const unit = before.get(group.addresses[0] ?? '');
      if (unit === undefined || !sameList(unit.addresses, group.addresses)) {
        fresh.push(group);
        continue;
      }
      stays.add(unit);
      for (const address of unit.addresses) after.set(address, unit);
      if (!sameCandidates(unit, group)) this.#setCandidates(unit, group);
    }
    if (fresh.length === 0 && after.size === before.size) return;
    this.#changed = true;
    this.#unitOf = after;
    for (const [address, unit] of before) if (!stays.has(unit)) this.#remove(unit, address);
    for (const group of fresh) this.#add(group);
  }

  /** What another coordinator has counted of a node's failures. */
  remember(name: string, { losses, sinceMs }: { readonly losses: number; readonly sinceMs: number }): void {
    this.#nodeNamed(name).standing.remember(losses, sinceMs);
    this.#changed = true;
  }

  /** Failures of a node that are not forgiven yet. */
  lossesOf(name: string, nowMs: number): number {
    return this.#nodes.get(name)?.standing.losses(nowMs) ?? 0;
  }

  /** All nodes whose agents are heard, with their conditions. */
  setNodes(conditions: ReadonlyMap<string, NodeCondition>, nowMs: number): void {
    for (const [name, condition] of conditions) this.#setCondition(this.#nodeNamed(name), condition, nowMs);
    for (const node of this.#nodes.values()) {
      if (conditions.has(node.name)) continue;
      this.#setCondition(node, 'lost', nowMs);
      if (node.units.size === 0 && node.standing.isForgotten(nowMs)) this.#nodes.delete(node.name);
    }
  }

  /** What has to move, and why. Addresses for which there is no node now are tried again when something changes. */
  place(nowMs: number): readonly Move[] {
    this.#movedForBalance = undefined;
    if (this.#changed) {
      this.#changed = false;
      this.#rebalanceMs = Number.NEGATIVE_INFINITY;
      if (this.#policy.spread === 'one') this.#placeOnOne(nowMs);
      else this.#settle(nowMs);
    }
    if (this.#policy.spread === 'all') this.#rebalance(nowMs);
    return this.#tell();
  }

  /** When to call `place` again although nothing has changed; infinity: not at all. */
  nextMs(): number {
    return this.#policy.spread === 'one' ? Number.POSITIVE_INFINITY : this.#rebalanceMs;
  }

  #nodeNamed(name: string): PlacedNode {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      node = { name, standing: new NodeStanding(this.#policy), units: new Set(), load: 0 };
      this.#nodes.set(name, node);
    }
    return node;
  }

  #setCondition(node: PlacedNode, condition: NodeCondition | 'lost', nowMs: number): void {
    if (!node.standing.become(condition, nowMs)) return;
    this.#changed = true;
    for (const unit of node.units) this.#judge(unit);
  }

  #setCandidates(unit: Unit, { candidates, avoided = NONE_AVOIDED }: PlacementGroup): void {
    unit.candidates = candidates;
    unit.avoided = avoided;
    this.#changed = true;
    this.#judge(unit);
  }

  #add(group: PlacementGroup): void {
    const addresses = group.addresses.filter((address) => !this.#unitOf.has(address));
    const [first] = addresses;
    if (first === undefined) return;
    const unit: Unit = {
      addresses,
      seed: rendezvousSeed(first),
      candidates: group.candidates,
      avoided: group.avoided ?? NONE_AVOIDED,
      node: undefined,
    };
    for (const address of addresses) {
      this.#unitOf.set(address, unit);
      this.#touched.add(address);
    }
    this.#put(unit, this.#homeOf(addresses));
  }

  #remove(unit: Unit, address: string): void {
    this.#touched.add(address);
    this.#unsettled.delete(unit);
    if (unit.node === undefined) return;
    unit.node.units.delete(unit);
    unit.node.load -= unit.addresses.length;
    unit.node = undefined;
  }

  /** Node that has most of the addresses; the first one's, when several have. */
  #homeOf(addresses: readonly string[]): PlacedNode | undefined {
    const counts = new Map<string, number>();
    let home: string | undefined;
    for (const address of addresses) {
      const name = this.#told.get(address);
      if (name === undefined) continue;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      if (home === undefined || count > (counts.get(home) ?? 0)) home = name;
    }
    return home === undefined ? undefined : this.#nodeNamed(home);
  }

  #put(unit: Unit, node: PlacedNode | undefined): void {
    if (unit.node !== node) {
      for (const address of unit.addresses) this.#touched.add(address);
      if (unit.node !== undefined) {
        unit.node.units.delete(unit);
        unit.node.load -= unit.addresses.length;
      }
      unit.node = node;
      if (node !== undefined) {
        node.units.add(unit);
        node.load += unit.addresses.length;
      }
    }
    this.#judge(unit);
  }

  #judge(unit: Unit): void {
    const { node } = unit;
    const isSettled = node !== undefined && mayKeep(unit, node) && unit.avoided.get(node.name) !== 'leave';
    if (isSettled) this.#unsettled.delete(unit);
    else this.#unsettled.add(unit);
  }

  /** Finds a node for each unit that is not on a ready candidate, or on one to be avoided. */
  #settle(nowMs: number): void {
    if (this.#unsettled.size === 0) return;
    const ready = this.#ready();
    const trusted = ready.filter(({ standing }) => standing.isTrusted(nowMs));
    const welcome = trusted.filter(({ name }) => !this.#avoided.has(name));
    const capacity = this.#average(welcome.length || trusted.length) * this.#policy.slack;
    // In an order of their own, so that the result does not depend on the order in which they were told.
    const units = [...this.#unsettled].sort((a, b) => compare(a.addresses[0] ?? '', b.addresses[0] ?? ''));
    for (const unit of units) {
      const target = chooseWelcome(unit, trusted, capacity) ?? chooseWelcome(unit, ready, capacity);
      if (target !== undefined) this.#put(unit, target);
      else if (unit.node === undefined || !mayKeep(unit, unit.node)) {
        const lastResort = choose(unit, trusted, capacity) ?? choose(unit, ready, capacity);
        if (lastResort !== undefined || !mayStay(unit)) this.#put(unit, lastResort);
      }
    }
  }

  /** All on the node that has most now, if it can stay, else on the one that can serve most. */
  #placeOnOne(nowMs: number): void {
    const leader = this.#leader(nowMs);
    for (const unit of new Set(this.#unitOf.values())) {
      const mayHave = leader !== undefined && isCandidate(unit, leader.name);
      if (unit.node !== leader || !mayHave) this.#put(unit, mayHave ? leader : undefined);
    }
  }

  #leader(nowMs: number): PlacedNode | undefined {
    const servable = (node: PlacedNode) => {
      let sum = 0;
      for (const unit of this.#unitOf.values()) if (isCandidate(unit, node.name)) sum++;
      return sum;
    };
    const best = (nodes: readonly PlacedNode[], score: (node: PlacedNode) => number) =>
      nodes.reduce<PlacedNode | undefined>((chosen, node) => {
        if (chosen === undefined) return node;
        const difference = score(node) - score(chosen);
        return difference > 0 || (difference === 0 && outranks(ALL_ON_ONE, node, chosen)) ? node : chosen;
      }, undefined);
    const ready = this.#ready();
    const holding = [...this.#nodes.values()].filter(({ load }) => load > 0);
    const present = best(holding, ({ load }) => load);
    const avoidance = ({ name }: PlacedNode) => this.#avoided.get(name);
    const mayRemain = present?.standing.condition === 'ready' && servable(present) > 0;
    if (mayRemain && avoidance(present) !== 'leave') return present;
    const trusted = ready.filter(({ standing }) => standing.isTrusted(nowMs));
    const able = (nodes: readonly PlacedNode[]) => nodes.filter((node) => servable(node) > 0);
    const welcome = (nodes: readonly PlacedNode[]) =>
      able(nodes).filter((node) => avoidance(node) === undefined);
    const successor = best(welcome(trusted), servable) ?? best(welcome(ready), servable);
    if (successor !== undefined) return successor;
    if (mayRemain) return present;
    const lastResort = best(able(trusted), servable) ?? best(able(ready), servable);
    if (lastResort !== undefined) return lastResort;
    return present?.standing.condition === 'draining' ? present : undefined;
  }

  #ready(): readonly PlacedNode[] {
    return [...this.#nodes.values()].filter(({ standing }) => standing.condition === 'ready');
  }

  #average(nodes: number): number {
    return nodes === 0 ? 0 : this.#unitOf.size / nodes;
  }

  /** Moves one group for balance, if it is time and the loads are too far apart. */
  #rebalance(nowMs: number): void {
    const { rebalanceEveryMs } = this.#policy;
    if (rebalanceEveryMs === undefined) {
      this.#rebalanceMs = Number.POSITIVE_INFINITY;
      return;
    }
    if (nowMs < this.#rebalanceMs) return;
    if (nowMs < this.#lastRebalanceMs + rebalanceEveryMs) {
      this.#rebalanceMs = this.#lastRebalanceMs + rebalanceEveryMs;
      return;
    }
    const ready = this.#ready();
    const shift = this.#shift(
      ready,
      ready.filter(({ name, standing }) => standing.isSettled(nowMs) && !this.#avoided.has(name)),
    );
    if (shift === undefined) {
      this.#rebalanceMs = soonest(ready, nowMs);
      return;
    }
    this.#put(shift.unit, shift.to);
    this.#movedForBalance = shift.unit;
    this.#lastRebalanceMs = nowMs;
    this.#rebalanceMs = nowMs + rebalanceEveryMs;
  }

  /** The move that helps most: from the fullest node to the emptiest, of the group that likes the emptiest best. */
  #shift(donors: readonly PlacedNode[], receivers: readonly PlacedNode[]): Shift | undefined {
    // A node that has only just come does not count yet, or the others would shuffle among themselves meanwhile.
    const average = this.#average(receivers.length);
    const high = Math.ceil(average * this.#policy.slack);
    const low = Math.floor(average / this.#policy.slack);
    const fullestFirst = [...donors].sort((a, b) => b.load - a.load || compare(a.name, b.name));
    const emptiestFirst = [...receivers].sort((a, b) => a.load - b.load || compare(a.name, b.name));
    for (const to of emptiestFirst) {
      for (const from of fullestFirst) {
        if (from.load <= high && to.load >= low) break;
        const unit = mostWilling(from, to);
        if (unit !== undefined) return { unit, to };
      }
    }
    return undefined;
  }

  /** What differs from what the caller knows. */
  #tell(): readonly Move[] {
    if (this.#touched.size === 0) return NO_MOVES;
    const moves: Move[] = [];
    for (const address of this.#touched) {
      const from = this.#told.get(address);
      const unit = this.#unitOf.get(address);
      const to = unit?.node?.name;
      if (from === to) continue;
      moves.push({ address, from, to, reason: this.#reason(from, unit) });
      if (to === undefined) this.#told.delete(address);
      else this.#told.set(address, to);
    }
    this.#touched.clear();
    return moves;
  }

  #reason(from: string | undefined, unit: Unit | undefined): MoveReason {
    if (from === undefined) return 'placed';
    if (unit === undefined) return 'unwanted';
    const condition = this.#nodes.get(from)?.standing.condition ?? 'lost';
    if (condition === 'lost' || condition === 'ineligible') return condition;
    if (!isCandidate(unit, from)) return 'notCandidate';
    if (condition === 'draining') return 'drained';
    if (unit.avoided.get(from) === 'leave') return 'avoided';
    return unit === this.#movedForBalance ? 'rebalanced' : 'together';
  }
}

const NO_MOVES: readonly Move[] = [];
/** Orders nodes for the place of all addresses. */
const ALL_ON_ONE = rendezvousSeed('all');

interface Shift {
  readonly unit: Unit;
  readonly to: PlacedNode;
}
